"""The AGC MCU's hand-shake: gain control gets its parameters, one step after the other.

Each step puts bytes into mailboxes 0 to 2, gives "go" by writing mailbox 3, waits for the next
status and compares what the MCU echoes. Source: sx1302_hal: sx1302_agc_start; the values are those
of loragw_agc_params.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..clock import Clock
from ..transport.base import Op
from . import mcu
from .chip import Sx1302, Unexpected, field_ops
from .registers import AgcMcu

VERSION_SX1250, VERSION_SX125X = 10, 6
AUTO_GAIN = 0xFF
PA_START_DELAY = 8  # units of 100 us
END = 0x0F

MAILBOXES = (AgcMcu.MAIL_BOX_WR_BYTE0, AgcMcu.MAIL_BOX_WR_BYTE1, AgcMcu.MAIL_BOX_WR_BYTE2)


@dataclass(frozen=True, slots=True)
class Shake:
    """`go` is written to mailbox 3 after `values` to 0, 1, 2; `status` and `echo` come back."""

    name: str
    go: int
    values: tuple[int, ...]
    status: int
    echo: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Gains:
    """Parameters of the gain control that belong to a kind of radio."""

    analog: tuple[int, int]  # lowest and highest, then the thresholds
    analog_thresholds: tuple[int, int]
    decimator: tuple[int, int]
    decimator_thresholds: tuple[int, int, int]
    amplifier: tuple[int, int, int] | None  # device, hpMax, duty cycle; the SX1250's own


GAINS_SX1250 = Gains((1, 13), (3, 12), (4, 15), (40, 80, 90), (0, 7, 4))
GAINS_SX125X = Gains((0, 9), (16, 35), (7, 11), (45, 100, 115), None)


def shakes(*, lbt: bool, sx1250: bool = True, full_duplex: bool = False) -> list[Shake]:
    """All of the hand-shake. With SX1250 the gain steps echo a duplex flag of 0, never written."""
    gain = (AUTO_GAIN, AUTO_GAIN)
    told = gain if sx1250 else (*gain, int(full_duplex))
    duplex = 0 if sx1250 else int(full_duplex)
    gains = GAINS_SX1250 if sx1250 else GAINS_SX125X
    steps = [
        Shake("gain of radio A", 0x80, told, 0x02, (*gain, duplex)),
        Shake("gain of radio B", 0x20, told, 0x03, (*gain, duplex)),
    ]
    parameters: list[tuple[str, int, tuple[int, ...], int]] = [
        ("analog gain, lowest and highest", 0x03, gains.analog, 0x04),
        ("analog gain thresholds", 0x04, gains.analog_thresholds, 0x05),
        ("decimator attenuation, lowest and highest", 0x05, gains.decimator, 0x06),
        ("decimator thresholds", 0x06, gains.decimator_thresholds, 0x07),
        ("channel attenuation, lowest and highest", 0x07, (4, 14), 0x08),
        ("channel thresholds", 0x08, (52, 132), 0x09),
    ]
    if gains.amplifier is not None:
        name = "power amplifier: device, hpMax, duty cycle"
        parameters.append((name, 0x09, gains.amplifier, 0x0A))
    parameters += [
        ("power amplifier start delay", 0x0A, (PA_START_DELAY,), 0x0B),
        ("listen before talk", 0x0B, (int(lbt),), 0x0F),
    ]
    steps += [Shake(name, go, values, status, values) for name, go, values, status in parameters]
    return steps


def start(
    chip: Sx1302, clock: Clock, *, lbt: bool, sx1250: bool = True, full_duplex: bool = False
) -> None:
    """From a loaded program to a running AGC. Raises Unexpected; never waits for ever."""
    expected = VERSION_SX1250 if sx1250 else VERSION_SX125X
    answer = mcu.exchange(chip, clock, mcu.AGC, (), 0x01, AgcMcu.MAIL_BOX_RD, "after its start")
    version = answer[-1]
    if version != expected:
        raise Unexpected(
            f"AGC firmware version {expected}",
            str(version),
            "the image for another kind of radio, or of another release, is installed",
        )
    for shake in shakes(lbt=lbt, sx1250=sx1250, full_duplex=full_duplex):
        _shake(chip, clock, shake)
    chip.write(AgcMcu.MAIL_BOX_WR_BYTE3, END)


def _shake(chip: Sx1302, clock: Clock, shake: Shake) -> None:
    ops: list[Op] = []
    for mailbox, value in zip(MAILBOXES, shake.values, strict=False):
        ops += field_ops(mailbox, value)
    ops += field_ops(AgcMcu.MAIL_BOX_WR_BYTE3, shake.go)
    what = f"after '{shake.name}'"
    answer = mcu.exchange(chip, clock, mcu.AGC, ops, shake.status, AgcMcu.MAIL_BOX_RD, what)
    echo = tuple(reversed(answer))[: len(shake.echo)]
    if echo != shake.echo:
        raise Unexpected(
            f"the AGC to echo {list(shake.echo)} for '{shake.name}'",
            str(list(echo)),
            "the bus flips bits",
            "the AGC firmware is of another release",
        )
