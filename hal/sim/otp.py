"""One-time programmable memory: the EUI and the model id (sx1302-chip.md section 3)."""

from __future__ import annotations

from .map import OTP_ADDRESS, OTP_DATA
from .registers import RegisterFile

MODEL_IDS = {"sx1302": 0x02, "sx1303": 0x03}
_MODEL_INDEX = 0xD0


class Otp:
    def __init__(self, registers: RegisterFile, eui: bytes, model_id: int) -> None:
        self._registers = registers
        self.eui = eui
        self.model_id = model_id
        registers.on_read((OTP_DATA,), self._show)

    def _show(self) -> None:
        index = self._registers.peek(OTP_ADDRESS)
        if index < len(self.eui):
            value = self.eui[index]
        else:
            value = self.model_id if index == _MODEL_INDEX else 0
        self._registers.poke(OTP_DATA, value)
