"""Time on air. Pure.

LoRa: the formula of the SX1276 data sheet 4.1.1.7 with the two extra symbols and the 8 bits less
of SF5 and SF6 (SX1261/2 data sheet 6.1.4). Semtech's HAL takes the low data rate optimisation for
SF11 and SF12 whatever the bandwidth in this one calculation; its modems do not, and neither does
this (`LoRa.low_data_rate`).
"""

from __future__ import annotations

from functools import lru_cache

from .modulation import Cw, Fsk, LoRa, Modulation

LORA_PREAMBLE = 8  # symbols
FSK_PREAMBLE = 5  # bytes
FSK_SYNC_BYTES = 3
HEADER_SYMBOLS = 8  # the block that holds an explicit header; always sent


def default_preamble(modulation: Modulation) -> int:
    """What LoRaWAN sends: symbols for LoRa, bytes for FSK."""
    return FSK_PREAMBLE if isinstance(modulation, Fsk) else LORA_PREAMBLE


def airtime_us(
    modulation: Modulation,
    size: int,
    *,
    preamble: int | None = None,
    crc: bool = True,
    implicit_header: bool = False,
) -> int:
    """Microseconds, truncated, that `size` bytes of payload are on the air.

    `preamble` in symbols (LoRa) or bytes (FSK); None takes `default_preamble`. FSK counts a sync
    word of three bytes and the length byte. ValueError for a carrier: it has no end.
    """
    if isinstance(modulation, Cw):
        raise ValueError("a bare carrier has no time on air: it ends when it is aborted")
    if preamble is None:
        preamble = default_preamble(modulation)
    if isinstance(modulation, Fsk):
        bytes_sent = preamble + FSK_SYNC_BYTES + 1 + size + (2 if crc else 0)
        return 8_000_000 * bytes_sent // modulation.bitrate_bps
    return _lora_us(modulation, size, preamble, crc, implicit_header)


def payload_symbols(
    modulation: LoRa, size: int, *, crc: bool = True, implicit_header: bool = False
) -> int:
    """Symbols after the header block, for a payload of `size` bytes."""
    sf = modulation.sf
    bits = 8 * size + (16 if crc else 0) - 4 * sf
    bits += (8 if sf >= 7 else 0) + (0 if implicit_header else 20)
    bits_per_block = 4 * (sf - 2 * modulation.low_data_rate)
    return -(-max(bits, 0) // bits_per_block) * (modulation.coding_rate + 4)


@lru_cache(maxsize=1024)
def _lora_us(modulation: LoRa, size: int, preamble: int, crc: bool, implicit_header: bool) -> int:
    sync_quarters = 25 if modulation.sf < 7 else 17  # 6.25 or 4.25 symbols
    symbols = preamble + HEADER_SYMBOLS
    symbols += payload_symbols(modulation, size, crc=crc, implicit_header=implicit_header)
    quarters = 4 * symbols + sync_quarters
    return quarters * (1_000_000 << modulation.sf) // (4 * modulation.bw_hz)
