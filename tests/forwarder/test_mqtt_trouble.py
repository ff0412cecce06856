"""What networks and brokers do to a link: a real mosquitto behind a proxy that misbehaves."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from forwarder.links.mqtt import client, dial
from forwarder.links.mqtt.outbox import WINDOW
from forwarder.links.mqtt.settings import broker_address

from ..edge.brokers import mosquitto
from .mqtt_bench import (
    QUICK,
    a_broker,
    a_link,
    acknowledged,
    count,
    free_port,
    in_state,
    in_time,
    kept_link,
    listening,
    one_in_state,
    running,
    told,
    until,
    up,
)
from .proxy import Proxy, a_proxy
from .semtech_makers import uplink

BROKER = "127.0.0.1"


# Lost and found.


@in_time
async def test_a_restart_of_the_broker_loses_no_frame_and_no_subscription(folder: Path) -> None:
    nowhere = free_port()
    async with a_proxy(nowhere) as way:
        link, keeper = kept_link(way.port)
        async with running(link):
            for number, name in enumerate((b"one", b"two"), start=1):
                keeper.put(number, uplink(name))
                async with a_broker(folder, free_port()) as port, listening(port) as server:
                    way.target = port  # not before somebody listens there
                    assert await server.next("up") == f"late {name.decode()}"
                    await acknowledged(keeper, number)
                    await server.say("command/down", f"x{number} item")
                    assert await server.next("ack") == f"x{number} OK"
                way.target = nowhere
                await until(lambda: link.status()["state"] != "up")


@in_time
async def test_what_was_not_acknowledged_when_a_connection_broke_goes_again(folder: Path) -> None:
    async with (
        a_broker(folder, free_port()) as port,
        a_proxy(port) as proxy,
        listening(port) as server,
    ):
        link, keeper = kept_link(proxy.port)
        async with running(link):
            await up(link)
            proxy.frozen = True
            keeper.put(1, uplink(b"lost"))
            assert link.status()["in_flight"] != 0
            proxy.frozen = False
            proxy.cut()
            assert await server.next("up") == "late lost"
            await until(lambda: keeper.acked == [1])
            assert link.status()["connections"] == 2


@pytest.mark.parametrize("seed", range(3))
def test_whatever_the_network_does_every_frame_arrives(seed: int, tmp_path: Path) -> None:
    chance = Random(seed)

    async def storm(way: Proxy, links_end: asyncio.Event) -> None:
        while not links_end.is_set():
            await asyncio.sleep(chance.uniform(0.01, 0.08))
            match chance.randrange(5):
                case 0 | 1:
                    way.cut()
                case 2:
                    way.frozen = not way.frozen
                case 3:
                    way.silent = not way.silent
                case 4:
                    way.delay_s = chance.choice([0.0, 0.005])

    async def live() -> None:
        ended = asyncio.Event()
        async with (
            asyncio.timeout(20),
            a_broker(tmp_path, free_port()) as port,
            a_proxy(port) as way,
            listening(port) as server,
        ):
            # Resets right after CONNACK would be taken for a twin, and waited for.
            timing = replace(QUICK, twin_losses=1000)
            link, keeper = kept_link(way.port, keepalive_s=1, timing=timing)
            async with running(link):
                storming = asyncio.create_task(storm(way, ended))
                for number in range(200):
                    keeper.put(number, uplink(b"%d" % number))
                    await asyncio.sleep(0.004)
                ended.set()
                await storming
                way.resume()
                way.delay_s = 0.0
                way.cut()
                await until(lambda: not keeper.kept)
            seen: set[int] = set()
            while len(seen) < 200:
                seen.add(int((await server.next("up")).removeprefix("late ")))

    asyncio.run(live())


@in_time
async def test_a_half_open_connection_is_noticed_and_made_anew(folder: Path) -> None:
    async with (
        a_broker(folder, free_port()) as port,
        a_proxy(port) as proxy,
        listening(port) as server,
    ):
        link, keeper = kept_link(proxy.port, keepalive_s=1)
        async with running(link):
            await up(link)
            proxy.frozen = True
            keeper.put(1, uplink(b"into the void"))
            await until(lambda: link.status()["state"] == "lost")
            assert "silent" in str(link.status()["trouble"])
            proxy.frozen = False
            assert await server.next("up") == "late into the void"


@in_time
async def test_an_idle_connection_through_a_good_network_stays(folder: Path) -> None:
    async with a_broker(folder, free_port()) as port, a_proxy(port) as proxy:
        proxy.delay_s = 0.05
        # Its own watchdog would bite where this machine is too busy to run it in time.
        link = a_link(proxy.port, keepalive_s=1, timing=replace(QUICK, silent_keepalives=15))
        async with running(link):
            await up(link)
            before = proxy.carried
            await until(lambda: proxy.carried >= before + 2 * 2)  # asked twice, answered twice
            assert (link.status()["state"], link.status()["connections"]) == ("up", 1)


@in_time
async def test_a_broker_that_accepts_and_says_nothing_is_left_for_the_next_one(
    folder: Path,
) -> None:
    async with a_broker(folder, free_port()) as port, a_proxy(port) as proxy:
        proxy.silent = True
        both = tuple(broker_address(f"{BROKER}:{n}") for n in (proxy.port, port))
        link = a_link(port, addresses=both)
        async with running(link):
            await until(lambda: count(link, "errors") >= 1)
            await up(link)
            assert "takes the connection and then says nothing" in str(link.status()["trouble"])
            assert link.status()["broker"] == f"mqtt://{BROKER}:{port}"


@in_time
async def test_nobody_there_costs_one_line_of_the_log(folder: Path) -> None:
    link = a_link(free_port())
    with told() as lines:
        async with running(link):
            await until(lambda: count(link, "errors") >= 4)
    (line,) = lines
    assert line.startswith("here: unreachable: nothing listens at 127.0.0.1")


@in_time
async def test_a_name_without_an_address_is_said_as_such(folder: Path) -> None:
    link = a_link(free_port(), host="no-such-host.invalid")
    async with running(link):
        await until(lambda: link.status()["state"] == "no address")
        assert "no-such-host.invalid is not found" in str(link.status()["trouble"])


@in_time
async def test_a_name_that_moves_is_found_at_its_new_address(folder: Path) -> None:
    places = ["127.0.0.1", "127.0.0.2"]
    port = free_port()

    def look_up(name: bytes, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (places[0], port))]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", look_up)
        link = a_link(port, host="broker.example")
        async with running(link):
            async with a_broker(folder, port):
                await up(link)
                assert link.status()["peer"] == "127.0.0.1"
            places.pop(0)
            async with a_broker(folder, free_port(), f"listener {port} 127.0.0.2"):
                await until(lambda: link.status()["peer"] == "127.0.0.2")
                await up(link)


@in_time
async def test_another_route_makes_another_connection(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        async with a_broker(folder, free_port()) as port:
            link = a_link(port)
            async with running(link):
                await up(link)
                patch.setattr(client, "route_changed", lambda _: True)
                await until(lambda: count(link, "connections") >= 2)
                assert "another address" in str(link.status()["trouble"])


def test_a_route_is_compared_with_the_address_that_a_connection_has() -> None:
    with socket.socket() as listener:
        listener.bind((BROKER, 0))
        listener.listen()
        for ours, changed in (("127.0.0.1", False), ("127.0.0.5", True)):
            with socket.socket() as connected:
                connected.bind((ours, 0))
                connected.connect(listener.getsockname())
                assert dial.route_changed(connected) is changed


# A slow broker.


@in_time
async def test_a_broker_that_takes_nothing_holds_up_nobody_and_loses_nothing(
    folder: Path,
) -> None:
    async with (
        a_broker(folder, free_port(), "max_inflight_messages 0") as port,
        a_proxy(port) as proxy,
        listening(port) as server,
    ):
        link, keeper = kept_link(proxy.port)
        async with running(link):
            await up(link)
            await until(lambda: link.status()["in_flight"] == 0)
            proxy.stopped = True
            for number in range(3 * WINDOW):
                keeper.put(number, uplink(b"%05d" % number + bytes(200)))
            assert link.status()["in_flight"] == WINDOW
            assert len(keeper.kept) == 3 * WINDOW
            proxy.resume()
            seen = [(await server.next("up"))[:5] for _ in range(3 * WINDOW)]
            assert seen == [f"{number:05d}" for number in range(3 * WINDOW)]
            await until(lambda: not keeper.kept)
            assert link.status()["connections"] == 1


@in_time
async def test_answers_have_room_beside_uplinks_that_wait(folder: Path) -> None:
    async with (
        a_broker(folder, free_port()) as port,
        a_proxy(port) as proxy,
        listening(port) as server,
    ):
        link, keeper = kept_link(proxy.port)
        async with running(link):
            await up(link)
            proxy.bytes_per_s = 100_000
            for number in range(2 * WINDOW):
                keeper.put(number, uplink(b"frame"))
            await server.say("command/down", "x item")
            assert await server.next("ack") == "x OK"
            assert link.status()["dropped"] == 0


@in_time
async def test_a_broker_with_a_quota_is_never_sent_more(folder: Path) -> None:
    async with (
        a_broker(folder, free_port(), "max_inflight_messages 20") as port,
        a_proxy(port) as proxy,
    ):
        link, keeper = kept_link(proxy.port, protocol="5")
        async with running(link):
            await up(link)
            await until(lambda: link.status()["in_flight"] == 0)
            proxy.stopped = True
            for number in range(100):
                keeper.put(number, uplink(b"frame"))
            assert link.status()["in_flight"] == 16
            proxy.resume()
            await until(lambda: not keeper.kept)
            assert link.status()["connections"] == 1


# What is no broker, or speaks badly.


@asynccontextmanager
async def saying(*answers: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that answers whatever comes with the next of `answers`."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        for answer in answers:
            if not await reader.read(4096):
                break
            writer.write(answer)
        with suppress(OSError):
            await reader.read()

    server = await asyncio.start_server(serve, BROKER, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await server.wait_closed()


CONNACK = b"\x20\x02\x00\x00"
SUBACK = b"\x90\x03\x00\x01\x01"


@in_time
async def test_what_a_broker_takes_and_never_acknowledges_goes_to_the_next_one(
    folder: Path,
) -> None:
    async with (
        saying(CONNACK, SUBACK) as stuck,
        a_broker(folder, free_port()) as port,
        listening(port) as server,
    ):
        both = tuple(broker_address(f"{BROKER}:{n}") for n in (stuck, port))
        timing = replace(QUICK, unacknowledged_s=0.2)
        link, keeper = kept_link(port, addresses=both, timing=timing)
        async with running(link):
            await up(link)
            keeper.put(1, uplink(b"taken by nobody"))
            assert await server.next("up") == "late taken by nobody"
            assert "not acknowledged" in str(link.status()["trouble"])


@in_time
async def test_a_broker_that_has_acknowledged_all_owes_nothing(folder: Path) -> None:
    async with a_broker(folder, free_port()) as port:
        timing = replace(QUICK, unacknowledged_s=0.2)
        link, keeper = kept_link(port, timing=timing)
        async with running(link):
            await up(link)
            for number in range(3):
                keeper.put(number, uplink(b"taken"))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.6):
                    await until(lambda: link.status()["state"] != "up")
            assert keeper.acked == [0, 1, 2]


@pytest.mark.parametrize(
    "answers",
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n",),
        (b"\x20\x02\x00",),
        (CONNACK, b"\xff\xff\xff\xff\xff\xff\xff"),
        (CONNACK, b"\x30\xff\xff\xff\x7f"),
        (CONNACK, b"\x90\x00"),
        (CONNACK, b"\x90\x03\x00\x01\x00", b"\x30\x04\x00\x09ab"),
        (CONNACK, b"\x90\x03\x00\x01\x00", b"\x30\x04\x00\x02\xff\xfe"),
        (b"\x20\x02\x00\x01",),
        (b"\x20\x02\x00\xff",),
    ],
    ids=repr,
)
def test_nothing_that_a_broker_sends_ends_the_link(answers: tuple[bytes, ...]) -> None:
    async def meets() -> None:
        async with asyncio.timeout(10), saying(*answers) as port:
            link = a_link(port, keepalive_s=1)
            async with running(link):
                await until(lambda: count(link, "errors") >= 2)
                assert link.status()["trouble"]

    asyncio.run(meets())


@in_time
async def test_a_packet_of_many_megabytes_is_not_collected(folder: Path) -> None:
    async with saying(CONNACK, b"\x90\x03\x00\x01\x00", b"\x30\xff\xff\xff\x7f" + bytes(9)) as port:
        link = a_link(port, keepalive_s=5)
        async with running(link):  # its birth message is what the packet answers
            await until(lambda: count(link, "errors") >= 1)
            assert "a message of" in str(link.status()["trouble"])


# Who may come in.


def password_broker(folder: Path, *users: str) -> tuple[str, ...]:
    """Lines for a broker that knows `users`, each with the password `secret`."""
    from subprocess import run

    mosquitto()
    file = folder / "passwords"
    for user in users:
        create = [] if file.exists() else ["-c"]
        run(["mosquitto_passwd", *create, "-b", str(file), user, "secret"], check=True)
    file.chmod(0o644)
    return ("allow_anonymous false", f"password_file {file}")


@in_time
async def test_a_wrong_password_is_said_waits_long_and_is_read_again(folder: Path) -> None:
    secret = folder / "secret"
    secret.write_text("wrong\n")
    secret.chmod(0o600)
    lines = password_broker(folder, "gw")
    async with a_broker(folder, free_port(), *lines) as port:
        for protocol in ("3.1.1", "5"):
            secret.write_text("wrong\n")
            link = a_link(port, username="gw", password_file=str(secret), protocol=protocol)
            async with running(link):
                await in_state(link, "refused")
                assert "password_file" in str(link.status()["trouble"])
                secret.write_text("secret\n")
                await up(link)


@in_time
async def test_a_password_that_others_can_read_is_not_used(folder: Path) -> None:
    secret = folder / "secret"
    secret.write_text("secret\n")
    secret.chmod(0o644)
    link = a_link(free_port(), username="gw", password_file=str(secret))
    async with running(link):
        await until(lambda: link.status()["state"] == "refused")
        assert f"chmod 600 {secret}" in str(link.status()["trouble"])


PLUGIN = next(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"), None)


@in_time
async def test_a_subscription_that_the_broker_refuses_is_no_connection(folder: Path) -> None:
    if PLUGIN is None:
        pytest.skip("needs mosquitto's dynamic security: sudo apt-get install mosquitto")
    rules = folder / "rules.json"
    access = {"publishClientSend": True, "publishClientReceive": True, "subscribe": False}
    rules.write_text(json.dumps({"defaultACLAccess": access | {"unsubscribe": True}}))
    plugin = (f"plugin {PLUGIN}", f"plugin_opt_config_file {rules}")
    async with a_broker(folder, free_port(), *plugin) as port:
        for protocol in ("3.1.1", "5"):
            link = a_link(port, protocol=protocol)
            async with running(link):
                await in_state(link, "refused")
                trouble = str(link.status()["trouble"])
                assert "does not let '0016c001f1500812' read gw/command/+" in trouble
                assert link.status()["connections"] == 0


@in_time
async def test_a_frame_that_the_broker_does_not_take_stays_with_the_keeper(folder: Path) -> None:
    rules = folder / "acl"
    rules.write_text("topic read gw/#\ntopic write gw/state\n")
    async with a_broker(folder, free_port(), f"acl_file {rules}") as port:
        link, keeper = kept_link(port, protocol="5")
        async with running(link):
            await up(link)
            keeper.put(1, uplink(b"frame"))
            await until(lambda: link.status()["state"] == "refused")
            assert "does not let '0016c001f1500812' write gw/up" in str(link.status()["trouble"])
            assert keeper.acked == [] and link.status()["rejected"] == 1


# Twins.


@in_time
async def test_two_with_one_client_id_are_told_and_do_not_fight(folder: Path) -> None:
    for protocol in ("3.1.1", "5"):
        async with a_broker(folder, free_port()) as port:
            links = [a_link(port, protocol=protocol) for _ in range(2)]
            async with running(*links):
                told_of = "another client uses this id"
                await one_in_state(links, told_of)
                # The other one may be between two connections just now: it is not up either.
                twin = next(link for link in links if link.status()["state"] == told_of)
                assert "client_id" in str(twin.status()["trouble"])
                connections = sum(count(link, "connections") for link in links)
                assert connections <= 6, "each a few times, and then peace"


@in_time
async def test_a_connection_without_tls_beyond_this_machine_is_told_once(folder: Path) -> None:
    async with a_broker(folder, free_port()) as port:
        with told() as lines:
            link = a_link(port)
            async with running(link):
                await up(link)
            for peer in ("::1", "192.0.2.1", "192.0.2.1"):
                link._path._warn_if_plain(peer)
    assert [line for line in lines if "is not encrypted" in line] == lines
    assert len(lines) == 1
