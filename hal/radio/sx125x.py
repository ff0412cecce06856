"""The SX1255 and SX1257 front ends: registers, their set-up to receive, and for calibration. Pure.

Registers: SX1255 and SX1257 data sheets; the values are those of sx1302_hal: loragw_sx125x and
loragw_cal. A transfer is an address, bit 7 set to write, and one byte.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..config import RadioKind
from ..transport.base import Command, Target

WRITE = 0x80
CRYSTAL_UNITS = 15_625  # 32 MHz / 2048: both kinds' frequency steps are fractions of it
STEPS_PER_UNIT = {RadioKind.SX1255: 512, RadioKind.SX1257: 256}
SILENCE = (0x00, 0xFF)  # a version that no radio has

STANDBY, RX, TX, PA_DRIVER = 1, 2, 4, 8  # bits of MODE
TX_PLL_LOCKED, RX_PLL_LOCKED = 1, 2  # bits of MODE_STATUS

RESET_S = 0.01  # reset is active high; the radio is ready 5 ms after it falls
PLL_S = 0.001
PLL_ATTEMPTS = 5
CALIBRATION_PLL_S = 0.01


@dataclass(frozen=True, slots=True)
class Register:
    """Bits `msb` to `lsb` of the byte at `address`."""

    address: int
    msb: int = 7
    lsb: int = 0

    @property
    def mask(self) -> int:
        return (1 << self.msb + 1) - (1 << self.lsb)


MODE = Register(0x00)
FRF_RX = (Register(0x01), Register(0x02), Register(0x03))
FRF_TX = (Register(0x04), Register(0x05), Register(0x06))
VERSION = Register(0x07)
TX_DAC_GAIN, TX_MIX_GAIN = Register(0x08, 6, 4), Register(0x08, 3, 0)
TX_PLL_BW, TX_ANA_BW = Register(0x0A, 6, 5), Register(0x0A, 4, 0)
TX_DAC_BW = Register(0x0B)
RX_LNA_GAIN, RX_BB_GAIN = Register(0x0C, 7, 5), Register(0x0C, 4, 1)
RX_LNA_ZIN = Register(0x0C, 0, 0)
RX_ADC_BW, RX_ADC_TRIM = Register(0x0D, 7, 5), Register(0x0D, 4, 2)
RX_BB_BW = Register(0x0D, 1, 0)
RX_PLL_BW, RX_ADC_TEMP = Register(0x0E, 2, 1), Register(0x0E, 0, 0)
CLK_SELECT = Register(0x10)
RF_LOOPBACK, DAC_CLK_SELECT = Register(0x10, 2, 2), Register(0x10, 0, 0)
MODE_STATUS = Register(0x11)
CLK_OUT = 2  # in CLK_SELECT: this radio clocks the chip
XOSC_DISABLE = {RadioKind.SX1257: Register(0x26, 6, 4), RadioKind.SX1255: Register(0x28, 6, 4)}
XOSC_STARTUP = {RadioKind.SX1257: Register(0x26, 3, 0), RadioKind.SX1255: Register(0x28, 3, 0)}

Setting = tuple[Register, int]


def freq_word(kind: RadioKind, freq_hz: int) -> int:
    """24 bits in steps of 32 MHz / 2^20 (SX1255) or / 2^19 (SX1257); truncated, as Semtech does."""
    return freq_hz * STEPS_PER_UNIT[kind] // CRYSTAL_UNITS


def setup(kind: RadioKind, freq_hz: int, *, clock_out: bool) -> list[Setting]:
    """All but the mode, which starts the PLL."""
    return [
        (CLK_SELECT, CLK_OUT if clock_out else 0),
        (XOSC_STARTUP[kind], 13),
        (XOSC_DISABLE[kind], 2),
        (TX_MIX_GAIN, 14),
        (TX_DAC_GAIN, 2),
        (TX_ANA_BW, 0),
        (TX_PLL_BW, 1),
        (TX_DAC_BW, 5),
        (RX_LNA_ZIN, 0),  # 50 ohm
        (RX_BB_GAIN, 15),
        (RX_LNA_GAIN, 1),  # the highest
        (RX_BB_BW, 0),  # 750 kHz to each side
        (RX_ADC_TRIM, 6),  # for a crystal of 32 MHz
        (RX_ADC_BW, 7),
        (RX_ADC_TEMP, 0),
        (RX_PLL_BW, 0),
        *frequency(FRF_RX, kind, freq_hz),
    ]


def frequency(
    place: tuple[Register, Register, Register], kind: RadioKind, freq_hz: int
) -> list[Setting]:
    """The three bytes of a frequency, most significant first."""
    return list(zip(place, freq_word(kind, freq_hz).to_bytes(3, "big"), strict=True))


def test_receiver() -> list[Setting]:
    """How a radio listens to a test tone."""
    return [(RX_BB_BW, 0), (RX_ADC_TRIM, 6), (RX_PLL_BW, 0)]


def test_sender() -> list[Setting]:
    """How a radio sends a test tone; gains and mode come on top."""
    return [(TX_PLL_BW, 0), (TX_DAC_BW, 5)]


def gains(dac: int, mixer: int) -> list[Setting]:
    return [(TX_DAC_GAIN, dac), (TX_MIX_GAIN, mixer)]


def read(target: Target, register: Register) -> Command:
    """Gives the whole byte."""
    return Command(target, register.address, b"\0")


def write(target: Target, address: int, value: int) -> Command:
    return Command(target, address | WRITE, bytes((value,)))


def merged(settings: Iterable[Setting]) -> list[tuple[int, int, int]]:
    """Address, mask and bits of each byte that `settings` touch, in the order of first mention."""
    found: dict[int, tuple[int, int]] = {}
    for register, value in settings:
        mask, bits = found.get(register.address, (0, 0))
        mask |= register.mask
        bits = bits & ~register.mask | value << register.lsb & register.mask
        found[register.address] = mask, bits
    return [(address, mask, bits) for address, (mask, bits) in found.items()]
