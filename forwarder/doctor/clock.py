"""Time: is the machine's clock right enough for TLS, and does a GPS receiver talk?"""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path

from .case import Case
from .values import Finding, fail, ok, skipped, warn

STA_UNSYNC = 0x0040  # adjtimex(2)
STATUS_OFFSET = 5 * ctypes.sizeof(ctypes.c_long)  # modes, offset, freq, maxerror, esterror, status
TIMEX_SIZE = 512  # more than any kernel's struct
LISTEN_S = 1.6


def sync(case: Case) -> Finding:
    """Whether the clock is synchronised, and not older than this program."""
    made_s = Path(__file__).stat().st_mtime
    behind_days = (made_s - time.time()) / 86_400
    if behind_days > 1:
        return fail(
            f"the clock is {behind_days:.0f} days older than this program",
            "a clock that is about right: certificates are judged by it",
            "a Pi has no battery clock, and no time server was reached since power-on",
            next="timedatectl timesync-status",
        )
    synchronised = _synchronised(case)
    if synchronised is None:
        return skipped("neither timedatectl nor the kernel tells")
    if synchronised:
        return ok("the clock is synchronised")
    return warn(
        "the clock is not synchronised",
        "NTP: times in records, and certificates, are judged by it",
        "UDP port 123 is closed on this network",
        "no time service is installed or running",
        next="timedatectl timesync-status || chronyc tracking",
    )


def _synchronised(case: Case) -> bool | None:
    told = case.machine.run(("timedatectl", "show", "--property=NTPSynchronized", "--value"))
    if told in ("yes", "no"):
        return told == "yes"
    return kernel_synchronised() if case.machine.root == Path("/") else None


def kernel_synchronised() -> bool | None:
    """What the kernel says of its own clock; None where it cannot be asked."""
    buffer = ctypes.create_string_buffer(TIMEX_SIZE)  # modes 0: change nothing
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    except (OSError, AttributeError):
        return None
    if state < 0:
        return None
    return not ctypes.c_int.from_buffer(buffer, STATUS_OFFSET).value & STA_UNSYNC


def gps(case: Case) -> Finding:
    """Whether anything that looks like a receiver talks on the configured device."""
    tty = case.config.gps_tty if case.config else None
    if tty is None:
        return skipped("GPS is not configured (gateway.gps)")
    machine = case.machine
    if not machine.exists(tty):
        return fail(
            f"{tty} does not exist",
            "the receiver's serial device",
            "the serial port is off: enable_uart=1 in config.txt",
            "the receiver is on another port",
            next="sudo raspi-config nonint do_serial_hw 0 && sudo reboot",
        )
    if console := _console_on(case, tty):
        return fail(
            f"the kernel's console is on {tty} ({console})",
            "the port for the receiver alone",
            "the login console was left on the serial port",
            next="sudo raspi-config nonint do_serial_cons 1 && sudo reboot",
        )
    if users := machine.holders(tty):
        return skipped(f"{tty} is in use by {', '.join(users)}")
    return _listen(str(machine.path(tty)), tty)


def _console_on(case: Case, tty: str) -> str:
    words = (case.machine.text("/proc/cmdline") or "").split()
    real = Path(os.path.realpath(case.machine.path(tty))).name
    names = {Path(tty).name, real}
    consoles = (word for word in words if word.startswith("console="))
    return next(
        (word for word in consoles if word.removeprefix("console=").split(",")[0] in names), ""
    )


def _listen(path: str, tty: str) -> Finding:
    from serial import Serial, SerialException

    try:
        with Serial(path, 9600, timeout=0.2) as port:
            data = b""
            end = time.monotonic() + LISTEN_S
            while time.monotonic() < end and not talks(data):
                data += port.read(256)
    except (SerialException, OSError) as error:
        return fail(
            f"{tty}: {error}", "the receiver's port to open", "no permission: group dialout"
        )
    if talks(data):
        return ok(f"a receiver talks on {tty}")
    return warn(
        f"{len(data)} bytes from {tty}, none of them NMEA or UBX",
        "a receiver that talks at 9600 bit/s",
        "no receiver is fitted, or it is held in reset",
        "it talks at another speed",
        next=f"stty -F {tty} 9600 raw; timeout 3 cat {tty}",
    )


def talks(data: bytes) -> bool:
    """Whether this looks like NMEA or UBX."""
    return any(mark in data for mark in (b"$GP", b"$GN", b"$GL", b"$GA", b"$GB", b"\xb5\x62"))
