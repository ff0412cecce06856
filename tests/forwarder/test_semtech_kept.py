"""The UDP link under a keeper: an uplink is done with when its PUSH_ACK has come."""

from __future__ import annotations

import time
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from forwarder.links.semtech_udp.kept import (
    LATE_US,
    MOST,
    RESEND_S,
    KeptPushes,
    most_tries,
    outdated,
)
from forwarder.links.semtech_udp.link import SemtechUdpLink
from forwarder.links.semtech_udp.session import LOST_AFTER
from forwarder.links.settings import OutagePolicy, OutageSettings
from forwarder.packets import Uplink
from forwarder.spool.courier import KeepingCourier
from forwarder.spool.uplinks import Uplinks

from .fake_server import serving
from .link_bench import a_link, in_the_loop, running, until
from .semtech_makers import uplink

NOW_US = 7_000_000_000


def kept_link(
    port: int, *, resend_s: float = 30.0, clock: Callable[[], float] = time.monotonic
) -> tuple[SemtechUdpLink, KeepingCourier[Uplink]]:
    courier = KeepingCourier(
        "here",
        OutageSettings(OutagePolicy.REPLAY),
        Uplinks(),
        resend_s=resend_s,
        clock=clock,
    )
    link = a_link(port, courier=courier, now_us=lambda: NOW_US)
    courier.attach(link)
    return link, courier


@in_the_loop
async def test_an_uplink_is_kept_until_its_push_ack() -> None:
    async with serving() as server:
        link, courier = kept_link(server.port)
        async with running(link):
            await until(lambda: courier.status()["open"] is True)
            server.acks = False
            courier.put(uplink(b"one"))
            await server.push()
            assert courier.status()["in_flight"] == 1
            server.acks = True
            courier.put(uplink(b"two"))
            await until(lambda: courier.status()["acknowledged"] == 1)
            assert courier.status()["in_flight"] == 1


@given(st.integers(1, 600))
def test_no_frame_is_given_up_before_its_lost_server_is_noticed(keepalive_s: int) -> None:
    given_up_s = most_tries(keepalive_s) * RESEND_S
    assert given_up_s > (LOST_AFTER + 1) * keepalive_s


@in_the_loop
async def test_what_waited_goes_out_late_with_a_counter_that_nobody_answers() -> None:
    now = 100.0
    async with serving() as server:
        link, courier = kept_link(server.port, clock=lambda: now)
        courier.put(uplink(b"one", counter_us=5))
        now += 3.0
        async with running(link):
            rxpk = (await server.push())["rxpk"][0]
            assert rxpk["tmst"] == (NOW_US - LATE_US) & 0xFFFFFFFF
            await until(lambda: courier.status()["late"] == 1)


@in_the_loop
async def test_a_push_ack_that_was_lost_is_made_good_by_another_push() -> None:
    async with serving() as server:
        link, courier = kept_link(server.port, resend_s=0.02)
        async with running(link):
            await until(lambda: courier.status()["open"] is True)
            server.acks = False
            courier.put(uplink(b"one"))
            await server.push()
            server.acks = True
            await until(lambda: courier.status()["acknowledged"] == 1)
            assert courier.status()["repeated"] == 1


@in_the_loop
async def test_a_link_that_ends_gives_back_what_was_in_flight() -> None:
    async with serving() as server:
        link, courier = kept_link(server.port)
        async with running(link):
            await until(lambda: courier.status()["open"] is True)
            server.acks = False
            courier.put(uplink(b"one"))
        assert (courier.status()["waiting"], courier.status()["in_flight"]) == (1, 0)
        courier._stop_timer()


def test_a_token_acknowledges_once() -> None:
    pushes = KeptPushes()
    pushes.sent(7, 100)
    assert (pushes.taken(7), pushes.taken(7)) == (100, None)


def test_tokens_that_nobody_answers_are_forgotten() -> None:
    pushes = KeptPushes()
    for token in range(MOST + 1):
        pushes.sent(token, token)
    assert pushes.taken(0) is None and pushes.taken(MOST) == MOST


def test_a_token_that_comes_again_is_the_later_datagrams() -> None:
    pushes = KeptPushes()
    for number in range(MOST + 1):
        pushes.sent(number % MOST, number)
    assert pushes.taken(0) == MOST


def test_without_a_radio_a_late_counter_stays() -> None:
    assert outdated(uplink(counter_us=5), None).frame.counter_us == 5
