"""What a board cannot send, and the line of its gain table for what it can. Pure.

Limits as sx1302_hal: lgw_send; but less power than the lowest entry is refused, not exceeded.
"""

from __future__ import annotations

from .config import ConcentratorConfig, RadioConfig, TxGain
from .errors import TxRefusal, TxRefused
from .frames import TxFrame
from .modulation import BANDWIDTHS_HZ, CODING_RATES, SPREADING_FACTORS, Cw, Fsk, LoRa

MOST_BYTES = 255
MOST_PREAMBLE = 0xFFFF
FSK_DEVIATION_HZ = (1_000, 200_000)
FSK_BITRATE_BPS = (500, 250_000)
CW_MOST_OFFSET_HZ = 490_000  # the deviation that carries it has twelve bits


def check(frame: TxFrame, config: ConcentratorConfig) -> None:
    """Raise TxRefused if this board can never send `frame`; power is `choose_gain`'s matter."""
    carrier = isinstance(frame.modulation, Cw)
    if not (carrier or frame.payload) or len(frame.payload) > MOST_BYTES:
        raise TxRefused(TxRefusal.SIZE, f"{len(frame.payload)} came")
    if not 0 <= frame.rf_chain < len(config.radios):
        raise TxRefused(TxRefusal.CHAIN, f"there is no RF chain {frame.rf_chain}")
    _check_radio(frame, config.radios[frame.rf_chain])
    fault = _modulation_fault(frame)
    if fault:
        raise TxRefused(TxRefusal.MODULATION, fault)


def _check_radio(frame: TxFrame, radio: RadioConfig) -> None:
    if not (radio.enable and radio.tx_enable):
        raise TxRefused(TxRefusal.CHAIN, f"tx_enable of radio_{frame.rf_chain} is off")
    low, high = radio.tx_freq_min_hz, radio.tx_freq_max_hz
    if not low <= frame.freq_hz <= high:
        raise TxRefused(TxRefusal.FREQ, f"{frame.freq_hz} Hz, {low} to {high} Hz is allowed")


def _modulation_fault(frame: TxFrame) -> str:
    if frame.preamble is not None and not 0 <= frame.preamble <= MOST_PREAMBLE:
        return f"preamble {frame.preamble}, 0 to {MOST_PREAMBLE} expected"
    match frame.modulation:
        case LoRa(sf=sf, bw_hz=bw_hz, coding_rate=rate):
            known = sf in SPREADING_FACTORS and bw_hz in BANDWIDTHS_HZ and rate in CODING_RATES
            wanted = "SF5-12 at 125, 250 or 500 kHz with coding rate 1 to 4 expected"
            return "" if known else f"SF{sf} at {bw_hz} Hz, coding rate {rate}; {wanted}"
        case Fsk(bitrate_bps=bitrate, deviation_hz=deviation):
            return _outside("bit rate", bitrate, FSK_BITRATE_BPS) or _outside(
                "deviation", deviation, FSK_DEVIATION_HZ
            )
        case Cw(offset_hz=offset):
            return _outside("offset", offset, (-CW_MOST_OFFSET_HZ, CW_MOST_OFFSET_HZ))


def _outside(what: str, value: int, limits: tuple[int, int]) -> str:
    low, high = limits
    return "" if low <= value <= high else f"{what} {value}, {low} to {high} expected"


def choose_gain(gains: tuple[TxGain, ...], power_dbm: float, *, allow_lowest: bool) -> TxGain:
    """The strongest entry that gives no more than `power_dbm`; TxRefused(POWER) if none does.

    With `allow_lowest` the weakest entry serves whoever asks for less.
    """
    fitting = [gain for gain in gains if gain.rf_power_dbm <= power_dbm]
    if fitting:
        return max(fitting, key=_power)
    lowest = min(gains, key=_power, default=None)
    if lowest is None:
        raise TxRefused(TxRefusal.POWER, "the RF chain has no gain table")
    if allow_lowest:
        return lowest
    detail = f"{power_dbm:g} dBm asked, the lowest entry is {lowest.rf_power_dbm} dBm"
    raise TxRefused(TxRefusal.POWER, detail)


def _power(gain: TxGain) -> int:
    return gain.rf_power_dbm
