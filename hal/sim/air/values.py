"""What is put on the simulated air and what comes back from it. Values; pure.

Times are nanoseconds of the clock that the boards run on; positions are metres on a flat map,
height last; powers are dBm, radiated (EIRP) for a transmission and at the antenna connector for a
reception.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ...frames import Crc
from ...modulation import BANDWIDTHS_HZ, SPREADING_FACTORS
from .timing import frame_end_ns

Position = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Pinned:
    """One recorded reception at one board: these figures come out, whatever the air is like.

    `rssi_dbm` is the channel's (signal and noise), as `rssi` of an rxpk. `coding_rate` 0 is what
    the chip reported for a header that made no sense (`codr` "OFF").
    """

    rssi_dbm: float
    snr_db: float
    crc: Crc = Crc.OK
    coding_rate: int = 1


@dataclass(frozen=True, slots=True)
class Transmission:
    """One frame that somebody sends.

    `who` names the sender: shadowing belongs to (who, board), and a sender's n-th frame draws the
    same fading whatever others do. `sf` None is FSK at `bitrate_bps`. `preamble` is symbols (bytes
    for FSK); None is the modulation's default. `label` is what a person calls the frame ("fcnt=7").
    With `pinned` it is a recorded reception, heard by the named boards only and untouched by path
    loss and interference; power and position then mean nothing.
    """

    who: str
    payload: bytes
    start_ns: int
    freq_hz: float
    sf: int | None
    bw_hz: int = 125_000
    coding_rate: int = 1
    power_dbm: float = 14.0
    at: Position = (0.0, 0.0, 0.0)
    preamble: int | None = None
    crc: bool = True
    implicit: bool = False
    invert: bool = False
    public: bool = True
    bitrate_bps: int | None = None
    crystal_ppm: float = 0.0
    label: str = ""
    pinned: Mapping[str, Pinned] | None = None

    @property
    def end_ns(self) -> int:
        """End of the last symbol, by the modem's time on air (SX1302 data sheet's formula)."""
        return frame_end_ns(self)


@dataclass(frozen=True, slots=True)
class Downlink:
    """What a device's receive window caught: an emission of the board `board`, at its end."""

    payload: bytes
    board: str
    start_ns: int
    end_ns: int
    freq_hz: float
    sf: int | None
    bw_hz: int
    coding_rate: int
    crc_ok: bool
    rssi_dbm: float
    snr_db: float


@dataclass(frozen=True, slots=True)
class Listen:
    """A device's receive window: it detects preambles from `from_ns` to `to_ns`.

    `on_result` is called exactly once, from `Air.advance`: with a `Downlink` at the end of the
    first frame whose preamble was detected (its CRC may be bad), or with None once the window has
    closed without one, or when the detected frame could not be followed to its end. `invert` is the
    polarity listened for; LoRaWAN downlinks are inverted.
    """

    who: str
    at: Position
    freq_hz: float
    sf: int | None
    from_ns: int
    to_ns: int
    on_result: Callable[[Downlink | None], None]
    bw_hz: int = 125_000
    invert: bool = True
    public: bool = True
    noise_figure_db: float = 6.0


@dataclass(frozen=True, slots=True)
class Interferer:
    """A fault: noise that is no frame, as strong at every named board (all, if none is named).

    It is on for `duty` of every `period_ns`, from `from_ns` to `to_ns`.
    """

    freq_hz: float
    power_dbm: float
    from_ns: int
    to_ns: int
    bw_hz: int = 125_000
    duty: float = 1.0
    period_ns: int = 100_000_000
    boards: frozenset[str] = frozenset()


def check_modulation(sf: int | None, bw_hz: int, bitrate_bps: int | None = 1) -> None:
    """ValueError for what no radio here sends."""
    if sf is None:
        if not bitrate_bps or bitrate_bps < 0:
            raise ValueError(f"bitrate_bps is {bitrate_bps}; FSK (sf None) needs a positive one")
    elif sf not in SPREADING_FACTORS or bw_hz not in BANDWIDTHS_HZ:
        raise ValueError(f"SF{sf} at {bw_hz} Hz; SF 5 to 12 at {BANDWIDTHS_HZ} Hz expected")
