"""What a gateway that runs beside the doctor says of itself (forwarder/state/status.py).

The chip is not ours to examine then; what the gateway measured of it is the better answer anyway.
"""

from __future__ import annotations

import os

from ..state.state_file import read
from ..state.status import FORMAT
from .case import Case
from .values import Finding, fail, ok, skipped, warn

UP = "up"


def state(case: Case) -> dict[str, object] | None:
    """The state of a gateway that runs here, or None."""
    for folder in ("/run/edgemast", f"/run/user/{os.geteuid()}/edgemast"):
        found = read(case.machine.path(folder))
        if found is not None and found.get("format") == FORMAT:
            return found
    return None


def gateway(case: Case) -> Finding:
    """The radio of the gateway that has the board."""
    if not case.running:
        return skipped("no gateway has the board")
    found = state(case)
    if found is None:
        return warn(
            f"{case.running} has the board, and there is no state file of it that we can read",
            "its state in /run/edgemast",
            "it is simulated, of another version, or another user's",
            "its unit has no RuntimeDirectory=edgemast",
            next="journalctl -u edgemast -n 50",
        )
    radio = _table(found.get("radio"))
    text = (
        f"{case.running}: radio {radio.get('state')}, up {found.get('uptime_s')} s, "
        f"{radio.get('rx_total')} frames received, {sum_of(radio.get('recovery'))} recoveries"
    )
    reasons = ", ".join(f"{why} ({count})" for why, count in _table(radio.get("reasons")).items())
    if radio.get("state") != UP:
        return fail(
            f"{text}; {reasons}",
            "a radio that is up",
            reasons or "it is just being started",
            next="sudo systemctl stop edgemast && edgemast doctor",
        )
    if reasons:
        return warn(f"{text}: {reasons}", "a radio that stays up", "supply, cable or heat")
    return ok(text)


def server(name: str, case: Case) -> Finding:
    """How the running gateway gets on with one of its servers."""
    found = state(case) or {}
    links = found.get("links")
    for link in links if isinstance(links, list) else ():
        status = _table(link)
        if status.get("name") == name:
            return _link(status)
    return skipped(f"{case.running} speaks to it, and does not say how")


def gps(case: Case) -> Finding:
    """What the running gateway knows of position, time and PPS."""
    found = _table((state(case) or {}).get("gps"))
    if not found:
        return skipped(f"{case.running} has the receiver")
    words = {"position": "position_fix", "time": "time_fix", "PPS": "pps"}
    three = (f"{word} {'yes' if found.get(key) is True else 'no'}" for word, key in words.items())
    told = f"the running gateway says: {', '.join(three)}"
    if found.get("valid") is True:
        return ok(told)
    return warn(f"{told}: {found.get('reason')}", "all three, for class B and fine timestamps")


def _link(status: dict[str, object]) -> Finding:
    text = f"the running gateway's link is {status.get('state')}"
    rtt = _table(status.get("rtt_ms"))
    if (median := rtt.get("p50", rtt.get("median"))) is not None:
        text += f", round trip {median} ms"
    trouble = str(status.get("trouble") or "")
    if status.get("state") == UP:
        # The link itself forgets a trouble once it has been steady again.
        return warn(f"{text}; before that: {trouble}", "one that stays up") if trouble else ok(text)
    return fail(
        f"{text}: {trouble}" if trouble else text,
        "a link that is up",
        trouble or "the server is away, or does not know this gateway",
        next="journalctl -u edgemast -n 50",
    )


def sum_of(counts: object) -> int:
    """The sum of a table of counters."""
    return sum(count for count in _table(counts).values() if isinstance(count, int))


def _table(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
