"""The u-blox binary protocol as far as a clock needs it: bytes to messages and back. Pure.

    B5 62 | class id | length:2 | payload | ck_a ck_b        numbers are little-endian

Source: u-blox 8/M8 Receiver Description, UBX-13003221, sections 32.2 to 32.4, 32.10.13 (CFG-MSG),
32.17.24 (NAV-TIMEGPS).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .values import NS, WEEK_S, GpsSecond, NoTime

SYNC = b"\xb5\x62"
OVERHEAD = 8  # sync, class, id, length, checksum
# Bytes of payload; NAV-PVT has 92. Longer ones are passed over unread: noise that looks like the
# head of a long message would hold back all that comes behind it, past the next PPS edge.
LONGEST = 100
NAV_TIMEGPS = (0x01, 0x20)
CFG_MSG = (0x06, 0x01)
ACK_ACK, ACK_NAK = (0x05, 0x01), (0x05, 0x00)

_TIMEGPS = struct.Struct("<IihbBI")  # iTOW ms, fTOW ns, week, leapS, valid, tAcc ns
_TOW_VALID, _WEEK_VALID, _LEAP_VALID = 1, 2, 4
WHOLE_NS = 1_000_000  # a navigation epoch further than this from a whole second has no PPS edge
ACCURACY_NS = 1_000_000  # a worse one comes from the module's own clock, not from satellites


@dataclass(frozen=True, slots=True)
class UbxFrame:
    """A message whose checksum is right."""

    kind: tuple[int, int]  # class, id
    payload: bytes


def encode(frame: UbxFrame) -> bytes:
    """The bytes of a message."""
    body = struct.pack("<BBH", *frame.kind, len(frame.payload)) + frame.payload
    return SYNC + body + checksum(body)


def checksum(body: bytes) -> bytes:
    """Two sums over class, id, length and payload."""
    a = b = 0
    for byte in body:
        a = (a + byte) & 0xFF
        b = (b + a) & 0xFF
    return bytes((a, b))


def every_epoch(kind: tuple[int, int]) -> bytes:
    """CFG-MSG: have `kind` sent with every navigation epoch, on the port that this arrives at."""
    return encode(UbxFrame(CFG_MSG, bytes((*kind, 1))))


def time_gps(frame: UbxFrame) -> GpsSecond | NoTime | None:
    """What a NAV-TIMEGPS tells; None for any other message, and for an epoch between two edges."""
    if frame.kind != NAV_TIMEGPS or len(frame.payload) < _TIMEGPS.size:
        return None
    tow_ms, tow_ns, week, leap_s, valid, accuracy_ns = _TIMEGPS.unpack_from(frame.payload)
    if valid & (_TOW_VALID | _WEEK_VALID) != _TOW_VALID | _WEEK_VALID:
        return NoTime("it does not know the time yet")
    if accuracy_ns > ACCURACY_NS:
        return NoTime(f"its time is only good to {accuracy_ns / 1e6:.0f} ms")
    gps_ns = week * WEEK_S * NS + tow_ms * 1_000_000 + tow_ns
    gps_s = (gps_ns + NS // 2) // NS
    if abs(gps_ns - gps_s * NS) > WHOLE_NS:
        return None
    return GpsSecond(gps_s, leap_s if valid & _LEAP_VALID else None)
