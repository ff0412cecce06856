"""The link against a server on loopback: real sockets, real loop, no sleeping."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from forwarder.backoff import backoff
from forwarder.links.base import Schedule
from forwarder.links.semtech_udp.link import SemtechUdpLink, State
from forwarder.links.semtech_udp.outbox import BACKLOG_MOST, Outbox
from forwarder.links.semtech_udp.resolve import Peer, Resolve, resolve
from forwarder.packets import Accepted, Downlink, Position, Refusal, Refused
from hal.frames import Crc

from .fake_server import PATIENCE_S, serving
from .semtech_makers import Facts, answering, body, fsk_uplink, settings, uplink


def at_once() -> Iterator[float]:
    while True:
        yield 0.0


def in_the_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run an async test; the fixture-free way that needs no plugin."""

    def run() -> None:
        asyncio.run(test())

    run.__name__ = test.__name__
    return run


def a_link(
    port: int,
    *,
    facts: Facts | None = None,
    schedule: Schedule | None = None,
    resolver: Resolve = resolve,
    **changes: Any,
) -> SemtechUdpLink:
    config = settings(**{"port_up": port, "port_down": port, "keepalive_s": 0.05} | changes)
    return SemtechUdpLink(
        config, facts or Facts(), schedule or answering(), resolver=resolver, pauses=at_once
    )


