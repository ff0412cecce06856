"""The supply, as the Raspberry Pi's firmware and its monitor saw it since power-on."""

from __future__ import annotations

from .case import Case
from .values import Finding, fail, ok, skipped, warn

# Bits of get_throttled (raspberrypi.com, vcgencmd): now, and 16 higher since power-on.
UNDERVOLTAGE, CAPPED, THROTTLED, HOT = range(4)
SINCE = 16
PLATFORM, FLAGS = "/sys/devices/platform", "*/*firmware/get_throttled"  # soc/soc:firmware on a 4
CAUSES = (
    "a supply or cable too weak for Pi, board and whatever hangs on USB",
    "a long or thin cable; a hub between",
)


def supply(case: Case) -> Finding:
    """Undervoltage spoils transmissions first, and reads like a broken radio."""
    flags = _throttled(case)
    if flags is None:
        return _monitor(case)
    now = flags >> UNDERVOLTAGE & 1
    before = flags >> (UNDERVOLTAGE + SINCE) & 1
    if now:
        return fail(f"undervoltage right now (flags {flags:#x})", "5 V, at least 4.63", *CAUSES)
    if before:
        return warn(f"undervoltage since power-on (flags {flags:#x})", "5 V, always", *CAUSES)
    if flags >> THROTTLED & 1 or flags >> HOT & 1:
        return warn(f"slowed down by heat (flags {flags:#x})", "a cooler machine", "no cooling")
    return ok(f"no undervoltage since power-on (flags {flags:#x})")


def _throttled(case: Case) -> int | None:
    machine = case.machine
    files = (machine.text(name) for name in machine.names(PLATFORM, FLAGS))
    text = next(files, None) or machine.run(("vcgencmd", "get_throttled")) or ""
    try:
        return int(text.rpartition("=")[2], 16)
    except ValueError:
        return None


def _monitor(case: Case) -> Finding:
    """The kernel's own voltage monitor, where the firmware cannot be asked."""
    for name in case.machine.names("/sys/class/hwmon", "*"):
        if case.machine.text(f"{name}/name") == "rpi_volt":
            if case.machine.text(f"{name}/in0_lcrit_alarm") == "1":
                return warn("the kernel's monitor saw undervoltage", "5 V, always", *CAUSES)
            return ok("the kernel's monitor saw no undervoltage")
    return skipped("this machine has no supply monitor that we know")
