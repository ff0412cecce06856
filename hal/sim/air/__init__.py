"""The air above simulated boards: who is heard by whom, and why not.

Bytes and times in, bytes and events out: no clock, no thread, no I/O; everything random comes from
one seed. The public names:

    air = Air(7)                        # the seed; also Air(7, rules=Rules.named("lorasim"))
    air.attach(board, name="gw1", at=(0, 0, 15))    # a SimBoard, whose accesses drive the air
    number = air.transmit(Transmission(who="meter-001", payload=b"...", start_ns=..., sf=7,
                                       freq_hz=868.1e6, at=(300, 0, 1)), on_done=None)
    air.listen(Listen(who="meter-001", at=(300, 0, 1), freq_hz=868.1e6, sf=7, from_ns=...,
                      to_ns=..., on_result=device.heard))    # a Downlink or None, exactly once
    air.call_at(when_ns, callback)      # callback(when_ns), for traffic generators
    air.advance(now_ns)                 # all that is due; boards do it by themselves
    air.next_event_ns()                 # when it is next worth calling, or None
    air.verdicts(number)                # why it was received or lost, board by board
    air.explain(number)                 # the same for a person
    air.counts                          # Counter of (board, sf, Outcome)
    air.add_interferer(Interferer(...))
    air.set_antenna_loss("gw1", 40.0)
"""

from .air import Air
from .receiver import AirBoard
from .rules import PATH_LOSSES, PRESETS, Method, PathLoss, Rules
from .values import Downlink, Interferer, Listen, Pinned, Position, Transmission
from .verdict import Outcome, Report, Verdict

__all__ = [
    "PATH_LOSSES",
    "PRESETS",
    "Air",
    "AirBoard",
    "Downlink",
    "Interferer",
    "Listen",
    "Method",
    "Outcome",
    "PathLoss",
    "Pinned",
    "Position",
    "Report",
    "Rules",
    "Transmission",
    "Verdict",
]
