"""What goes over the seam between the driver and whoever uses it. Values; pure.

`*_us` are microseconds on the concentrator's unwrapped 64-bit line (`counter.py`); its low 32 bits
are what Semtech's protocol calls `tmst`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .modulation import Fsk, LoRa, Modulation


class Crc(Enum):
    """State of the payload CRC; the value is what Semtech's protocol writes in `stat`."""

    OK = 1
    BAD = -1
    NONE = 0


@dataclass(frozen=True, slots=True)
class RxFrame:
    """One frame that the concentrator received.

    `counter_us` is the end of the frame on the air. `rssi_*_dbm` are calibrated and compensated for
    temperature, not rounded; `rssi_signal_dbm` and `snr_db` are None for FSK. `fine_time_ns` is
    nanoseconds after the last PPS edge (SX1303, precision mode) or None.
    """

    payload: bytes
    counter_us: int
    freq_hz: int
    modulation: LoRa | Fsk
    crc: Crc
    if_chain: int
    rf_chain: int
    modem: int
    rssi_channel_dbm: float
    rssi_signal_dbm: float | None
    snr_db: float | None
    freq_offset_hz: int
    fine_time_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Immediate:
    """As soon as the frame is programmed."""


@dataclass(frozen=True, slots=True)
class AtCounter:
    """The first symbol leaves at this instant of the unwrapped line."""

    counter_us: int


@dataclass(frozen=True, slots=True)
class OnPps:
    """At the next PPS edge.

    `edge_us` is when that edge is expected, on the unwrapped line: a frame that is not in the chip
    by then is refused instead of leaving a second late. None: whichever edge comes next.
    """

    edge_us: int | None = None


TxStart = Immediate | AtCounter | OnPps


@dataclass(frozen=True, slots=True)
class TxFrame:
    """One frame to send. `power_dbm` is conducted, at the board's connector.

    `preamble` is symbols (LoRa) or bytes (FSK); None takes the modulation's default (8 and 5).
    """

    payload: bytes
    freq_hz: int
    power_dbm: float
    modulation: Modulation
    start: TxStart = Immediate()
    rf_chain: int = 0
    preamble: int | None = None
    crc: bool = True
    implicit_header: bool = False
    invert_polarity: bool = False


@dataclass(frozen=True, slots=True)
class TxReceipt:
    """What was programmed: the power that the gain table gave, and the predicted emission."""

    power_dbm: float
    start_us: int
    airtime_us: int


class TxState(Enum):
    """State of one TX chain (register TX_FSM_STATUS, sx1302_hal: sx1302_tx_status)."""

    FREE = "free"
    SCHEDULED = "scheduled"
    EMITTING = "emitting"
    UNKNOWN = "unknown"