@asynccontextmanager
async def running(*links: SemtechUdpLink) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(link.run()) for link in links]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def until(true: Callable[[], bool]) -> None:
    """Turn the loop until something holds; the wait is for the loop, not for time."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await asyncio.wait([asyncio.ensure_future(_turn())])


async def _turn() -> None:
    loop = asyncio.get_running_loop()
    turned = loop.create_future()
    loop.call_later(0.001, turned.set_result, None)
    await turned


async def up(link: SemtechUdpLink) -> None:
    await until(lambda: link.state is State.UP)


# Up.


@in_the_loop
async def test_a_frame_becomes_one_datagram_with_one_rxpk_and_its_ack_is_counted() -> None:
    async with serving() as server:
        link = a_link(server.port)
        async with running(link):
            await up(link)
            link.uplink(uplink(b"one"))
            link.uplink(uplink(b"two"))
            first, second = await server.push(), await server.push()
            assert [rxpk["data"] for rxpk in first["rxpk"] + second["rxpk"]] == ["b25l", "dHdv"]
            await until(lambda: link.status()["push"] == acked(2))
            assert link.status()["ackr"] == 100.0
            assert link.status()["rtt_ms"] is not None


def acked(count: int) -> dict[str, int]:
    return {"sent": count, "acknowledged": count, "late": 0, "lost": 0}


@in_the_loop
async def test_a_frame_leaves_inside_the_call_of_uplink() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)
        link = a_link(server.getsockname()[1])
        async with running(link):
            await until(lambda: link.state is State.WAITING)
            assert server.recv(4096)[3] == 2
            link.uplink(uplink())  # nothing is awaited from here on
            assert server.recv(4096)[3] == 0


@in_the_loop
async def test_only_wanted_frames_are_sent() -> None:
    bad = {"forward_crc_error": True}
    wanted: list[tuple[dict[str, Any], list[str]]] = [
        ({}, ["OK", "FSK"]),
        (bad | {"forward_crc_disabled": True}, ["OK", "BAD", "NONE", "FSK"]),
        (bad | {"forward_crc_valid": False}, ["BAD"]),
        (bad | {"profile": "helium"}, ["OK"]),
    ]
    for changes, names in wanted:
        async with serving() as server:
            link = a_link(server.port, **changes)
            async with running(link):
                await up(link)
                for crc in (Crc.OK, Crc.BAD, Crc.NONE):
                    link.uplink(uplink(crc.name.encode(), crc=crc))
                link.uplink(fsk_uplink(payload=b"FSK"))
                for name in names:
                    (rxpk,) = (await server.push())["rxpk"]
                    assert rxpk["size"] == len(name)
                status = link.status()
                assert status["forwarded"] == len(names)
                assert status["filtered"] == 4 - len(names)


@in_the_loop
async def test_batching_joins_what_arrives_together_up_to_a_limit() -> None:
    async with serving() as server:
        link = a_link(server.port, batch=True)
        async with running(link):
            await up(link)
            for number in range(10):
                link.uplink(uplink(bytes([number])))
            found: list[int] = []
            while sum(found) < 10:
                datagram = await server.pushes.get()
                assert len(datagram) <= 1200
                found.append(len(json.loads(datagram[12:])["rxpk"]))
            assert found == [5, 5]


@in_the_loop
async def test_frames_wait_for_the_network_in_order_and_the_oldest_go_first() -> None:
    async with serving() as server:
        link = a_link(server.port)
        for number in range(BACKLOG_MOST + 3):
            link.uplink(uplink(counter_us=number))
        assert (link.status()["waiting"], link.status()["dropped"]) == (BACKLOG_MOST, 3)
        async with running(link):
            await up(link)
            link.uplink(uplink(counter_us=BACKLOG_MOST + 3))
            seen = [(await server.push())["rxpk"][0]["tmst"] for _ in range(BACKLOG_MOST + 1)]
            assert seen == list(range(3, BACKLOG_MOST + 4))


@in_the_loop
async def test_a_server_that_counts_datagrams_gets_no_more_than_its_number_at_once() -> None:
    sent: list[str] = []

    def send(text: str) -> bool:
        sent.append(text)
        return True

    outbox = Outbox(send, per_10ms=5)
    outbox.resume()
    for number in range(12):
        outbox.put(str(number))
    assert sent == ["0", "1", "2", "3", "4"]
    await until(lambda: len(sent) == 12)
    assert sent == [str(number) for number in range(12)]
    outbox.pause()


@in_the_loop
async def test_a_full_socket_keeps_the_frame_for_later() -> None:
    sent: list[str] = []
    room = False

    def send(text: str) -> bool:
        if room:
            sent.append(text)
        return room

    outbox = Outbox(send)
    outbox.resume()
    outbox.put("kept")
    assert (sent, len(outbox)) == ([], 1)
    room = True
    await until(lambda: sent == ["kept"])
    assert len(outbox) == 0


# Down.


@in_the_loop
async def test_every_pull_resp_is_answered_once_from_the_pull_socket() -> None:
    async with serving() as server:
        seen: list[Downlink] = []
        link = a_link(server.port, schedule=answering(seen=seen))
        async with running(link):
            await up(link)
            server.downlink(body(), token=1)
            server.downlink(b"{", token=2)
            server.downlink(body(rfch=5), token=3)
            server.downlink(body(), token=4, version=1)
            acks = [await server.tx_ack() for _ in range(4)]
            assert [ack[1:4] for ack in acks] == [bytes([0, n, 5]) for n in (1, 2, 3, 4)]
            assert [ack[12:].decode() for ack in acks] == [
                "",
                '{"txpk_ack":{"error":"UNKNOWN"}}',
                '{"txpk_ack":{"error":"UNKNOWN"}}',
                "",
            ]
            assert server.tx_ack_from == server.pull_from
            assert [downlink.token for downlink in seen] == [1, 4]
            link.uplink(uplink())
            await server.push()
            assert server.tx_acks.empty()
            status = link.status()
            assert (status["downlinks"], status["accepted"], status["unreadable"]) == (2, 2, 2)


@in_the_loop
async def test_refusals_and_margins_are_told_by_reason() -> None:
    async with serving() as server:
        refused = Refused(Refusal.TOO_LATE, margin_us=-12_300)
        link = a_link(server.port, schedule=answering(refused))
        async with running(link):
            await up(link)
            server.downlink(body())
            assert b"TOO_LATE" in await server.tx_ack()
            assert link.status()["refused"] == {"TOO_LATE": 1}
            assert link.status()["margin_ms"] == {"least": -12.3, "median": -12.3, "last": -12.3}


@in_the_loop
async def test_the_profile_decides_the_form_of_a_warning() -> None:
    lowered = Accepted(start_us=1, power_dbm=12.0, adjusted=True, margin_us=1)
    async with serving() as server:
        link = a_link(server.port, schedule=answering(lowered), profile="tts")
        async with running(link):
            await up(link)
            server.downlink(body())
            ack = json.loads((await server.tx_ack())[12:])["txpk_ack"]
            assert ack == {"error": "NONE", "warn": "TX_POWER", "value": 12}


@in_the_loop
async def test_what_another_address_sends_is_never_seen() -> None:
    async with serving() as server, serving() as stranger:
        seen: list[Downlink] = []
        link = a_link(server.port, schedule=answering(seen=seen))
        async with running(link):
            await up(link)
            stranger.pull_from = server.pull_from
            stranger.downlink(body(), token=1)
            server.downlink(body(), token=2)
            assert (await server.tx_ack())[1:3] == b"\x00\x02"
            assert [downlink.token for downlink in seen] == [2]
            assert stranger.tx_acks.empty()


@in_the_loop
async def test_an_uplink_only_server_gets_frames_and_no_keepalive() -> None:
    async with serving() as server:
        link = a_link(server.port, uplink_only=True)
        async with running(link):
            await until(lambda: link.state is State.WAITING)
            link.uplink(uplink())
            await server.push()
            await up(link)
            assert server.pulls.empty()


# Reports.


@in_the_loop
async def test_reports_count_one_interval_and_have_a_datagram_of_their_own() -> None:
    async with serving() as server:
        facts = Facts(temperature=25.0, place=Position(48.1, 11.5, 519))
        link = a_link(server.port, facts=facts, stat_interval_s=0.1)
        facts.counters.rx_total, facts.counters.rx_ok, facts.counters.tx_ok = 3, 2, 1
        async with running(link):
            first = await server.push()
            assert set(first) == {"stat"}
            assert {key: first["stat"][key] for key in ("rxnb", "rxok", "txnb", "temp", "alti")} == {
                "rxnb": 3, "rxok": 2, "txnb": 1, "temp": 25.0, "alti": 519,
            }  # fmt: skip
            facts.counters.rx_total += 1
            link.uplink(uplink())
            assert set(await server.push()) == {"rxpk"}
            second = (await server.push())["stat"]
            assert (second["rxnb"], second["rxok"], second["rxfw"]) == (1, 0, 1)


# A path that fails.


@in_the_loop
async def test_a_name_that_cannot_be_resolved_is_asked_for_again() -> None:
    async with serving() as server:
        answers: Iterator[str | None] = iter([None, None, "127.0.0.1"])

        async def resolver(host: str, port_up: int, port_down: int) -> list[Peer]:
            found = next(answers, "127.0.0.1")
            if found is None:
                raise OSError("Temporary failure in name resolution")
            return await resolve(found, port_up, port_down)

        link = a_link(server.port, resolver=resolver)
        link.uplink(uplink(b"early"))
        async with running(link):
            assert (await server.push())["rxpk"][0]["size"] == 5
            await up(link)


@in_the_loop
async def test_a_server_that_restarts_is_found_again_without_a_spin() -> None:
    async with serving() as server:
        link = a_link(server.port)
        async with running(link):
            await up(link)
            server.close()
            await until(lambda: link.state is not State.UP)
            link.uplink(uplink())  # into the void, where ICMP answers
            await until(lambda: int(str(link.status()["errors"])) >= 2)
            server.pulls = asyncio.Queue()
            await server.open(port=server.port)
            await server.pull()
            await up(link)
            link.uplink(uplink(b"after"))
            await until(lambda: not server.pushes.empty())


@in_the_loop
async def test_errors_are_answered_with_pauses_and_not_with_a_spin() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    asked = 0

    def long_pauses() -> Iterator[float]:
        nonlocal asked
        while True:
            asked += 1
            yield 1000.0

    link = SemtechUdpLink(
        settings(port_up=port, port_down=port, keepalive_s=0.001),
        Facts(),
        answering(),
        pauses=long_pauses,
    )
    async with running(link):
        await until(lambda: int(str(link.status()["errors"])) >= 20)
        assert (asked, link.status()["connections"]) == (1, 1)


@in_the_loop
async def test_a_silent_server_gets_new_sockets_and_a_fresh_look_at_its_name() -> None:
    async with serving() as server:
        looks = 0

        async def resolver(host: str, port_up: int, port_down: int) -> list[Peer]:
            nonlocal looks
            looks += 1
            return await resolve(host, port_up, port_down)

        server.acks = False
        link = a_link(server.port, resolver=resolver, keepalive_s=0.005, autoquit=2)
        async with running(link):
            await server.pull()
            first = server.pull_from
            await until(lambda: looks >= 3 and server.pull_from != first)
            server.acks = True
            await up(link)


@in_the_loop
async def test_the_second_address_gets_its_turn_when_the_first_never_answers() -> None:
    async with serving() as mute, serving() as server:
        mute.acks = False

        async def resolver(host: str, port_up: int, port_down: int) -> list[Peer]:
            addresses = [("127.0.0.1", mute.port), ("127.0.0.1", server.port)]
            return [Peer(socket.AF_INET, f"{a}", a, a) for a in addresses]

        link = a_link(server.port, resolver=resolver, keepalive_s=0.005)
        async with running(link):
            await up(link)
            assert str(server.port) in str(link.status()["peer"])
            assert not mute.pulls.empty()


@in_the_loop
async def test_an_address_without_a_route_is_passed_over() -> None:
    async with serving() as server:

        async def resolver(host: str, port_up: int, port_down: int) -> list[Peer]:
            nowhere = ("255.255.255.255", port_up)  # connect refuses it: no broadcast allowed
            here = ("127.0.0.1", port_up)
            return [Peer(socket.AF_INET, at[0], at, at) for at in (nowhere, here)]

        link = a_link(server.port, resolver=resolver)
        async with running(link):
            await up(link)
            assert link.status()["peer"] == "127.0.0.1"


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="needs IPv6 on the loopback interface")
def test_ipv6_works_both_ways() -> None:
    async def scene() -> None:
        async with serving("::1") as server:
            link = a_link(server.port, address="::1")
            async with running(link):
                await up(link)
                link.uplink(uplink())
                await server.push()
                server.downlink(body())
                assert len(await server.tx_ack()) == 12

    asyncio.run(scene())


@in_the_loop
async def test_a_server_that_never_answers_delays_no_other() -> None:
    async with serving() as server, serving() as mute:
        mute.acks = False
        good = a_link(server.port, name="good")
        bad = a_link(mute.port, name="bad", autoquit=1)
        async with running(good, bad):
            await up(good)
            for number in range(50):
                for link in (bad, good):
                    link.uplink(uplink(counter_us=number))
            seen = [(await server.push())["rxpk"][0]["tmst"] for _ in range(50)]
            assert seen == list(range(50))
            await until(lambda: good.status()["push"] == acked(50))
            assert bad.state is not State.UP
            assert bad.status()["ackr"] == 0.0


@in_the_loop
async def test_garbage_from_the_server_is_counted_and_harmless() -> None:
    async with serving() as server:
        link = a_link(server.port)
        async with running(link):
            await up(link)
            for garbage in (b"\x02", b"\x02\x00\x00\x09", b"\x07" * 2000, b"\0" * 60_000):
                server.raw(garbage)
            server.downlink(b"[" * 60_000)
            assert b"UNKNOWN" in await server.tx_ack()
            assert link.status()["ignored"] == 4
            link.uplink(uplink())
            await server.push()


def test_a_change_of_state_is_one_line_and_a_flood_of_faults_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene() -> None:
        async with serving() as server:
            link = a_link(server.port)
            async with running(link):
                await up(link)
                for token in range(50):
                    server.downlink(b"{", token)
                for _ in range(50):
                    await server.tx_ack()

    with caplog.at_level(logging.INFO, "forwarder.links.semtech_udp"):
        asyncio.run(scene())
    lines = [record.getMessage() for record in caplog.records]
    assert [line.split(":")[1].strip() for line in lines[:2]] == [State.WAITING.value, "up"]
    assert len(lines) == 3 and "cannot be read" in lines[2]


@in_the_loop
async def test_a_name_that_is_no_name_is_an_os_error() -> None:
    for name in ("a" * 70 + ".example", "no such host.invalid"):
        with pytest.raises(OSError):
            await resolve(name, 1700, 1700)


@in_the_loop
async def test_both_ports_reach_the_address() -> None:
    (peer,) = await resolve("127.0.0.1", 1780, 1782)
    assert (peer.up, peer.down) == (("127.0.0.1", 1780), ("127.0.0.1", 1782))


def test_pauses_grow_with_jitter_to_a_ceiling() -> None:
    pauses = backoff()
    seen = [next(pauses) for _ in range(12)]
    assert 0.5 <= seen[0] < 1.0
    assert all(30.0 <= pause < 60.0 for pause in seen[6:])


@in_the_loop
async def test_an_icmp_answer_on_the_pull_socket_loses_the_path_before_any_keepalive() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        config = settings(port_up=port, port_down=port, keepalive_s=1000.0)
        link = SemtechUdpLink(config, Facts(), answering(), pauses=lambda: iter([1000.0]))
        async with running(link):
            await until(lambda: link.state is State.WAITING)
            pull, gateway = server.recvfrom(100)
            server.sendto(pull[:3] + b"\x04", gateway)
            server.sendto(b"\x02\x00\x01\x03" + body(), gateway)
            server.close()  # before the TX_ACK comes
            await until(lambda: link.state is State.LOST)


@in_the_loop
async def test_a_link_that_was_ended_says_nothing_more() -> None:
    async with serving() as server:
        link = a_link(server.port, keepalive_s=0.001)
        async with running(link):
            await up(link)
        sent = link.status()["pull"]
        for _ in range(10):
            await _turn()
        assert link.status()["pull"] == sent
