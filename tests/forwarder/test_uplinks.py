"""Frames from the radio to the links, whatever one of them does."""

from __future__ import annotations

import pytest

from forwarder.packets import RadioCounters, Uplink
from forwarder.uplinks import Uplinks
from hal.frames import RxFrame

from .semtech_makers import frame

FRAMES = [frame(payload=b"first"), frame(payload=b"second")]


class Server:
    def __init__(self, name: str, *, broken: bool = False) -> None:
        self.name = name
        self.heard: list[bytes] = []
        self._broken = broken

    async def run(self) -> None: ...

    def uplink(self, uplink: Uplink) -> None:
        if self._broken:
            raise KeyError("a bug")
        self.heard.append(uplink.frame.payload)

    def status(self) -> dict[str, object]:
        return {}


def test_a_link_that_fails_costs_no_other_a_frame(caplog: pytest.LogCaptureFixture) -> None:
    good, last = Server("good"), Server("last")
    uplinks = Uplinks(RadioCounters(), [Server("bad", broken=True), good])
    uplinks.observers += [Server("watcher", broken=True), last]
    uplinks.received(FRAMES)
    assert good.heard == last.heard == [b"first", b"second"]
    assert "bad failed on one frame" in caplog.text and "watcher failed" in caplog.text


def test_a_frame_that_cannot_be_judged_goes_to_the_servers() -> None:
    def judge(judged: RxFrame) -> bool:
        raise KeyError("a bug")

    counters, server = RadioCounters(), Server("server")
    uplinks = Uplinks(counters, [server])
    uplinks.unwanted = judge
    uplinks.received(FRAMES)
    assert server.heard == [b"first", b"second"] and counters.rx_unwanted == 0
