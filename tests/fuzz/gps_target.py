"""What a GPS receiver, a gpsd, or a line full of noise may send."""

from __future__ import annotations

import json

from forwarder.links.semtech_udp.rxpk import rxpk
from forwarder.packets import Uplink
from forwarder.timing.keeper import Now, TimeKeeper
from hal.frames import Crc, RxFrame
from hal.gps import leap, ubx
from hal.gps.leap import LeapTable
from hal.gps.receiver import Kind, Receiver
from hal.gps.ubx import UbxFrame
from hal.modulation import LoRa

from .inputs import Taker

LEAPS = LeapTable(((0, 18),), 1 << 40)
LONGEST_KEPT = 1 << 17


def fuzz_gps(data: bytes) -> None:
    """Any bytes in any pieces, and messages with right checksums; what goes up stays JSON."""
    take = Taker(data)
    kind = take.of(tuple(Kind))
    receiver, keeper = Receiver(kind), TimeKeeper(LEAPS)
    us = edge_us = take.byte() * 10_000_000_000
    while take.left:
        us += take.byte() * 10_000
        if us - edge_us >= 1_000_000:
            edge_us = us - us % 1_000_000
        now = Now(us / 1e6, us, edge_us if take.byte() & 7 else None)
        for report in receiver.feed(_piece(take)):
            keeper.report(report, now)
        keeper.settle(now)
        assert all("\n" not in line for line in keeper.changes(now))
        json.dumps(keeper.state(now).as_dict(), allow_nan=False)
        _check_uplink(keeper, us, now)


def _piece(take: Taker) -> bytes:
    """Raw, or sealed as a UBX message or an NMEA sentence."""
    seal, block = take.byte() & 3, take.block()
    if seal == 1:
        return ubx.encode(UbxFrame(ubx.NAV_TIMEGPS, block))
    if seal == 2:
        total = 0
        for byte in block:
            total ^= byte
        return b"$" + block + f"*{total:02X}\r\n".encode()
    return block


def _check_uplink(keeper: TimeKeeper, us: int, now: Now) -> None:
    utc_ns = keeper.utc_ns(us, now)
    gps_ns = keeper.gps_ns(us, now)
    assert (utc_ns is None) == (gps_ns is None)
    if gps_ns is None:
        return
    frame = RxFrame(
        b"x", us, 868_100_000, LoRa(7, 125_000, 1), Crc.OK, 0, 0, 0, -100.0, -100.0, 1.0, 0
    )
    told = json.loads(rxpk(Uplink(frame, utc_ns, gps_ns // 1_000_000)))
    assert told["tmms"] >= 0
    assert keeper.counter_us(gps_ns, now) == us


def fuzz_leap_table(data: bytes) -> None:
    """Any file in the place of the table of leap seconds."""
    try:
        table = leap.parse(data.decode("utf-8", "replace"))
    except ValueError as error:
        assert str(error)
        return
    for gps_s in (0, 1 << 30, 1 << 40):
        assert isinstance(table.of_gps(gps_s), int)
