"""The two embedded controllers as the host sees them: boot, hand-shake, LBT result (section 5).

No firmware is executed: whatever image the host loads, the controllers answer as the one that
belongs to the radios would.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from hashlib import sha256

from . import map as at
from .calibration import Calibration
from .registers import RegisterFile

_HOLD = 1 << 2
_HOST_OWNS_MEMORY = 1 << 1
_HOST_HAS_FRONT_ENDS = 1 << 3

AGC_VERSION_SX1250 = 10
AGC_VERSION_SX125X = 6
ARB_VERSION = 2

# Status now, and the go code that moves it on; what is not here is ignored.
_AGC_STEPS = {
    (0x01, 0x80): 0x02,
    (0x02, 0x20): 0x03,
    (0x03, 0x03): 0x04,
    (0x04, 0x04): 0x05,
    (0x05, 0x05): 0x06,
    (0x06, 0x06): 0x07,
    (0x07, 0x07): 0x08,
    (0x08, 0x08): 0x09,
    (0x09, 0x09): 0x0A,
    (0x09, 0x0A): 0x0B,  # SX125x boards leave out step 0x09
    (0x0A, 0x0A): 0x0B,
    (0x0B, 0x0B): 0x0F,
    (0x0F, 0x0F): 0x00,
}
_AGC_LBT_STEP = 0x0B
_AGC_LAST_STEP = 0x0F
_AGC_CLEAR = 0xFF


class Mcu(ABC):
    """What both have: a program memory that the host may own, and a hold bit."""

    def __init__(self, registers: RegisterFile, control: int, memory: int) -> None:
        self._registers = registers
        self._control = control
        self._memory = memory
        self.running = False
        registers.on_write(control, self._control_written)
        registers.region(memory, at.MEMORY_SIZE, self._owned, self._owned)

    def reset(self) -> None:
        self.running = False

    @property
    def image_sha256(self) -> str:
        """Of the program memory as it stands."""
        return sha256(
            self._registers.memory[self._memory : self._memory + at.MEMORY_SIZE]
        ).hexdigest()

    def _owned(self) -> bool:
        return bool(self._registers.peek(self._control) & _HOST_OWNS_MEMORY)

    def _control_written(self, old: int, new: int) -> None:
        if new & _HOLD:
            self._hold()
        elif old & _HOLD:
            self._boot()

    def _hold(self) -> None:
        self.running = False

    @abstractmethod
    def _boot(self) -> None:
        """The hold bit fell: show what a firmware shows first."""


class Agc(Mcu):
    """Gain control; on boards with SX125x radios also `calibration`, which is loaded before it.

    The host has the front ends while it calibrates: that tells the two programs apart.
    """

    def __init__(self, registers: RegisterFile, calibration: Calibration | None = None) -> None:
        super().__init__(registers, at.AGC_CONTROL, at.AGC_MEMORY)
        self.calibration = calibration
        self._calibrating = False
        self.lbt = False
        registers.on_write(at.AGC_MAIL_IN[3], self._go_written)
        registers.on_write(at.AGC_MAIL_IN[0], self._mail_written)

    @property
    def status(self) -> int:
        return self._registers.peek(at.AGC_STATUS)

    def reset(self) -> None:
        super().reset()
        self.lbt = self._calibrating = False

    def tx_attempt(self, rf_chain: int, channel_busy: bool) -> bool:
        """A transmission is about to leave; whether listen before talk lets it."""
        if not (self.running and self.lbt):
            return True
        blocked = (1 << 6 + rf_chain) if channel_busy else 0
        self._set_status(self.status | 1 << rf_chain | blocked)
        return not channel_busy

    def _set_status(self, status: int) -> None:
        self._registers.poke(at.AGC_STATUS, status)

    def _hold(self) -> None:
        super()._hold()
        self.lbt = self._calibrating = False
        self._set_status(0)

    def _boot(self) -> None:
        self._calibrating = bool(self._registers.peek(at.AGC_CONTROL) & _HOST_HAS_FRONT_ENDS)
        if self.calibration is not None and self._calibrating:
            self._set_status(self.calibration.boot())
            return
        self._calibrating = False
        sx1250 = self._registers.peek(at.RADIO_MODE) & 0b11
        if self.calibration is not None and sx1250 != 0b11:
            sx1250 = 0  # a radio that is not used keeps the mode of the reset
        version = AGC_VERSION_SX1250 if sx1250 else AGC_VERSION_SX125X
        self._registers.poke(at.AGC_MAIL_OUT[0], version)
        self._set_status(0x01)

    def _go_written(self, _: int, code: int) -> None:
        if self.calibration is not None and self._calibrating:
            self._set_status(self.calibration.go(self.status, code))
            return
        following = _AGC_STEPS.get((self.status, code))
        if self.running or following is None:
            return
        for given, shown in zip(at.AGC_MAIL_IN[:3], at.AGC_MAIL_OUT[:3], strict=True):
            self._registers.poke(shown, self._registers.peek(given))
        if code == _AGC_LBT_STEP:
            self.lbt = self._registers.peek(at.AGC_MAIL_IN[0]) == 1
        self.running = code == _AGC_LAST_STEP
        self._set_status(following)

    def _mail_written(self, _: int, value: int) -> None:
        if self.running and value == _AGC_CLEAR:
            self._set_status(0)


class Arb(Mcu):
    def __init__(self, registers: RegisterFile) -> None:
        super().__init__(registers, at.ARB_CONTROL, at.ARB_MEMORY)
        registers.on_write(at.ARB_GO, self._go_written)

    @property
    def status(self) -> int:
        return self._registers.peek(at.ARB_STATUS)

    def _hold(self) -> None:
        super()._hold()
        self._registers.poke(at.ARB_STATUS, 0)

    def _boot(self) -> None:
        self._registers.poke(at.ARB_DEBUG_STATUS, ARB_VERSION)
        self._registers.poke(at.ARB_STATUS, 0x01)

    def _go_written(self, _: int, value: int) -> None:
        if value == 1 and self.status == 0x01:
            self.running = True
            self._registers.poke(at.ARB_STATUS, 0)

    def dual_sfs(self) -> frozenset[int]:
        mask = self._registers.peek(at.ARB_DUAL_SFS) if self.running else 0
        return frozenset(sf for sf in range(5, 13) if mask >> (sf - 5) & 1)

    def count_detection(self, channel: int, sf: int) -> None:
        if channel < 8:
            self._count(channel, sf)

    def count_allocation(self, channel: int, sf: int) -> None:
        if channel < 8:
            self._count(channel + 8, sf)

    def _count(self, place: int, sf: int) -> None:
        """Eight bits each, for the one spreading factor that the host chose."""
        if self.running and sf == self._registers.peek(at.ARB_COUNTED_SF):
            address = at.ARB_DEBUG_STATUS + place
            self._registers.poke(address, self._registers.peek(address) + 1 & 0xFF)
