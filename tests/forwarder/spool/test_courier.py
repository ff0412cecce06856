"""The keeper in the event loop, with a link that only notes what it is given."""

from __future__ import annotations

import asyncio

import pytest

from forwarder.packets import Uplink
from forwarder.spool.courier import KeepingCourier
from forwarder.spool.uplinks import Uplinks

from . import makers


class NotingLink:
    """An outlet that takes everything, and acknowledges inside `send` where told to."""

    def __init__(self, courier: KeepingCourier[Uplink], *, at_once: bool = False) -> None:
        self.sent: list[tuple[int, Uplink, bool]] = []
        self.takes = True
        self._courier, self._at_once = courier, at_once
        courier.attach(self)

    def send(self, number: int, uplink: Uplink, *, late: bool) -> bool:
        if self.takes:
            self.sent.append((number, uplink, late))
            if self._at_once:
                self._courier.acknowledged(number)
        return self.takes


class Bench:
    """A courier on a clock that the test sets."""

    def __init__(self, policy: str = "replay", *, at_once: bool = False) -> None:
        self.now = 1000.0
        self.courier = KeepingCourier(
            "lns",
            makers.settings(policy),
            Uplinks(lambda: b"sess"),
            wall_ns=lambda: 10**18,
            clock=lambda: self.now,
        )
        self.link = NotingLink(self.courier, at_once=at_once)

    def status(self, key: str) -> object:
        return self.courier.status()[key]


def test_a_frame_has_left_when_put_returns_and_carries_the_radios_session() -> None:
    async def body() -> None:
        bench = Bench()
        bench.courier.opened()
        bench.courier.put(makers.uplink())
        ((_, uplink, late),) = bench.link.sent
        assert uplink.session == b"sess" and uplink.received_ns is None and not late
        assert bench.status("in_flight") == 1

    asyncio.run(body())


def test_a_late_frame_carries_the_time_of_its_reception() -> None:
    async def body() -> None:
        bench = Bench()
        bench.courier.put(makers.uplink())
        bench.now += 60
        bench.courier.opened()
        ((_, uplink, late),) = bench.link.sent
        assert late and uplink.received_ns == 10**18 - 60 * 10**9

    asyncio.run(body())


def test_an_acknowledgement_inside_send_settles_the_frame() -> None:
    async def body() -> None:
        bench = Bench(at_once=True)
        bench.courier.put(makers.uplink())
        bench.courier.put(makers.uplink(makers.PROPRIETARY))
        bench.courier.opened()
        assert len(bench.link.sent) == 2
        assert bench.status("acknowledged") == 2 and bench.status("in_flight") == 0

    asyncio.run(body())


def test_a_busy_link_is_given_the_frame_again_by_the_timer() -> None:
    async def body() -> None:
        bench = Bench()
        bench.courier.opened()
        bench.link.takes = False
        bench.courier.put(makers.uplink())
        assert bench.link.sent == [] and bench.status("waiting") == 1
        bench.link.takes = True
        bench.now += 1
        async with asyncio.timeout(5):
            while not bench.link.sent:
                await asyncio.sleep(0.01)

    asyncio.run(body())


def test_a_frame_is_known_to_be_at_risk_before_it_leaves() -> None:
    async def body() -> None:
        noted: list[int] = []
        at_send: list[int] = []
        courier = KeepingCourier(
            "lns",
            makers.settings("drop"),
            Uplinks(),
            note=lambda name, count, age_s: noted.append(count),
        )

        class Link:
            def send(self, number: int, uplink: Uplink, *, late: bool) -> bool:
                at_send.append(noted[-1])
                return True

        courier.attach(Link())
        courier.opened()
        courier.put(makers.uplink())
        assert at_send == [1]

    asyncio.run(body())


@pytest.mark.parametrize(("policy", "left"), [("sink-only", 2), ("drop", None)])
def test_what_was_left_to_sinks_is_told_where_it_was(policy: str, left: int | None) -> None:
    async def body() -> None:
        bench = Bench(policy)
        for fcnt in range(2):
            bench.courier.put(makers.uplink(makers.data(fcnt=fcnt)))
        bench.now += 60
        bench.courier._advance()
        bench.courier.opened()
        assert bench.link.sent == []
        assert bench.courier.status().get("left_to_sinks") == left

    asyncio.run(body())
