"""The two radios at start-up: reset, calibration, set-up, and the clock that they give the chip.

Whatever waits, waits for both at once. Source: sx1302_hal: sx1302_radio_reset,
sx1302_radio_clock_select, sx1302_radio_calibrate, lgw_start.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from ..clock import Clock
from ..config import ConcentratorConfig
from ..radio import sx125x, sx1250
from ..transport.base import Command, Target
from . import calibration, front_ends
from .chip import Setting, Sx1302, Unexpected, field_ops, one_by_one, settings_ops
from .firmware import Firmware
from .registers import RF_EN, AgcMcu, ClkCtrl, Common
from .targets import CAUSES, NAMES, RADIOS

POWER_UP_S = 0.5  # from enabling a radio to its reset
RESET_S = 0.01  # the reset pulse, and the radio's own calibration after it


def calibrate(
    chip: Sx1302, clock: Clock, config: ConcentratorConfig, firmware: Firmware
) -> ConcentratorConfig:
    """Calibrate every enabled radio, with amplifiers off. Raises Unexpected.

    Gives `config` with what was found; with SX1250 radios, which correct themselves, as it was.
    """
    enabled = _enabled(config)
    _reset(chip, clock, config, POWER_UP_S)
    _select_clock(chip, config.clock_source)
    chip.transfer(
        [
            *field_ops(AgcMcu.FORCE_HOST_FE_CTRL, 1),
            *settings_ops(((RF_EN[0].PA_EN, 0), (RF_EN[0].LNA_EN, 0))),
        ]
    )
    if config.sx1250:
        sequences = [sx1250.calibration(config.radios[index].freq_hz) for index in enabled]
        side_by_side(chip, clock, [RADIOS[index] for index in enabled], sequences)
    else:
        config = calibration.calibrate(chip, clock, config, firmware.calibration)
    chip.write(AgcMcu.FORCE_HOST_FE_CTRL, 0)
    return config


def set_up(chip: Sx1302, clock: Clock, config: ConcentratorConfig) -> None:
    """Reset again, start continuous reception, and hand the radios to the AGC.

    Semtech's library waits another half second for each radio before this reset. They have had
    power and a raised reset line since the calibration, so there is nothing to wait for.
    """
    enabled = _enabled(config)
    _reset(chip, clock, config, 0.0)
    radios = [config.radios[index] for index in enabled]
    targets = [RADIOS[index] for index in enabled]
    if config.sx1250:
        sequences = [
            sx1250.setup(radio.freq_hz, single_input=radio.single_input) for radio in radios
        ]
        side_by_side(chip, clock, targets, sequences)
    else:
        clocks = RADIOS[config.clock_source]
        front_ends.receive(chip, clock, list(zip(targets, radios, strict=True)), clocks)
    _select_clock(chip, config.clock_source)
    chip.write(Common.HOST_RADIO_CTRL, 0)


def _enabled(config: ConcentratorConfig) -> list[int]:
    return [index for index, radio in enumerate(config.radios) if radio.enable]


def _reset(chip: Sx1302, clock: Clock, config: ConcentratorConfig, power_up_s: float) -> None:
    """Pulse the reset of all radios at once; the chip runs from the SPI clock meanwhile.

    Low is reset for an SX1250, high for an SX1255 or SX1257.
    """
    enabled = _enabled(config)
    places = [RF_EN[index] for index in enabled]
    levels = (0, 1) if config.sx1250 else (0,)
    chip.transfer(
        [
            *field_ops(Common.CLK32_RIF_CTRL, 0),
            *one_by_one((place.RADIO_EN, 1) for place in places),
            *one_by_one((place.RADIO_RST, 1) for place in places),
        ]
    )
    clock.sleep(power_up_s if config.sx1250 else max(power_up_s, sx125x.RESET_S))
    for level in levels:
        chip.transfer(one_by_one((place.RADIO_RST, level) for place in places))
        clock.sleep(RESET_S)
    modes = (Common.SX1261_MODE_RADIO_A, Common.SX1261_MODE_RADIO_B)
    chip.apply((modes[index], int(config.sx1250)) for index in enabled)


def _select_clock(chip: Sx1302, source: int) -> None:
    select: list[Setting] = [
        (ClkCtrl.CLK_RADIO_A_SEL, int(source == 0)),
        (ClkCtrl.CLK_RADIO_B_SEL, int(source == 1)),
        (ClkCtrl.CLKDIV_EN, 1),
        (Common.CLK32_RIF_CTRL, 1),
    ]
    chip.transfer(one_by_one(select))


def side_by_side(
    chip: Sx1302,
    clock: Clock,
    targets: Sequence[Target],
    sequences: Sequence[Sequence[sx1250.Action]],
) -> None:
    """Run one sequence for each radio, in step, so that they wait together. Raises Unexpected."""
    for actions in zip_longest(*sequences):
        pairs = [
            (target, action)
            for target, action in zip(targets, actions, strict=True)
            if action is not None
        ]
        answers = chip.transfer(
            [Command(target, action.opcode, action.args) for target, action in pairs]
        )
        for (target, action), answer in zip(pairs, answers, strict=True):
            _check(target, action.expect, answer)
        clock.sleep(max(action.settle_s for _, action in pairs))


def _check(target: Target, expect: sx1250.Expect | None, answer: bytes) -> None:
    if expect is None or answer[expect.index] & expect.mask == expect.value:
        return
    raise Unexpected(f"{NAMES[target]}: {expect.meaning}", f"0x{answer.hex()}", *CAUSES)
