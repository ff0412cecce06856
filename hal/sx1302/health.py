"""The registers that tell a running chip from one that was reset, stalled or lost. Pure.

A chip that resets on its own answers every read and receives nothing; only these bits show it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..transport.base import Op, Read
from .registers import AgcMcu, ArbMcu, Common, Gpio

CONFIG_DONE = 1  # GPIO 0, the board's LED, set by the last step of the start-up
ENABLES = (
    Common.GLOBAL_EN.mask
    | Common.FSK_MODEM_ENABLE.mask
    | Common.CONCENTRATOR_MODEM_ENABLE.mask
    | Common.MBWSSF_MODEM_ENABLE.mask
)

OPS: tuple[Op, ...] = (
    Read(Common.VERSION.address, 1),
    Read(Gpio.OUT_L_OUT_VALUE.address, 1),
    Read(Common.GLOBAL_EN.address, 1),
    Read(AgcMcu.PARITY_ERROR.address, 2),
    Read(ArbMcu.PARITY_ERROR.address, 2),
)


@dataclass(frozen=True, slots=True)
class Health:
    """One look at the chip. `counter_stands` compares with the look before."""

    version: int
    config_done: bool
    modems_enabled: bool
    agc_parity_error: bool
    arb_parity_error: bool
    agc_status: int
    arb_status: int
    counter_stands: bool
    now_us: int

    def faults(self) -> list[str]:
        """What is wrong, worst first; empty for a chip that works."""
        if self.version in (0x00, 0xFF):
            return [f"the chip does not answer (version reads {self.version:#04x})"]
        wrong = (
            (not self.config_done, "the chip was reset: its configuration is gone"),
            (self.config_done and not self.modems_enabled, "the demodulators are switched off"),
            (self.counter_stands, "the chip's counter stands still"),
            (self.agc_parity_error, "the AGC firmware has a parity error"),
            (self.arb_parity_error, "the ARB firmware has a parity error"),
        )
        return [text for is_wrong, text in wrong if is_wrong]


def read_out(answers: list[bytes], *, counter_stands: bool, now_us: int) -> Health:
    """Health from the answers to OPS."""
    version, outputs, enables, agc, arb = answers
    return Health(
        version=version[0],
        config_done=bool(outputs[0] & CONFIG_DONE),
        modems_enabled=enables[0] & ENABLES == ENABLES,
        agc_parity_error=bool(agc[0] & AgcMcu.PARITY_ERROR.mask),
        arb_parity_error=bool(arb[0] & ArbMcu.PARITY_ERROR.mask),
        agc_status=agc[1],
        arb_status=arb[1],
        counter_stands=counter_stands,
        now_us=now_us,
    )
