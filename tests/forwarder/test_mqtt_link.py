"""The MQTT link against a real mosquitto: frames, downlinks, reports, programs, the end."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from forwarder.links.mqtt.commands import PlanFailed
from forwarder.links.mqtt.dialect import ChannelPlanPushed, DownlinkRequest, Message
from forwarder.links.mqtt.link import MqttLink
from forwarder.packets import Answer, Downlink, Refusal, Refused, Uplink

from .mqtt_bench import (
    RadioFacts,
    TextDialect,
    a_broker,
    a_link,
    acknowledged,
    free_port,
    in_time,
    kept_link,
    listening,
    running,
    told,
    until,
    up,
)
from .proxy import a_proxy
from .semtech_makers import ACCEPTED, answering, uplink

# Up.


@in_time
async def test_a_frame_reaches_the_broker_and_its_acknowledgement_the_keeper(folder: Path) -> None:
    async with a_broker(folder, free_port()) as port, listening(port) as server:
        link, keeper = kept_link(port)
        async with running(link):
            await up(link)
            keeper.put(1, uplink(b"one"))
            keeper.put(2, uplink(b"two"))
            assert [await server.next("up"), await server.next("up")] == ["one", "two"]
            await until(lambda: keeper.acked == [1, 2])
            status = link.status()
            assert (status["forwarded"], status["acknowledged"], status["in_flight"]) == (2, 2, 0)
            assert status["rtt_ms"] is not None


@in_time
async def test_every_qos_and_both_protocols_carry_frames_and_acknowledge_them(
    folder: Path,
) -> None:
    async with a_broker(folder, free_port()) as port, listening(port) as server:
        for qos in (0, 1, 2):
            for protocol in ("3.1.1", "5"):
                link, keeper = kept_link(port, qos=qos, protocol=protocol)
                async with running(link):
                    await up(link)
                    keeper.put(1, uplink(b"frame"))
                    assert await server.next("up") == "frame"
                    await acknowledged(keeper, 1)


@in_time
async def test_websockets_carry_the_same(folder: Path) -> None:
    port = free_port()
    lines = (f"listener {port} 127.0.0.1", "protocol websockets")
    async with a_broker(folder, free_port(), *lines) as plain, listening(plain) as server:
        link, keeper = kept_link(port, scheme="ws")
        async with running(link):
            await up(link)
            keeper.put(1, uplink(b"frame"))
            assert await server.next("up") == "frame"
            await until(lambda: keeper.acked == [1])
            await server.say("command/down", "one item")
            assert await server.next("ack") == "one OK"


@in_time
async def test_a_frame_that_the_protocol_cannot_carry_leaves_the_keeper(folder: Path) -> None:
    async with a_broker(folder, free_port()) as port:
        link, keeper = kept_link(port)
        async with running(link):
            await up(link)
            keeper.put(1, uplink(b""))
            await until(lambda: keeper.acked == [1])
            assert (link.status()["uncarried"], link.status()["forwarded"]) == (1, 0)


@in_time
async def test_without_a_keeper_frames_go_at_once_or_are_counted(folder: Path) -> None:
    async with a_broker(folder, free_port()) as port, listening(port) as server:
        link = a_link(port)
        link.uplink(uplink(b"too early"))
        async with running(link):
            await up(link)
            link.uplink(uplink(b"now"))
            assert await server.next("up") == "now"
        assert link.status()["unsent"] == 1


@in_time
async def test_a_connection_needs_no_thread_once_it_stands(folder: Path) -> None:
    async with a_broker(folder, free_port()) as port:
        before = threading.active_count()
        links = [a_link(port, dialect=TextDialect(client_id=f"gw-{n}")) for n in range(20)]
        async with running(*links):
            await up(*links)
            await until(lambda: threading.active_count() == before)


# Down.


@in_time
async def test_the_first_item_that_finds_its_place_goes_out_and_one_answer_tells_all(
    folder: Path,
) -> None:
    asked: list[str] = []

    def schedule(downlink: Downlink) -> Answer:
        asked.append(downlink.payload.decode())
        return Refused(Refusal.TOO_LATE) if downlink.payload == b"late" else ACCEPTED

    async with a_broker(folder, free_port()) as port, listening(port) as server:
        link = a_link(port, schedule=schedule)
        async with running(link):
            await up(link)
            await server.say("command/down", "a bad late good other")
            assert await server.next("ack") == "a UNREADABLE TOO_LATE OK -"
            await server.say("command/down", "b late")
            assert await server.next("ack") == "b TOO_LATE"
        assert asked == ["late", "good", "late"]
        status = link.status()
        assert (status["downlinks"], status["accepted"]) == (2, 1)
        assert status["refused"] == {"UNREADABLE": 1, "TOO_LATE": 2}


@in_time
async def test_a_request_that_comes_again_is_answered_again_and_not_sent_again(
    folder: Path,
) -> None:
    asked: list[Downlink] = []
    async with a_broker(folder, free_port()) as port, listening(port) as server:
        link = a_link(port, schedule=answering(seen=asked))
        async with running(link):
            await up(link)
            for _ in range(3):
                await server.say("command/down", "same item")
                assert await server.next("ack") == "same OK"
        assert len(asked) == 1
        assert (link.status()["downlinks"], link.status()["repeated"]) == (1, 2)


@in_time
async def test_what_a_broker_has_kept_is_no_command(folder: Path) -> None:
    asked: list[Downlink] = []
    async with a_broker(folder, free_port()) as port, listening(port) as server:
        await server.say("command/down", "old item", retain=True)
        link = a_link(port, schedule=answering(seen=asked))
        async with running(link):
            await until(lambda: link.status()["retained"] == 1)
            await server.say("command/down", "new item")
            assert await server.next("ack") == "new OK"
        assert [downlink.payload for downlink in asked] == [b"item"]


@in_time
async def test_commands_of_an_outage_are_not_delivered_afterwards(folder: Path) -> None:
    for protocol in ("3.1.1", "5"):
        async with a_broker(folder, free_port()) as port, listening(port) as server:
            link = a_link(port, protocol=protocol)
            async with running(link):
                await up(link)
            await server.say("command/down", "missed item")
            again = a_link(port, protocol=protocol)
            async with running(again):
                await up(again)
                await server.say("command/down", "fresh item")
                assert await server.next("ack") == "fresh OK"
            assert again.status()["downlinks"] == 1


@in_time
async def test_a_server_for_uplinks_only_may_ask_for_nothing(folder: Path) -> None:
    asked: list[Downlink] = []
    async with a_broker(folder, free_port()) as port, listening(port) as server:
        alone = a_link(port, uplink_only=True, schedule=answering(seen=asked))
        async with running(alone):
            await up(alone)
            await server.say("command/down", "one item")
            alone.uplink(uplink(b"frame"))
            assert await server.next("up") == "frame"
        listed = a_link(port, uplink_only=True, commands={"x": ("true",)}, schedule=answering())
        async with running(listed):
            await up(listed)
            await server.say("command/down", "two item")
            assert await server.next("ack") == "two DISABLED"
        assert asked == [] and alone.status()["downlinks"] == 0


@in_time
async def test_what_no_server_may_send_is_counted_and_costs_nothing(folder: Path) -> None:
    async with a_broker(folder, free_port()) as port, listening(port) as server:
        link = a_link(port)
        async with running(link):
            await up(link)
            for words in ("", "\x00\xff", "x" * 100_000):
                await server.say("command/else", words)
            await until(lambda: link.status()["unreadable"] == 3)
            assert link.status()["connections"] == 1


@in_time
async def test_a_dialect_that_fails_costs_one_frame_or_message_and_not_the_connection(
    folder: Path,
) -> None:
    class Failing(TextDialect):
        def uplink(self, uplink: Uplink, *, late: bool) -> Message | None:
            if uplink.frame.payload == b"bad":
                raise RuntimeError("a bug")
            return super().uplink(uplink, late=late)

        def answer(
            self, request: DownlinkRequest, answers: Sequence[Answer | None]
        ) -> Message | None:
            if request.key == b"bad":
                raise RuntimeError("a bug")
            return super().answer(request, answers)

    async with a_broker(folder, free_port()) as port, listening(port) as server:
        link, keeper = kept_link(port, dialect=Failing())
        async with running(link):
            await up(link)
            keeper.put(1, uplink(b"bad"))
            keeper.put(2, uplink(b"good"))
            assert await server.next("up") == "good"
            await until(lambda: sorted(keeper.acked) == [1, 2])
            await server.say("command/down", "bad item")
            await server.say("command/down", "good item")
            assert await server.next("ack") == "good OK"
            assert link.status()["connections"] == 1


@in_time
async def test_a_link_that_ended_can_be_run_again(folder: Path) -> None:
    async with a_broker(folder, free_port()) as port, listening(port) as server:
        link, keeper = kept_link(port)
        for number in (1, 2):
            async with running(link):
                await up(link)
                keeper.put(number, uplink(b"%d" % number))
                assert await server.next("up") == str(number)
                await acknowledged(keeper, number)
            assert not keeper.is_open and link.status()["in_flight"] == 0


# Reports.


@in_time
async def test_reports_tell_what_has_happened_since_the_last_one_that_was_taken(
    folder: Path,
) -> None:
    facts = RadioFacts(temperature=25.0)
    facts.counters.rx_total = 2  # before the link was made
    nowhere = free_port()
    async with a_proxy(nowhere) as way:
        link = a_link(way.port, facts=facts, stat_interval_s=0.1)
        async with running(link):
            for count in (3, 4):
                facts.counters.rx_total += count
                async with a_broker(folder, free_port()) as port, listening(port) as server:
                    way.target = port  # not before somebody listens there
                    while (words := await server.next("stats")) == "rx 0 tx 0":
                        pass
                    assert words == f"rx {count} tx 0", "what an outage hid is told after it"
                way.target = nowhere
                await until(lambda: link.status()["state"] != "up")


@in_time
async def test_reports_hold_words_for_people(folder: Path) -> None:
    dialect = TextDialect()
    show = ("/bin/sh", "-c", "echo load; echo oops >&2")
    pairs = ("/bin/sh", "-c", "echo a=1; echo b = 2")
    async with a_broker(folder, free_port()) as port, listening(port) as server:
        link = a_link(
            port,
            dialect=dialect,
            facts=RadioFacts(temperature=25.0, model="SX1303"),
            stat_interval_s=0.05,
            metadata={"site": "roof"},
            metadata_commands={"show": show, "pairs": pairs, "hangs": ("sleep", "60")},
            command_timeout_s=0.5,
        )
        async with running(link):
            await server.next("stats")
            await until(lambda: "show" in dialect.reports[-1].metadata)
        report = dialect.reports[-1]
        assert report.metrics["temperature"] == 25.0
        told = {**report.metadata}
        assert told.pop("edgemast_version")
        assert told == {
            "model": "SX1303", "radio": "up", "site": "roof", "show": "load", "pairs_a": "1", "pairs_b": "2",
        }  # fmt: skip


@in_time
async def test_nothing_is_told_twice_while_a_report_is_on_its_way(folder: Path) -> None:
    dialect, facts = TextDialect(), RadioFacts()
    async with a_broker(folder, free_port()) as port:
        link = a_link(port, dialect=dialect, facts=facts)
        async with running(link):
            await up(link)
            facts.counters.rx_total = 3
            link._report()
            link._report()
            await until(lambda: link.status()["in_flight"] == 0)
            link._report()
        assert [report.rx_received for report in dialect.reports] == [3, 0]


@in_time
async def test_a_plan_in_force_says_how_often_to_report_and_one_that_failed_does_not(
    folder: Path,
) -> None:
    dialect, failed = TextDialect(), []

    def use(plan: ChannelPlanPushed, why: PlanFailed) -> str:
        failed.append(why)
        return "no channels" if plan.version == "bad" else ""

    async with a_broker(folder, free_port()) as port, listening(port) as server:
        link = a_link(port, dialect=dialect, remote_config=True)
        link.on_plan = use
        async with running(link):
            await up(link)
            await server.say("command/config", "v1 0.05")
            await server.next("stats")
            assert link.status()["stat_interval_s"] == 0.05
            failed[0]("the radio does not start with it")
            assert link.status()["stat_interval_s"] == 3600.0
            assert link.status()["plan_fault"] == "the radio does not start with it"
            await until(lambda: told_fault(link, dialect) == "the radio does not start with it")
            assert dialect.reports[-1].metadata["config_version"] == "v1"
            await server.say("command/config", "v2 0.05")
            await until(lambda: link.status()["stat_interval_s"] == 0.05)
            failed[0]("late news of the first")
            assert link.status()["plan_fault"] == ""
            await server.say("command/config", "bad 0.05")
            await until(lambda: link.status()["plan_fault"] == "no channels")
            assert link.status()["stat_interval_s"] == 3600.0


def told_fault(link: MqttLink, dialect: TextDialect) -> str:
    """What a report of now says of the plan; none is made while another is on its way."""
    link._report()
    return dialect.reports[-1].metadata.get("config_fault", "")


# Programs.


@in_time
async def test_a_server_may_run_what_is_listed_and_nothing_else(folder: Path) -> None:
    echo = (sys.executable, "-c", "import os; print(os.environ['WORD'], 'ENV' in os.environ)")
    commands = {
        "echo": echo,
        "fails": ("false",),
        "hangs": ("sleep", "60"),
        "absent": ("/no/such/program",),
    }
    async with a_broker(folder, free_port()) as port, listening(port) as server:
        link = a_link(port, commands=commands, command_timeout_s=2.0)
        async with running(link):
            await up(link)
            await server.say("command/exec", "echo hello; rm -rf /")
            assert await server.next("exec") == "7 hello; rm -rf / False|"
            await server.say("command/exec", "fails")
            assert await server.next("exec") == "7 |ended with 1"
            await server.say("command/exec", "hangs")
            link.uplink(uplink(b"meanwhile"))
            assert await server.next("up") == "meanwhile"
            await server.say("command/exec", "/bin/sh")
            assert await server.next("exec") == "7 |no such command in this gateway"
            assert "not done after 2 s" in await server.next("exec")
            await server.say("command/exec", "absent")
            assert "cannot be started" in await server.next("exec")


@in_time
async def test_raw_commands_are_read_by_the_one_program_that_is_named_for_them(
    folder: Path,
) -> None:
    upper = "import sys; d = sys.stdin.read(); d == 'bad' and sys.exit(3); print(d.upper(), end='')"
    async with a_broker(folder, free_port()) as port, listening(port) as server:
        link = a_link(port, raw_command=(sys.executable, "-c", upper))
        async with running(link):
            await up(link)
            await server.say("command/raw", "one; two")
            assert await server.next("event/raw") == "9 ONE; TWO"
            with told() as lines:
                await server.say("command/raw", "bad")
                await server.say("command/raw", "three")
                assert await server.next("event/raw") == "9 THREE", "nothing is told of the other"
            assert lines == ["here: the program for raw commands: ended with 3"]
            assert link.status()["programs"] == 3


@in_time
async def test_raw_commands_are_ignored_where_no_program_is_named(folder: Path) -> None:
    async with a_broker(folder, free_port()) as port, listening(port) as server:
        link = a_link(port, commands={"x": ("true",)})
        async with running(link):
            await up(link)
            await server.say("command/raw", "x")
            await until(lambda: link.status()["unreadable"] == 1)
            assert link.status()["programs"] == 0


# The end.


@in_time
async def test_a_clean_end_is_said_and_kept_by_the_broker(folder: Path) -> None:
    async with a_broker(folder, free_port()) as port, listening(port) as server:
        link = a_link(port)
        async with running(link):
            assert await server.next("state") == "ONLINE"
        assert await server.next("state") == "GONE"
        async with listening(port) as later:
            assert await later.next("state") == "GONE"
            assert later.seen[-1][2], "retained"
        await server.say("state", "end")
        assert await server.next("state") == "end", "no will was sent after the last words"


@in_time
async def test_the_end_does_not_wait_long_for_a_broker_that_is_silent(folder: Path) -> None:
    async with (
        a_broker(folder, free_port()) as port,
        a_proxy(port) as proxy,
        listening(port) as server,
    ):
        link = a_link(proxy.port)
        async with running(link):
            assert await server.next("state") == "ONLINE"
            proxy.frozen = True
        assert link.status()["peer"] is None
        proxy.cut()
        assert await server.next("state") == "OFFLINE", "the will speaks for us"


@in_time
async def test_a_radio_that_starts_anew_starts_a_new_connection_where_the_server_counts_it(
    folder: Path,
) -> None:
    class Counting(TextDialect):
        reconnects_with_radio = True

    facts = RadioFacts()
    async with a_broker(folder, free_port()) as port, listening(port) as server:
        link, keeper = kept_link(port, dialect=Counting(), facts=facts)
        async with running(link):
            await up(link)
            facts.session = b"next"
            keeper.put(1, uplink(b"after"))
            assert await server.next("up") == "late after"
            assert link.status()["connections"] == 2


def test_nothing_is_taken_from_the_keeper_without_a_connection() -> None:
    link = a_link(free_port())
    assert link.send(1, uplink(b"frame"), late=False) is False
    assert link.status()["forwarded"] == 0


@pytest.mark.parametrize("late", [True, False])
def test_late_frames_are_not_sent_to_a_server_that_cannot_take_them(late: bool) -> None:
    class Present(TextDialect):
        replays = False

    link = a_link(free_port(), dialect=Present())

    async def one() -> bool:
        return link.send(1, uplink(b"frame"), late=late)

    assert asyncio.run(one()) is late
    assert link.status()["uncarried"] == int(late)
