"""The SX1261 beside the concentrator: patch, set-up, listening before talking, scanning. Pure.

Opcodes as the SX1250's, from the same family; what the patch adds (0x9A, 0x9B) and the values are
those of sx1302_hal: loragw_sx1261.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..transport.base import Command, Target
from . import sx1250
from .sx1250 import Action, Expect

READ_REGISTER = 0x1D
SET_PACKET_TYPE = 0x8A
SET_MODULATION_PARAMS = 0x8B
SET_PACKET_PARAMS = 0x8C
SET_BUFFER_BASE_ADDRESS = 0x8F
SET_FS = 0xC1
LBT_START, SCAN_START = 0x9A, 0x9B  # need the patch
RUN_PATCH = 0xD9

PATCH_ENABLE, PATCH_MEMORY = 0x0610, 0x8000
RSSI_WINDOW = 0x089B  # 0 stops what listens or scans
SENSITIVITY = 0x08AC
VERSION_ADDRESS, VERSION_SIZE = 0x0320, 15
PATCH_VERSION = b"2D06"

READY_IN_STANDBY = Expect(0, 0x7E, 0x22, "standby RC and ready")
FSK_BW = {125_000: 0x0A, 250_000: 0x09}  # 234.3 and 467 kHz
SCANS = {128: 24, 5000: 715}  # RSSI readings in a scan time, one in 8.2 us
RSSI_INTERVAL = 11  # 8.2 us
VERDICT_GPIO = 1
SCAN_COMPLETE, SCAN_ABORTED = 0xFF, 0xF0  # of the scan's status; 0x0F: it runs
RESULTS_SIZE = 66
RESULTS_HEAD = 3  # bytes before what was read


def standby() -> list[Action]:
    return [
        Action(sx1250.SET_STANDBY, b"\0"),
        Action(sx1250.GET_STATUS, b"\0", expect=READY_IN_STANDBY),
    ]


def patch(image: bytes) -> list[Command]:
    """Load the patch, word by word, and run it."""
    ops = [_write(PATCH_ENABLE, b"\x10")]
    ops += [_write(PATCH_MEMORY + at, image[at : at + 4]) for at in range(0, len(image), 4)]
    return [*ops, _write(PATCH_ENABLE, b"\x00"), _command(RUN_PATCH)]


def read_version() -> Command:
    """Its answer has three bytes before the text."""
    return _read(VERSION_ADDRESS, VERSION_SIZE)


def version(answer: bytes) -> bytes:
    """The patch's four characters in the answer to `read_version`."""
    return answer[3:][11:15]


def setup() -> list[Action]:
    """Ready to listen; calibration has gone before."""
    return [
        *standby(),
        Action(SET_BUFFER_BASE_ADDRESS, b"\x80\x80"),
        Action(sx1250.WRITE_REGISTER, SENSITIVITY.to_bytes(2, "big") + b"\xcb"),
    ]


def listen(freq_hz: int, bw_hz: int, scan_us: int, threshold_dbm: int) -> Iterator[list[Command]]:
    """The commands that start carrier sense, in groups between which the radio needs a pause."""
    yield from tune(freq_hz, bw_hz)
    scans = SCANS[scan_us].to_bytes(2, "big")
    threshold = -2 * threshold_dbm & 0xFF
    yield [_command(LBT_START, bytes((RSSI_INTERVAL, *scans, threshold, VERDICT_GPIO)))]


def scan(freq_hz: int, bw_hz: int, readings: int) -> Iterator[list[Command]]:
    """The commands that start a spectral scan, in groups as in `listen`."""
    yield from tune(freq_hz, bw_hz)
    yield [_command(SCAN_START, bytes((*readings.to_bytes(2, "big"), RSSI_INTERVAL)))]


def tune(freq_hz: int, bw_hz: int) -> Iterator[list[Command]]:
    """The commands that make it receive on a frequency; whatever listened or scanned ends."""
    yield stop()
    yield [
        _command(sx1250.SET_RF_FREQUENCY, sx1250.freq_word(freq_hz).to_bytes(4, "big")),
        _write(RSSI_WINDOW, b"\x14"),
        _command(SET_PACKET_TYPE, b"\0"),
        _command(SET_MODULATION_PARAMS, bytes((0, 0x14, 0, 0, FSK_BW[bw_hz], 0x02, 0xE9, 0x0F))),
        _command(SET_PACKET_PARAMS, b"\x00\x20\x05\x20\x00\x01\xff\x00\x00"),
    ]
    yield [_command(sx1250.SET_RX, b"\xff\xff\xff")]


def stop() -> list[Command]:
    return [_write(RSSI_WINDOW, b"\0"), _command(SET_FS)]


def scan_counts(answer: bytes, levels: int) -> tuple[int, ...]:
    """The counters in the answer to SCAN_RESULTS, strongest level first."""
    data = answer[RESULTS_HEAD:]
    return tuple(int.from_bytes(data[2 * i : 2 * i + 2], "big") for i in range(levels))


def _write(address: int, data: bytes) -> Command:
    return _command(sx1250.WRITE_REGISTER, address.to_bytes(2, "big") + data)


def _command(opcode: int, args: bytes = b"") -> Command:
    return Command(Target.SX1261, opcode, args)


def _read(address: int, size: int) -> Command:
    return _command(READ_REGISTER, address.to_bytes(2, "big") + bytes(1 + size))


SCAN_STATUS = _read(0x07CD, 1)  # its last byte
SCAN_RESULTS = _read(0x0401, RESULTS_SIZE)
