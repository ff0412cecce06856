"""What became of a frame at each board, and how a person is told. Values and text; pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .interference import Breach
from .values import Transmission


class Outcome(Enum):
    """One word a frame and board. Only the first three put something into the FIFO."""

    RECEIVED = "received"
    CRC_BAD = "received with a bad CRC"
    GHOST = "received on another channel too"
    OFF_CHANNEL = "off channel"
    SF_NOT_ENABLED = "spreading factor not enabled"
    WRONG_SYNC_WORD = "wrong sync word"
    INVERTED_IQ = "inverted IQ"
    BELOW_SENSITIVITY = "below sensitivity"
    NO_PREAMBLE = "no preamble: interference"
    OWN_SF = "own-SF collision"
    OTHER_SF = "other-SF interference"
    NOISE = "interference that is no frame"
    NO_DEMODULATOR = "no demodulator"
    TRANSMITTING = "gateway transmitting"
    FIFO_OVERFLOW = "FIFO overflow"
    RESET = "chip reset"

    @property
    def stored(self) -> bool:
        return self in (Outcome.RECEIVED, Outcome.CRC_BAD, Outcome.GHOST)


def collision(breach: Breach, sf: int | None) -> Outcome:
    """The word for a frame of `sf` that `breach` destroyed."""
    if breach.sf is None:
        return Outcome.NOISE
    return Outcome.OWN_SF if breach.sf == sf else Outcome.OTHER_SF


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one board made of one frame.

    `chan` and `modem` are None where it never came that far. `breach` is the interference that
    decided, `busy` the frames that had the demodulators this one wanted.
    """

    board: str
    outcome: Outcome
    power_dbm: float
    snr_db: float
    floor_db: float
    chan: int | None = None
    modem: int | None = None
    breach: Breach | None = None
    busy: tuple[str, ...] = ()
    ghost: bool = False


@dataclass(slots=True)
class Report:
    """One frame's story; `verdicts` is complete once `done`."""

    number: int
    frame: Transmission
    verdicts: list[Verdict]
    done: bool = False


def title(number: int, frame: Transmission) -> str:
    """How a frame is called in texts."""
    return f"#{number} {frame.who} {frame.label}".rstrip()


def describe(report: Report, boards: dict[str, str]) -> str:
    """The whole story; `boards` says of each board why it has no verdict."""
    frame = report.frame
    datr = f"SF{frame.sf}BW{frame.bw_hz // 1000}" if frame.sf else f"FSK {frame.bitrate_bps} bit/s"
    lines = [
        f"{title(report.number, frame)}: {len(frame.payload)} bytes, {datr}, "
        f"{frame.freq_hz / 1e6:.3f} MHz, {frame.power_dbm:g} dBm, "
        f"{frame.start_ns / 1e9:.6f} s to {frame.end_ns / 1e9:.6f} s"
    ]
    if not report.done:
        lines.append("  still on the air")
    heard = {verdict.board for verdict in report.verdicts}
    lines += [f"  {verdict.board}: {sentence(verdict)}" for verdict in report.verdicts]
    lines += [f"  {name}: {why}" for name, why in boards.items() if name not in heard]
    return "\n".join(lines)


def sentence(verdict: Verdict) -> str:
    """One board's verdict with the numbers that decided it."""
    level = (
        f"{verdict.power_dbm:.1f} dBm, SNR {verdict.snr_db:.1f} dB (floor {verdict.floor_db:.1f})"
    )
    where = f"channel {verdict.chan}" if verdict.chan is not None else "no channel"
    if verdict.modem is not None:
        where += f", demodulator {verdict.modem}"
    word = verdict.outcome.value if verdict.outcome.stored else f"lost: {verdict.outcome.value}"
    ghost = " (ghost)" if verdict.ghost else ""
    return f"{word}{ghost}; {where}; {level}{_cause(verdict)}"


def _cause(verdict: Verdict) -> str:
    text = ""
    if verdict.breach is not None:
        breach = verdict.breach
        over = "noise with " if breach.sf is None else ""
        text += (
            f"; {breach.ratio_db:.1f} dB over {over}{breach.culprit}, "
            f"{breach.needed_db:.1f} dB needed"
        )
    elif verdict.outcome is Outcome.CRC_BAD:
        text += "; noise"
    if verdict.busy:
        text += f"; all {len(verdict.busy)} that could take it were busy: "
        text += ", ".join(sorted(set(verdict.busy)))
    return text
