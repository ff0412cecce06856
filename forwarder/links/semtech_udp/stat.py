"""The `stat` object: what a gateway tells a server about itself. No I/O.

Source: semtech-udp.md 1.5 and 2.2. Every counter covers the time since the last report to the
same server, so a report is made of two snapshots. It travels in a datagram of its own: a frame
must never wait for it, and a server that refuses one of the two keeps the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite

from ...packets import Position


@dataclass(frozen=True, slots=True)
class Totals:
    """What has been counted since the process started: by the radio, and by one link."""

    received: int = 0  # rxnb: every frame from the radio, before any filter
    received_ok: int = 0  # rxok: of these, with a correct CRC
    emitted: int = 0  # txnb: frames that the radio took, beacons among them
    forwarded: int = 0  # rxfw: frames that passed this link's filters
    pushed: int = 0  # PUSH_DATA sent, this report's predecessors among them
    acknowledged: int = 0  # of these, answered at whatever time
    downlinks: int = 0  # dwnb: PULL_RESP that could be read, whatever came of them


def stat_text(
    before: Totals,
    after: Totals,
    *,
    utc_s: float,
    temperature_c: float | None = None,
    position: Position | None = None,
) -> str:
    """The root object of a PUSH_DATA with the report on what lies between two snapshots.

    `temp` and the position are left out where they are unknown; servers take (0, 0) for a place.
    """
    where = temp = ""
    if position is not None:
        where = (
            f',"lati":{position.latitude_deg:.5f},"long":{position.longitude_deg:.5f}'
            f',"alti":{position.altitude_m:.0f}'
        )
    if temperature_c is not None and isfinite(temperature_c):
        temp = f',"temp":{temperature_c:.1f}'
    return (
        f'{{"stat":{{"time":"{datetime.fromtimestamp(utc_s, UTC):%Y-%m-%d %H:%M:%S} GMT"{where}'
        f',"rxnb":{after.received - before.received}'
        f',"rxok":{after.received_ok - before.received_ok}'
        f',"rxfw":{after.forwarded - before.forwarded}'
        f',"ackr":{_ack_ratio(before, after):.1f}'
        f',"dwnb":{after.downlinks - before.downlinks}'
        f',"txnb":{after.emitted - before.emitted}{temp}}}}}'
    )


def _ack_ratio(before: Totals, after: Totals) -> float:
    """Percent of the datagrams that were acknowledged.

    100 when none was sent: nothing was lost, and servers read a 0 as a broken path (Semtech's
    forwarder says 0). An answer to a datagram of the interval before must not make more than 100.
    """
    sent = after.pushed - before.pushed
    if sent == 0:
        return 100.0
    return min(100.0 * (after.acknowledged - before.acknowledged) / sent, 100.0)
