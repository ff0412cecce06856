"""The DAC of full duplex CN490 boards, on the simulated board's I2C bus (section 15)."""

from __future__ import annotations

ADDRESS = 0x0C
_RESET, _POWER, _REFERENCE, _OUTPUT = 0x69, 0x40, 0x70, 0x39
_FULL_SCALE_V = 5.0
_BIAS_V = 2.0  # below this the amplifier gives nothing worth mentioning
_UNBIASED_LOSS_DB = 60.0


class Ad5338r:
    """`fitted` False: nobody answers at its address, as on every other board."""

    def __init__(self) -> None:
        self.fitted = False
        self.commands: list[bytes] = []
        self._powered = self._referenced = False
        self._volts = 0.0

    def reset(self) -> None:
        """Its reset line, or the power."""
        self._clear()

    @property
    def volts(self) -> float:
        """Of the output; nothing comes out without power and reference."""
        return self._volts if self._powered and self._referenced else 0.0

    @property
    def loss_db(self) -> float:
        """What a transmission lacks of its nominal power."""
        return _UNBIASED_LOSS_DB if self.fitted and self.volts < _BIAS_V else 0.0

    def receive(self, data: bytes) -> None:
        """One I2C message. OSError where nobody acknowledges."""
        if not self.fitted:
            raise OSError(121, "Remote I/O error")
        if data[0] == _RESET and len(data) > 2:
            raise OSError(121, "Remote I/O error")  # it acknowledges two bytes of this one
        self.commands.append(data)
        if data[0] == _RESET:
            self._clear()
        elif data[0] == _POWER:
            self._powered = True
        elif data[0] == _REFERENCE:
            self._referenced = True
        elif data[0] == _OUTPUT and len(data) == 3:
            self._volts = (int.from_bytes(data[1:], "big") >> 6) * _FULL_SCALE_V / 1024

    def _clear(self) -> None:
        self._powered = self._referenced = False
        self._volts = 0.0
