"""Looks on while the gateway works: feeds `recent.py` and, where there is a page, the capture ring.

Comes after every link: nothing here is between a frame and its server.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hal.frames import TxReceipt

from ..packets import Answer, Downlink, Uplink
from ..scheduling.downlinks import Job
from .recent import Recent

if TYPE_CHECKING:
    from ..app import Gateway
    from ..capture.ring import CaptureRing

LOOK_S = 1.0


class Watching:
    """A part of the gateway; `run` compares states once a second."""

    def __init__(self, gateway: Gateway) -> None:
        self.name = "watching"
        self.recent = Recent()
        self.ring: CaptureRing | None = None
        self._gateway = gateway

    async def run(self) -> None:
        while True:
            self.recent.look(self._parts(), now_ms())
            await asyncio.sleep(LOOK_S)

    # What happens.

    def named(self, eui: str) -> None:
        """The gateway's EUI, as captures carry it."""
        if self.ring is not None:
            self.ring.gateway = int(eui, 16)

    def uplink(self, uplink: Uplink) -> None:
        self.recent.received(uplink, now_ms())
        if self.ring is not None:
            self.ring.uplink(uplink)

    def answered(self, downlink: Downlink, answer: Answer) -> None:
        self.recent.answered(downlink, answer, now_ms())

    def ended(self, job: Job, outcome: TxReceipt | str) -> None:
        """How an accepted downlink ended: its receipt, or why it was not sent."""
        if isinstance(outcome, str):
            self.recent.ended(job.downlink, outcome or "dropped")
            return
        self.recent.ended(job.downlink)
        if self.ring is not None:
            self.ring.sent(job.frame, outcome.start_us)

    def radio(self, state: str, text: str) -> None:
        self.recent.changed("radio", "", state, text, now_ms())

    # What is looked at.

    def _parts(self) -> Iterator[dict[str, object]]:
        gateway = self._gateway
        for link in gateway.uplinks.links:
            status = link.status()
            yield {
                "what": "link",
                "name": status["name"],
                "state": status["state"],
                "text": status.get("trouble"),
                "connections": status.get("connections"),
            }
        gps = gateway.time.state
        if gps.source:
            state = "valid" if gps.valid else "not valid"
            yield {"what": "gps", "state": state, "text": gps.reason}
        silent = gateway.hearing.status()["silent"] is True
        state = "silent" if silent else "heard"
        text = "no frame for unusually long" if silent else "frames are heard again"
        yield {"what": "hearing", "state": state, "text": text, "quiet_start": True}


def now_ms() -> int:
    return time.time_ns() // 1_000_000
