"""Time: is the machine's clock right enough for TLS, and does a GPS receiver talk?"""

from __future__ import annotations

import os
import time
from pathlib import Path
from urllib.parse import urlsplit

from hal.gps.receiver import Kind, Receiver
from hal.gps.values import Report

from ..config.model import GpsSettings
from ..timing.clock_sync import asked_kernel
from . import live
from .case import Case
from .network import tcp_opens
from .values import Finding, fail, ok, skipped, warn

LISTEN_S = 1.6
GPSD_PORT = 2947


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
    return asked_kernel() if case.machine.root == Path("/") else None


def gps(case: Case) -> Finding:
    """Whether a receiver, or gpsd, tells anything where the configuration says it is."""
    settings = case.config.gps if case.config else None
    if settings is None:
        return skipped("GPS is not configured (gateway.gps)")
    if case.running:
        return live.gps(case)
    if settings.kind == "gpsd":
        place = urlsplit(settings.source)
        return tcp_opens(place.hostname or "localhost", place.port or GPSD_PORT)
    return _serial(case, settings)


def _serial(case: Case, settings: GpsSettings) -> Finding:
    machine, tty = case.machine, settings.source
    if not machine.exists(tty):
        return fail(
            f"{tty} does not exist",
            "the receiver's serial device",
            f"the serial port is off: enable_uart=1 is missing in {machine.boot_config()}",
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
        return fail(
            f"{tty} is in use by {', '.join(users)}",
            "the port for the gateway alone",
            'gpsd has it: then gateway.gps_tty = "gpsd://localhost"',
        )
    return _listen(str(machine.path(tty)), settings)


def _console_on(case: Case, tty: str) -> str:
    words = (case.machine.text("/proc/cmdline") or "").split()
    real = Path(os.path.realpath(case.machine.path(tty))).name
    names = {Path(tty).name, real}
    consoles = (word for word in words if word.startswith("console="))
    return next(
        (word for word in consoles if word.removeprefix("console=").split(",")[0] in names), ""
    )


def _listen(path: str, settings: GpsSettings) -> Finding:
    from serial import Serial, SerialException

    tty, receiver = settings.source, Receiver(Kind(settings.kind))
    size = 0
    try:
        with Serial(path, settings.baud, timeout=0.2) as port:
            end = time.monotonic() + LISTEN_S
            while time.monotonic() < end:
                data = port.read(256)
                size += len(data)
                if reports := receiver.feed(data):
                    return ok(f"a receiver talks {receiver.protocol} on {tty}: {told(reports)}")
    except (SerialException, OSError) as error:
        return fail(
            f"{tty}: {error}", "the receiver's port to open", "no permission: group dialout"
        )
    return warn(
        f"{size} bytes from {tty} in {LISTEN_S} s, and no message that we know",
        f"a receiver that talks at {settings.baud} bit/s",
        "no receiver is fitted, or it is held in reset",
        "it talks at another speed: gateway.gps_baud",
        next=f"stty -F {tty} {settings.baud} raw; timeout 3 cat {tty}",
    )


def told(reports: list[Report]) -> str:
    """What the last of them says, in a word or two."""
    words = {"Fix": "position", "NoFix": "no position yet", "NoTime": "no time yet"}
    return words.get(type(reports[-1]).__name__, "time")
