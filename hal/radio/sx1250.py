"""The SX1250 front end: the commands that calibrate it and set it up to receive. Pure.

A sequence is a list of `Action`; whoever runs it may do several radios side by side. Opcodes and
registers: SX1261/2 datasheet, section 13, and sx1302_hal: loragw_sx1250.
"""

from __future__ import annotations

from dataclasses import dataclass

# Opcodes.
WRITE_REGISTER = 0x0D
GET_DEVICE_ERRORS = 0x17
SET_STANDBY = 0x80
SET_RX = 0x82
SET_RF_FREQUENCY = 0x86
CALIBRATE = 0x89
CALIBRATE_IMAGE = 0x98
GET_STATUS = 0xC0

STDBY_RC, STDBY_XOSC = 0, 1
MODE_RC, MODE_XOSC = 2, 3  # bits 6:4 of the status byte
IMAGE_CALIBRATION_ERROR = 0x10  # low byte of the device errors

BUSY_S = 0.001  # the longest a radio is busy after an ordinary command
CALIBRATION_S = 0.010  # calibrations and changes of standby mode

# Image calibration by band: lowest and highest frequency (exclusive), the command's two arguments.
IMAGE_BANDS = (
    (430_000_000, 440_000_000, b"\x6b\x6f"),
    (470_000_000, 510_000_000, b"\x75\x81"),
    (779_000_000, 787_000_000, b"\xc1\xc5"),
    (863_000_000, 870_000_000, b"\xd7\xdb"),
    (902_000_000, 928_000_000, b"\xe1\xe9"),
)


@dataclass(frozen=True, slots=True)
class Expect:
    """The bits of `mask` in byte `index` of the answer must be `value`."""

    index: int
    mask: int
    value: int
    meaning: str


@dataclass(frozen=True, slots=True)
class Action:
    """One command, how long the radio needs for it, and what it must answer."""

    opcode: int
    args: bytes
    settle_s: float = BUSY_S
    expect: Expect | None = None


def image_band(freq_hz: int) -> bytes | None:
    """The arguments of CalibrateImage, or None where no band is known."""
    for lowest, highest, args in IMAGE_BANDS:
        if lowest < freq_hz < highest:
            return args
    return None


def freq_word(freq_hz: int) -> int:
    """SetRfFrequency's argument, in steps of 32 MHz / 2^25; truncated, as Semtech does."""
    return freq_hz * 2**25 // 32_000_000


def calibration(freq_hz: int) -> list[Action]:
    """Image calibration. Raises ValueError for a frequency outside the bands that have one."""
    band = image_band(freq_hz)
    if band is None:
        known = ", ".join(f"{low // 10**6}-{high // 10**6}" for low, high, _ in IMAGE_BANDS)
        raise ValueError(f"{freq_hz} Hz is in no band that an SX1250 can calibrate: {known} MHz")
    passed = Expect(2, IMAGE_CALIBRATION_ERROR, 0, "image calibration without error")
    return [
        Action(GET_STATUS, b"\0"),
        Action(CALIBRATE_IMAGE, band, CALIBRATION_S),
        Action(GET_DEVICE_ERRORS, b"\0\0\0", expect=passed),
    ]


def setup(freq_hz: int, *, single_input: bool) -> list[Action]:
    """From reset to continuous reception, which also gives the SX1302 its clock."""
    actions = [
        Action(SET_STANDBY, bytes((STDBY_RC,)), CALIBRATION_S),
        _in_mode(MODE_RC, "standby RC"),
        Action(CALIBRATE, b"\x7f", CALIBRATION_S),
        Action(SET_STANDBY, bytes((STDBY_XOSC,)), CALIBRATION_S),
        _in_mode(MODE_XOSC, "standby XOSC"),
        _register(0x06A1, 0x01),  # highest bit rate: shortens the way from TX to FS
        _register(0x06A2, 0x00),
        _register(0x06A3, 0x00),
        _register(0x0582, 0x00),  # DIO: lowest drive strength
        _register(0x0583, 0x00),  # DIO: no inputs
        _register(0x0584, 0x00),  # DIO: no pull-up
        _register(0x0585, 0x00),  # DIO: no pull-down
        _register(0x0580, 0x00),  # DIO: all outputs enabled
        _register(0x08B6, 0x2A),  # fixed gain
        Action(SET_RF_FREQUENCY, freq_word(freq_hz).to_bytes(4, "big")),
        _register(0x088F, 0, 0, 0),  # frequency offset
        Action(SET_RX, b"\xff\xff\xff"),  # for ever
    ]
    if single_input:
        actions.append(_register(0x08E2, 0x0D))
    actions.append(_register(0x0587, 0x0B))  # stream I and Q to the SX1302
    return actions


def _in_mode(mode: int, name: str) -> Action:
    return Action(GET_STATUS, b"\0", expect=Expect(0, 0x70, mode << 4, f"mode {name}"))


def _register(address: int, *values: int) -> Action:
    return Action(WRITE_REGISTER, address.to_bytes(2, "big") + bytes(values))
