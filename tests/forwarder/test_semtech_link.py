"""The link against a server on loopback: frames, downlinks, reports."""

from __future__ import annotations

import json
import socket

from forwarder.links.semtech_udp.link import State
from forwarder.links.semtech_udp.outbox import BACKLOG_MOST, Outbox
from forwarder.packets import Accepted, Downlink, Position, Refusal, Refused

from .fake_server import serving
from .link_bench import a_link, acked, in_the_loop, running, until, up
from .semtech_makers import Facts, answering, body, uplink

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
