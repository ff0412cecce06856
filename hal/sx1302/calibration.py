"""Calibration of SX1255 and SX1257 radios: the image in reception, the carrier in transmission.

A firmware of its own runs in the AGC MCU for it. Both radios help: one sends a test tone, the other
hears it. Each measurement is made three times and must repeat. Source: sx1302_hal: loragw_cal.

A measurement that is too poor ends Semtech's start-up; here it costs a warning and that radio goes
on without: it receives all the same, and hears the mirror image of strong signals too.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from ..clock import Clock
from ..config import ConcentratorConfig, RadioConfig, TxGain
from ..radio import sx125x
from ..transport.base import Op, Target
from . import front_ends, mcu
from .calibration_results import Carrier, Image, best_carrier, best_image, ratio_db
from .chip import Sx1302, Unexpected, field_ops
from .registers import RADIO_FE, TX_TOP, AgcMcu, SigAna
from .targets import CAUSES, NAMES, RADIOS

log = logging.getLogger(__name__)

VERSION = 1
TONE_HZ = 250_000
TONE = TONE_HZ * 64 // 1_000_000
ATTEMPTS = 3
RX_THRESHOLD, TX_THRESHOLD = 8, 64
RUN = 0xFF
TIMEOUT_S = 5.0  # of a step; the longest measures some hundred times for a millisecond
RX_DONE, TX_DONE = (0x11, 0x22), (0x33, 0x44)  # by radio
MAILBOXES = (AgcMcu.MAIL_BOX_WR_BYTE0, AgcMcu.MAIL_BOX_WR_BYTE1, AgcMcu.MAIL_BOX_WR_BYTE2)
SENDS = sx125x.STANDBY | sx125x.TX | sx125x.PA_DRIVER
LOOPS = SENDS | sx125x.RX


def calibrate(
    chip: Sx1302, clock: Clock, config: ConcentratorConfig, image: bytes | None
) -> ConcentratorConfig:
    """Calibrate all enabled radios; gives `config` with the offsets in its gain tables.

    `image` is the calibration firmware. Raises Unexpected.
    """
    if image is None:
        raise Unexpected(
            "the calibration firmware of SX1255 and SX1257 radios",
            "none",
            "edgemast firmware import has not seen cal_fw.var",
        )
    mcu.load(chip, mcu.AGC, image)
    bench = Bench(chip, clock, config)
    bench.start()
    images = tuple(bench.receiver(index) for index in (0, 1))
    for fe, found in zip(RADIO_FE, images, strict=True):
        chip.apply([(fe.IQ_AMPLITUDE, found.amplitude & 0x3F), (fe.IQ_PHASE, found.phase & 0x3F)])
    first, second = (bench.sender(index, images[index]) for index in (0, 1))
    return replace(config, radios=(first, second))


class Bench:
    """The dialogue with the calibration firmware."""

    def __init__(self, chip: Sx1302, clock: Clock, config: ConcentratorConfig) -> None:
        self._chip = chip
        self._clock = clock
        self._radios = config.radios

    def start(self) -> None:
        answer = self._exchange((), 0x01, "after its start")
        if answer[-1] != VERSION:
            raise Unexpected(
                f"calibration firmware version {VERSION}",
                str(answer[-1]),
                "an image of another release is installed",
            )
        self._go(RUN, 0x00)

    def receiver(self, index: int) -> Image:
        """The correction of one receiver; none for one that is off, or cannot be calibrated."""
        none = Image(0, 0, 0, 0)
        radio = self._radios[index]
        if not radio.enable:
            return none
        ways = [True] if not self._radios[1 - index].enable else [False, True]
        if self._radios[0].kind is not self._radios[1].kind:
            ways = [True]
        for looped in ways:
            found = [self._measure_image(index, looped=looped) for _ in range(ATTEMPTS)]
            if (best := best_image(found)) is not None:
                log.info("radio_%d: image rejection %d dB", index, best.rejection_db)
                return best
        log.warning(
            "radio_%d: its image could not be calibrated (%s); it receives without, and may hear "
            "strong signals at mirrored frequencies",
            index,
            ", ".join(f"{image.rejection_db} dB at SNR {image.snr_db}" for image in found),
        )
        return none

    def sender(self, index: int, image: Image) -> RadioConfig:
        """A radio with offsets in its gain table; as it is where it does not send."""
        radio = self._radios[index]
        if not (radio.enable and radio.tx_enable):
            return radio
        offsets: dict[tuple[int, int], Carrier] = {}
        for gain in radio.tx_gains:
            key = gain.dac_gain, gain.mix_gain
            if key not in offsets:
                offsets[key] = self._carrier(index, image, *key)
        return replace(radio, tx_gains=tuple(_corrected(g, offsets) for g in radio.tx_gains))

    def _carrier(self, index: int, image: Image, dac: int, mixer: int) -> Carrier:
        found = [self._measure_carrier(index, image, dac, mixer) for _ in range(ATTEMPTS)]
        best = best_carrier(found)
        if best is None:
            log.warning(
                "radio_%d: its carrier at DAC gain %d and mixer gain %d could not be calibrated; "
                "it sends without",
                index,
                dac,
                mixer,
            )
            return Carrier(0, 0, 0)
        return best

    # One measurement.

    def _measure_image(self, index: int, *, looped: bool) -> Image:
        receiver = RADIOS[index]
        sender = receiver if looped else RADIOS[1 - index]
        radio = self._radios[index]
        tone = sx125x.frequency(sx125x.FRF_TX, radio.kind, radio.freq_hz + TONE_HZ)
        middle = sx125x.frequency(sx125x.FRF_RX, radio.kind, radio.freq_hz)
        loopback = [(sx125x.RF_LOOPBACK, 1)] if looped else []
        self._apply(receiver, [*middle, *sx125x.test_receiver()])
        gains = sx125x.gains(3, 10 if looped else 15)
        self._apply(sender, [*tone, *sx125x.test_sender(), *gains, *loopback])
        if not looped:
            self._apply(receiver, [(sx125x.MODE, sx125x.STANDBY | sx125x.RX)])
        self._apply(sender, [(sx125x.MODE, LOOPS if looped else SENDS | sx125x.STANDBY)])
        self._clock.sleep(sx125x.CALIBRATION_PLL_S)
        self._check_locked(receiver, sender)
        return self._image_dialogue(index)

    def _image_dialogue(self, index: int) -> Image:
        self._connect(index)
        self._begin(index)
        self._go(0x02, 0x02)
        self._go(0x03, 0x03)
        *_, signal_1, signal_0 = self._go(0x04, 0x06, threshold(RX_THRESHOLD))
        *_, amplitude, phase = self._go(0x06, 0x07)
        image_1, image_0, noise_1, noise_0 = self._go(0x07, 0x08)
        self._go(0x08, RX_DONE[index])
        signal = signal_1 << 8 | signal_0
        return Image(
            _signed(amplitude),
            _signed(phase),
            ratio_db(signal, image_1 << 8 | image_0),
            ratio_db(signal, noise_1 << 8 | noise_0),
        )

    def _measure_carrier(self, index: int, image: Image, dac: int, mixer: int) -> Carrier:
        target, radio = RADIOS[index], self._radios[index]
        self._apply(
            target,
            [
                *sx125x.frequency(sx125x.FRF_RX, radio.kind, radio.freq_hz - TONE_HZ),
                *sx125x.frequency(sx125x.FRF_TX, radio.kind, radio.freq_hz),
                *sx125x.test_receiver(),
                *sx125x.test_sender(),
                (sx125x.DAC_CLK_SELECT, 1),  # the SX1302's clock
                *sx125x.gains(dac, mixer),
                (sx125x.RF_LOOPBACK, 1),
            ],
        )
        self._apply(target, [(sx125x.MODE, LOOPS)])
        self._clock.sleep(sx125x.PLL_S)
        self._check_locked(target, target)
        self._connect(index)
        top = TX_TOP[index]
        ops = [*field_ops(top.TX_MODE, 0), *field_ops(top.TX_TRIG_IMMEDIATE, 1)]
        ops += [*field_ops(top.TX_TRIG_IMMEDIATE, 0), *field_ops(RADIO_FE[index].DC_NOTCH_EN, 1)]
        self._chip.transfer(ops)
        return self._carrier_dialogue(index, image)

    def _carrier_dialogue(self, index: int, image: Image) -> Carrier:
        self._begin(index + 2)
        self._go(0x02, 0x02, mails(None, image.phase & 0xFF, image.amplitude & 0xFF))
        self._go(0x03, 0x03, mails(None, 0, 0))
        *_, signal_1, signal_0 = self._go(0x04, 0x06, threshold(TX_THRESHOLD))
        carrier_1, carrier_0, offset_i, offset_q = self._go(0x06, 0x07)
        # What follows are tables for whoever develops that firmware.
        for status in (*range(0x07, 0x0A), 0x0A, *range(0x0C, 0x20)):
            self._go(status, 0x0C if status == 0x0A else status + 1)
        self._go(0x20, TX_DONE[index])
        rejection_db = ratio_db(signal_1 << 8 | signal_0, carrier_1 << 8 | carrier_0)
        return Carrier(_signed(offset_i), _signed(offset_q), rejection_db)

    # Steps.

    def _connect(self, index: int) -> None:
        """The signal analyser to the radio that is measured: 1 is radio A."""
        self._chip.write(SigAna.RADIO_SEL, 1 if index == 0 else 0)

    def _begin(self, test: int) -> None:
        ops = mails(0, TONE, test)  # correlation over 1 ms
        self._exchange([*ops, *field_ops(AgcMcu.MAIL_BOX_WR_BYTE3, 0), *_code(0x01)], 0x01, "sync")

    def _go(self, code: int, status: int, ops: Sequence[Op] = ()) -> bytes:
        """Write `code`, wait for `status`; gives what the mailboxes say then, byte 3 first."""
        return self._exchange([*ops, *_code(code)], status, f"after code {code:#04x}")

    def _exchange(self, ops: Sequence[Op], status: int, what: str) -> bytes:
        return mcu.exchange(
            self._chip,
            self._clock,
            mcu.AGC,
            ops,
            status,
            AgcMcu.MAIL_BOX_RD,
            f"of the calibration {what}",
            timeout_s=TIMEOUT_S,
        )

    def _apply(self, target: Target, settings: Sequence[sx125x.Setting]) -> None:
        front_ends.apply(self._chip, target, settings)

    def _check_locked(self, receiver: Target, sender: Target) -> None:
        for target, bit, what in (
            (receiver, sx125x.RX_PLL_LOCKED, "receive"),
            (sender, sx125x.TX_PLL_LOCKED, "transmit"),
        ):
            if not front_ends.locked(self._chip, target, bit):
                raise Unexpected(
                    f"{NAMES[target]}: its {what} PLL to lock",
                    "not locked",
                    "the radio's crystal does not run",
                    *CAUSES,
                )


def mails(*values: int | None) -> list[Op]:
    """Mailboxes 0, 1, 2; None leaves one as it is."""
    pairs = zip(MAILBOXES, values, strict=False)
    return [op for box, value in pairs if value is not None for op in field_ops(box, value)]


def threshold(value: int) -> list[Op]:
    return mails(None, value, 0)


def _code(code: int) -> list[Op]:
    return field_ops(AgcMcu.MAIL_BOX_WR_BYTE3, code)


def _corrected(gain: TxGain, offsets: dict[tuple[int, int], Carrier]) -> TxGain:
    carrier = offsets[gain.dac_gain, gain.mix_gain]
    return replace(gain, offset_i=carrier.offset_i, offset_q=carrier.offset_q)


def _signed(byte: int) -> int:
    return byte - 256 if byte & 0x80 else byte
