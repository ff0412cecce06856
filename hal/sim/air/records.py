"""From what a demodulator made of the air to the records that the chip writes; pure."""

from __future__ import annotations

from ...frames import Crc
from ..values import ChainKind, HeardFrame, IfChain
from .chance import Chance
from .propagation import SNR_CEILING_DB, channel_rssi_dbm
from .reception import Reception

# Metric pairs that a precision timestamp comes with (sx1302_hal: precise_timestamp_calculate).
METRIC_PAIRS = {10: 16, 11: 8, 12: 4}
MOST_METRIC_PAIRS = 32
SECOND_MODEM_NS = 1_000  # the two records of one frame differ by about a microsecond

BURST_SIZES = (1, 1, 1, 9, 251)  # as sniffers report them
BURST_SFS = (7, 7, 7, 8, 9, 10, 12)


def records(rx: Reception, payload: bytes, *, good: bool) -> list[HeardFrame]:
    """One record a modem; of two, the second carries the metrics of a precision timestamp."""
    frame, pinned = rx.frame, rx.pinned
    assert rx.chain is not None
    crc_present = frame.crc if pinned is None else pinned.crc is not Crc.NONE
    made = []
    for place, modem in enumerate(rx.modems):
        fine = place > 0
        made.append(
            HeardFrame(
                payload=payload,
                end_ns=rx.end_ns + rx.jitter_ns + (SECOND_MODEM_NS if fine else 0),
                chan=rx.chain.chan,
                modem=modem,
                sf=frame.sf,
                bw_hz=frame.bw_hz,
                coding_rate=frame.coding_rate if pinned is None else pinned.coding_rate,
                crc_present=crc_present,
                crc_ok=good or not crc_present,
                rssi_channel_dbm=channel_rssi_dbm(rx.power_dbm, rx.snr_db),
                rssi_signal_dbm=rx.power_dbm,
                snr_db=min(rx.snr_db, SNR_CEILING_DB) if pinned is None else rx.snr_db,
                freq_offset_hz=rx.offset_hz if pinned is None else 0.0,
                bitrate_bps=frame.bitrate_bps,
                timing_set=fine,
                ts_metrics=bytes(2 * _pairs(frame.sf)) if fine else b"",
            )
        )
    return made


def _pairs(sf: int | None) -> int:
    return METRIC_PAIRS.get(sf or 7, MOST_METRIC_PAIRS)


def damaged(payload: bytes, chance: Chance, *name: str | int) -> bytes:
    """`payload` with some bytes wrong, as a failed CRC leaves it; always the same ones."""
    if not payload:
        return payload
    spoiled = bytearray(payload)
    for at, noise in enumerate(chance.data(4, "damage", *name)):
        spoiled[(noise * 7 + at) % len(spoiled)] ^= noise | 1
    return bytes(spoiled) if spoiled != payload else payload[:-1] + bytes([payload[-1] ^ 1])


def noise_burst(
    chance: Chance, chain: IfChain, modem: int, end_ns: int, *name: str | int
) -> HeardFrame:
    """Something that looked like a frame and was none: bad CRC, no coding rate."""
    size_at, sf_at, snr_at, power_at = chance.draws("burst", *name)
    sfs = [sf for sf in BURST_SFS if sf in chain.sfs] or list(chain.sfs)
    sf = sfs[int(sf_at * len(sfs))]
    size = BURST_SIZES[int(size_at * len(BURST_SIZES))]
    snr_db = -12.0 + 8.0 * snr_at
    power_dbm = -122.0 + 12.0 * power_at
    return HeardFrame(
        payload=chance.data(size, "burst", *name),
        end_ns=end_ns,
        chan=chain.chan,
        modem=modem,
        sf=sf,
        bw_hz=chain.bw_hz,
        coding_rate=0,
        crc_present=True,
        crc_ok=False,
        rssi_channel_dbm=channel_rssi_dbm(power_dbm, snr_db),
        rssi_signal_dbm=power_dbm,
        snr_db=snr_db,
        freq_offset_hz=(snr_at - 0.5) * chain.bw_hz / 8,
        bitrate_bps=None,
    )


def is_multi(chain: IfChain) -> bool:
    return chain.kind is ChainKind.MULTI and chain.enabled and bool(chain.sfs)
