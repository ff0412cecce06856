"""What systemd is told: ready, alive, how things are, stopping. Nothing without NOTIFY_SOCKET.

The protocol is one datagram of `NAME=value` lines (sd_notify(3)). READY is said when the radio
receives and a first server has answered or had its time. WATCHDOG is said only after the radio
thread has got round once more: a pass that talked to the chip, or a step of its recovery that came
to an end. A bus that hangs, or a loop that does, is silence, and systemd starts the program anew.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

READY_AT_LATEST_S = 10.0  # after the radio: a server that is away must not hold the start up
LOOK_S = 0.2  # between two looks whether it is time for READY
STATUS_S = 10.0


@dataclass(frozen=True, slots=True)
class Condition:
    """How the gateway is. `beats` counts the radio thread's rounds; `text` is for people."""

    radio_up: bool
    server_up: bool
    has_servers: bool
    beats: int
    text: str


class Notifier:
    """Sends to the service manager; without one it does nothing. Datagrams never block."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        self._address = environ.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]
        self.watchdog_s = _watchdog_s(environ)

    @property
    def wanted(self) -> bool:
        return bool(self._address)

    def send(self, **words: str | int) -> None:
        """One datagram; that nobody takes it is no reason to stop a gateway."""
        if not self._address:
            return
        text = "\n".join(f"{name}={value}" for name, value in words.items())
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as out:
                out.sendto(text.encode(), self._address)
        except OSError:
            pass


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    """How often systemd wants to hear from this process; None for not at all."""
    pid = environ.get("WATCHDOG_PID")
    if pid is not None and pid != str(os.getpid()):
        return None
    try:
        interval_us = int(environ.get("WATCHDOG_USEC", "0"))
    except ValueError:
        return None
    return interval_us / 1e6 if interval_us > 0 else None


class Readiness:
    """When READY is due, and when a sign of life is true. Pure: `now_s` is monotonic."""

    def __init__(self) -> None:
        self.ready = False
        self._radio_up_s: float | None = None
        self._beats = -1

    def is_ready(self, condition: Condition, now_s: float) -> bool:
        """Whether READY is to be said now; True once."""
        if self.ready or not condition.radio_up:
            return False
        if self._radio_up_s is None:
            self._radio_up_s = now_s
        waited = now_s - self._radio_up_s >= READY_AT_LATEST_S
        self.ready = condition.server_up or not condition.has_servers or waited
        return self.ready

    def is_alive(self, condition: Condition) -> bool:
        """Whether the radio thread has got round since the last time this was asked."""
        alive = condition.beats != self._beats
        self._beats = condition.beats
        return alive


class ServiceManager:
    """The part that tells systemd; `condition` is asked in the event loop."""

    def __init__(self, notifier: Notifier, condition: Callable[[], Condition]) -> None:
        self.name = "service manager"
        self._notifier = notifier
        self._condition = condition
        self._readiness = Readiness()
        self._text = ""

    async def run(self) -> None:
        """Until cancelled, when it says that the service is stopping."""
        loop = asyncio.get_running_loop()
        watchdog_s = self._notifier.watchdog_s
        pause_s = min(STATUS_S, watchdog_s / 4) if watchdog_s else STATUS_S
        try:
            while True:
                self.tell(loop.time())
                await asyncio.sleep(pause_s if self._readiness.ready else min(LOOK_S, pause_s))
        finally:
            self._notifier.send(STOPPING=1)

    def tell(self, now_s: float) -> None:
        """What is to be said now."""
        condition = self._condition()
        words: dict[str, str | int] = {}
        if self._readiness.is_ready(condition, now_s):
            words["READY"] = 1
        if self._notifier.watchdog_s and self._readiness.is_alive(condition):
            words["WATCHDOG"] = 1
        if condition.text != self._text:
            self._text = words["STATUS"] = condition.text
        if words:
            self._notifier.send(**words)
