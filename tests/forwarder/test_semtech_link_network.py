"""The link when the network fails it: names, addresses, silence, errors."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator

import pytest

from forwarder.backoff import backoff
from forwarder.links.semtech_udp.link import SemtechUdpLink, State
from forwarder.links.semtech_udp.resolve import Peer, resolve

from .fake_server import serving
from .link_bench import a_link, acked, in_the_loop, running, turn, until, up
from .semtech_makers import Facts, answering, body, settings, uplink

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
            await turn()
        assert link.status()["pull"] == sent
