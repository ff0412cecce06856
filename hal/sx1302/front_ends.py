"""SX1255 and SX1257 radios over the bus: write and compare, PLLs, set-up to receive.

Source: sx1302_hal: sx125x_reg_w, which reads back what it writes, and sx125x_setup.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from ..clock import Clock
from ..config import RadioConfig
from ..radio import sx125x
from ..transport.base import Command, Target
from .chip import Sx1302, Unexpected
from .targets import CAUSES, NAMES

log = logging.getLogger(__name__)


def apply(chip: Sx1302, target: Target, settings: Iterable[sx125x.Setting]) -> None:
    """Make `settings` and read them back; two transfers. Raises Unexpected."""
    bytes_ = sx125x.merged(settings)
    olds = chip.transfer([Command(target, address, b"\0") for address, _, _ in bytes_])
    ops, wanted = [], []
    for (address, mask, bits), old in zip(bytes_, olds, strict=True):
        value = old[0] & ~mask | bits
        wanted.append((address, value))
        ops += [sx125x.write(target, address, value), Command(target, address, b"\0")]
    answers = chip.transfer(ops)[1::2]
    for (address, value), answer in zip(wanted, answers, strict=True):
        if answer[0] != value:
            raise Unexpected(
                f"{NAMES[target]}: register {address:#04x} to hold {value:#04x}",
                f"{answer[0]:#04x}",
                *CAUSES,
                "the bus flips bits: lower its speed, check wiring and supply",
            )


def locked(chip: Sx1302, target: Target, bits: int) -> bool:
    """Whether the PLLs of `bits` run."""
    (status,) = chip.transfer((sx125x.read(target, sx125x.MODE_STATUS),))
    return status[0] & bits == bits


def receive(
    chip: Sx1302,
    clock: Clock,
    radios: Sequence[tuple[Target, RadioConfig]],
    clock_source: Target,
) -> None:
    """From reset to reception. Raises Unexpected."""
    for target, radio in radios:
        _identify(chip, target)
        settings = sx125x.setup(radio.kind, radio.freq_hz, clock_out=target is clock_source)
        apply(chip, target, settings)
    for target, _ in radios:
        _start_pll(chip, clock, target)


def _identify(chip: Sx1302, target: Target) -> None:
    (version,) = chip.transfer((sx125x.read(target, sx125x.VERSION),))
    log.debug("%s: version %#04x", NAMES[target], version[0])
    if version[0] in sx125x.SILENCE:
        raise Unexpected(f"{NAMES[target]}: a version", f"{version[0]:#04x}", *CAUSES)


def _start_pll(chip: Sx1302, clock: Clock, target: Target) -> None:
    for _ in range(sx125x.PLL_ATTEMPTS):
        for mode in (sx125x.STANDBY, sx125x.STANDBY | sx125x.RX):
            apply(chip, target, [(sx125x.MODE, mode)])
        clock.sleep(sx125x.PLL_S)
        if locked(chip, target, sx125x.RX_PLL_LOCKED):
            return
    raise Unexpected(
        f"{NAMES[target]}: its PLL to lock",
        f"not locked after {sx125x.PLL_ATTEMPTS} attempts",
        "the radio's crystal does not run",
        *CAUSES,
    )
