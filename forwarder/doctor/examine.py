"""Runs the checks of a walk: each in a thread of its own, none longer than it may.

A thread that hangs in a driver or a name server is left behind: it is a daemon, and the process
does not wait for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from time import monotonic

from .values import Check, Finding, fail
from .walk import Walk

LIMIT_S = 13.0  # for all checks together; the rest of 15 s is for start and end of the program


def examine(walk: Walk, limit_s: float = LIMIT_S) -> None:
    """Run what is ready until nothing is left or the time is over; `walk` holds the results."""
    results: SimpleQueue[tuple[Check, Finding]] = SimpleQueue()
    ends: dict[str, tuple[Check, float]] = {}
    last = monotonic() + limit_s
    while True:
        for check in walk.ready():
            ends[check.name] = (check, min(monotonic() + check.timeout_s, last))
            threading.Thread(target=_run, args=(check, results), daemon=True).start()
        if not ends:
            return
        wait_s = min(end for _, end in ends.values()) - monotonic()
        try:
            check, finding = results.get(timeout=max(wait_s, 0.0))
        except Empty:
            for check, _ in [late for late in ends.values() if late[1] <= monotonic()]:
                walk.done(check, _late(check))
                del ends[check.name]
            continue
        walk.done(check, finding)
        ends.pop(check.name, None)


def within(action: Callable[[], None], seconds: float) -> None:
    """Do it, and go on after `seconds` even if it hangs: letting go of a bus that does, say."""
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    thread.join(seconds)


def _run(check: Check, results: SimpleQueue[tuple[Check, Finding]]) -> None:
    try:
        finding = check.run()
    except Exception as error:  # one check that cannot cope must not take the others with it
        finding = fail(f"{type(error).__name__}: {error}", "this check to end by itself")
    results.put((check, finding))


def _late(check: Check) -> Finding:
    return fail(
        f"no result within {check.timeout_s:g} s",
        "an answer in time",
        "the device or the driver hangs",
        "the machine is overloaded or its supply is weak",
        next="dmesg | tail -50",
    )
