"""The calibration firmware of SX1255/SX1257 boards, as the host sees it (section 4.2).

It measures a test tone through the radios as the host has set them up: a tone that is not there, a
PLL that does not run, the wrong radio on the analyser, and the result is as poor as on a board.
Source for the dialogue: sx1302_hal: loragw_cal.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from . import map as at
from .registers import RegisterFile
from .sx125x import Sx125x

VERSION = 1
_TONE_STEP_HZ = 1e6 / 64
_TOLERANCE_HZ = 1_000.0
_RUN = 0xFF
_ANALYSER_RADIO_A = 1 << 1
_TX_MODE = 1 << 3  # 1: modulation; 0: the test tone
_INDEX_TABLES = (0x08, 0x09, 0x0A)
_FIRST_LEVELS, _LAST_LEVELS = 0x0C, 0x20
_DONE = {0: 0x11, 1: 0x22, 2: 0x33, 3: 0x44}
_FULL_SIGNAL = 20_000


@dataclass(slots=True)
class Flaws:
    """What is wrong with the radios of this board, and how well it can be made good.

    `images` are amplitude and phase that cancel the image, by radio; `rejection_db` and `snr_db`
    what is left then; `offsets` gives I and Q that cancel the carrier, by radio and gains.
    """

    images: tuple[tuple[int, int], tuple[int, int]] = ((3, -5), (-2, 7))
    rejection_db: float = 56.0
    loopback_rejection_db: float = 52.0
    snr_db: float = 60.0
    carrier_db: float = 34.0
    offsets: Callable[[int, int, int], tuple[int, int]] = field(
        default=lambda radio, dac, mix: (4 * radio + dac - mix, mix - 2 * dac)
    )


class Calibration:
    """The dialogue. Whoever holds the mailboxes calls `boot` and `go`, and reads `status`."""

    def __init__(self, registers: RegisterFile, radios: tuple[Sx125x, Sx125x]) -> None:
        self._registers = registers
        self._radios = radios
        self.flaws = Flaws()
        self.corrections: list[tuple[int, int, int]] = []  # radio, amplitude, phase, as told for TX
        self._test = 0
        self._tone_hz = 0.0

    def boot(self) -> int:
        """What the firmware shows first; gives its status."""
        self._show(0, 0, 0, VERSION)
        return 0x01

    def go(self, status: int, code: int) -> int:
        """The host wrote `code` to mailbox 3; gives the status from now on."""
        if code == _RUN:
            return 0x00
        if code == 0x00:
            return status  # only makes the next write a change
        step = {0x01: self._begin, 0x02: self._take_correction, 0x04: self._measure}.get(code)
        if step is not None:
            step()
        if code in (0x06, 0x07):
            self._tell(code + 1)
            return code + 1
        return self._following(code)

    def _following(self, code: int) -> int:
        if code <= 0x03:
            return code
        if code == 0x04:
            return 0x06
        transmit = self._test >= 2
        if not transmit:
            return _DONE[self._test]
        if code in _INDEX_TABLES[:2]:
            return code + 1
        if code == _INDEX_TABLES[2]:
            return _FIRST_LEVELS
        return code + 1 if code < _LAST_LEVELS else _DONE[self._test]

    # The steps.

    def _begin(self) -> None:
        self._test = self._mail(2) & 3
        self._tone_hz = self._mail(1) * _TONE_STEP_HZ

    def _take_correction(self) -> None:
        if self._test >= 2:
            told = (self._test - 2, _signed(self._mail(2)), _signed(self._mail(1)))
            self.corrections.append(told)

    def _measure(self) -> None:
        signal = _FULL_SIGNAL if self._hears_tone() else 1
        self._show(self._mail(1), 9, signal >> 8, signal & 0xFF)

    def _tell(self, status: int) -> None:
        present = self._hears_tone()
        if self._test < 2:
            amplitude, phase = self.flaws.images[self._test]
            looped = self._transmitter() is self._radios[self._test]
            rest_db = self.flaws.loopback_rejection_db if looped else self.flaws.rejection_db
            if status == 0x07:
                first = _below(28.0) if present else 1
                self._show(first >> 8, first & 0xFF, amplitude & 0xFF, phase & 0xFF)
            else:
                image, noise = _below(rest_db), _below(self.flaws.snr_db)
                self._show(image >> 8, image & 0xFF, noise >> 8, noise & 0xFF)
        elif status == 0x07:
            radio = self._test - 2
            dac, mix = self._radios[radio].tx_gains
            offset_i, offset_q = self.flaws.offsets(radio, dac, mix)
            carrier = _below(self.flaws.carrier_db) if present else 1
            self._show(carrier >> 8, carrier & 0xFF, offset_i & 0xFF, offset_q & 0xFF)
        else:
            self._show(0, 0, 0, 0)

    # What is on the bench.

    def _transmitter(self) -> Sx125x:
        own, other = self._radios[self._test & 1], self._radios[1 - (self._test & 1)]
        return own if self._test >= 2 or own.loops_back else other

    def _hears_tone(self) -> bool:
        """Whether the tested radio receives the other's tone, or its own, where it is expected."""
        radio = self._test & 1
        receiver, sender = self._radios[radio], self._transmitter()
        if not (receiver.receiving and sender.transmitting):
            return False
        if sender is receiver and not receiver.loops_back:
            return False
        if bool(self._registers.peek(at.SIGNAL_ANALYSER) & _ANALYSER_RADIO_A) is (radio == 1):
            return False
        if self._test >= 2 and self._registers.peek(at.TX_BASES[radio] + 0x20) & _TX_MODE:
            return False
        return abs(sender.tx_freq_hz - receiver.freq_hz - self._tone_hz) < _TOLERANCE_HZ

    def _mail(self, number: int) -> int:
        return self._registers.peek(at.AGC_MAIL_IN[number])

    def _show(self, *values: int) -> None:
        """Mailboxes 3, 2, 1, 0 to the host."""
        for address, value in zip(reversed(at.AGC_MAIL_OUT), values, strict=True):
            self._registers.poke(address, value)


def _below(db: float) -> int:
    return max(int(_FULL_SIGNAL * math.pow(10.0, -db / 20.0)), 1)


def _signed(byte: int) -> int:
    return byte - 256 if byte & 0x80 else byte
