"""Between the radio and a link: who is handed what, and what is counted."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from forwarder.config import loads
from forwarder.links.feed import SUSPECT, Feed
from forwarder.links.filters import Heads
from forwarder.links.meter import Meter, Now
from forwarder.links.settings import FeedSettings, FilterSettings
from forwarder.packets import RadioCounters, Uplink
from forwarder.parts import make_links
from forwarder.uplinks import Uplinks
from hal.frames import Crc

from .fake_server import serving
from .link_bench import a_link, acked, in_the_loop, running, turn, until, up
from .semtech_makers import Facts, answering, frame, fsk_uplink, uplink


class Server:
    name = "server"

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    async def run(self) -> None:
        await turn()

    def uplink(self, uplink: Uplink) -> None:
        self.taken.append(uplink.frame.payload)

    def status(self) -> dict[str, object]:
        return {"name": self.name, "state": "up"}


def a_feed(**changes: Any) -> tuple[Feed, Server]:
    server = Server()
    return Feed(server, FeedSettings(**changes), Heads()), server


def test_what_passes_reaches_the_link_and_the_rest_is_counted_by_reason() -> None:
    feed, server = a_feed(ghosts=False)
    feed.uplink(uplink(b"good"))
    feed.uplink(uplink(b"bad", crc=Crc.BAD))
    feed.uplink(uplink(b"none", crc=Crc.NONE))
    feed.uplink(replace(uplink(b"ghost"), ghost=True))
    assert server.taken == [b"good"]
    status = feed.status()
    assert (status["name"], status["state"], status["filtered"]) == ("server", "up", 3)
    assert status["filtered_by"] == {"CRC": 2, "GHOST": 1}


def test_a_filter_that_hides_everything_is_told_and_one_that_lets_something_pass_is_not() -> None:
    feed, _ = a_feed(filter=FilterSettings(dev_addr=("00000000",)))
    data = bytes.fromhex("40" + "421f0126" + "000100" + "01" + "00000000")
    for _ in range(SUSPECT - 1):
        feed.uplink(uplink(data))
        feed.uplink(uplink(b"damaged", crc=Crc.BAD))
    assert feed.suspicion() is None
    feed.uplink(uplink(data))
    assert str(feed.suspicion()).startswith("100 frames heard and none passed its filter")
    feed.uplink(uplink(b"\xe0passes"))
    assert feed.suspicion() is None


def test_a_filter_without_a_victim_is_not_suspected() -> None:
    feed, _ = a_feed()
    for _ in range(2 * SUSPECT):
        feed.uplink(uplink(b"damaged", crc=Crc.BAD))
    assert feed.suspicion() is None


def test_a_keeper_takes_what_passes_in_the_links_place() -> None:
    kept: list[Uplink] = []
    server = Server()
    feed = Feed(server, FeedSettings(), Heads(), take=kept.append)
    feed.uplink(uplink(b"one"))
    assert [one.frame.payload for one in kept] == [b"one"] and not server.taken


def test_the_strongest_copy_reaches_a_server_that_wants_no_ghosts() -> None:
    feed, server = a_feed(ghosts=False)
    copies = [
        frame(b"same", rssi_channel_dbm=-90.0, if_chain=5, counter_us=0),
        frame(b"same", rssi_channel_dbm=-30.0, if_chain=2, counter_us=6),
        frame(b"same", rssi_channel_dbm=-95.0, if_chain=1, counter_us=3),
    ]
    strong: list[float] = []
    feed = Feed(
        server,
        FeedSettings(ghosts=False),
        Heads(),
        take=lambda up: strong.append(up.frame.rssi_channel_dbm),
    )
    Uplinks(RadioCounters(), [feed]).received(copies)
    assert strong == [-30.0]


def feeds(*servers: str) -> list[Feed]:
    text = 'board = "sim"\nregion = "EU868"\n' + "".join(
        f'[[server]]\naddress = "host{number}"\n{server}\n' for number, server in enumerate(servers)
    )
    config = loads(text, "gateway.toml")
    return list(make_links(config.servers_for("0016c001f1500812"), Gateway(), answering()))


class Gateway(Facts):
    session = b"1234"
    model = "SX1302"
    started_s = 0.0

    def now_us(self) -> int | None:
        return 0


BAD = "forward_crc_error = true"


@pytest.mark.parametrize(
    ("server", "passed"),
    [
        ("", ["OK", "FSK", "GHOST"]),
        (f"{BAD}\nforward_crc_disabled = true", ["OK", "BAD", "NONE", "FSK", "GHOST"]),
        (f"{BAD}\nforward_crc_valid = false", ["BAD"]),
        (f'{BAD}\nprofile = "helium"', ["OK", "GHOST"]),
        (f'{BAD}\nprofile = "tts"', ["OK", "FSK", "GHOST"]),
        ('profile = "chirpstack"', ["OK", "FSK"]),
        ('profile = "chirpstack"\nghosts = "forward"', ["OK", "FSK", "GHOST"]),
        ('ghosts = "drop"', ["OK", "FSK"]),
    ],
)
def test_a_server_of_the_file_is_given_what_it_wants_and_can_read(
    server: str, passed: list[str]
) -> None:
    (feed,) = feeds(server)
    heard = {crc.name: uplink(crc=crc) for crc in (Crc.OK, Crc.BAD, Crc.NONE)}
    heard |= {"FSK": fsk_uplink(), "GHOST": replace(uplink(), ghost=True)}
    assert [name for name, one in heard.items() if feed.refuses(one) is None] == passed


def test_each_server_has_its_own_filter_and_observers_have_none() -> None:
    one, other = feeds(
        '[server.filter]\ndev_addr = ["26000000/7"]', "[server.filter]\nlorawan_only = true"
    )
    watcher = Server()
    uplinks = Uplinks(RadioCounters(), [one, other])
    uplinks.observers.append(watcher)
    data = bytes.fromhex("40" + "421f0128" + "000100" + "01" + "00000000")
    uplinks.received([frame(data), frame(b"\xe0opaque")])
    assert [feed.status()["filtered_by"] for feed in (one, other)] == [
        {"OTHER_NETWORK": 1},
        {"NOT_LORAWAN": 1},
    ]
    assert len(watcher.taken) == 2


def test_the_helium_profile_names_the_protocol_as_the_reason() -> None:
    (feed,) = feeds('profile = "helium"')
    feed.uplink(fsk_uplink())
    assert feed.status()["filtered_by"] == {"PROTOCOL": 1}


def test_a_line_that_carries_too_much_is_warned_of_while_the_link_runs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    meter = Meter(most_a_day=100)
    meter.tick(Now(time.monotonic(), time.time()))
    meter.sent(200)
    feed = Feed(Server(), FeedSettings(), Heads(), meter=meter)

    async def run() -> None:
        running = asyncio.create_task(feed.run())
        await until(lambda: bool(caplog.records))
        await running
        await turn()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())
    assert caplog.messages == ["server: 228 bytes today, more than bytes_per_day = 100"]


@in_the_loop
async def test_the_bytes_of_a_udp_link_are_those_of_its_datagrams() -> None:
    meter = Meter()
    async with serving() as server:
        link = a_link(server.port, meter=meter)
        async with running(link):
            await up(link)
            link.uplink(uplink())
            size = len(await server.pushes.get())
            await until(lambda: link.status()["push"] == acked(1))
        pull = link.status()["pull"]
    assert isinstance(pull, dict)
    assert meter.today.payload_sent == size + 12 * pull["sent"]
    assert meter.today.payload_received == 4 * (1 + pull["acknowledged"] + pull["late"])
    assert meter.today.wire_received == meter.today.payload_received * 8
