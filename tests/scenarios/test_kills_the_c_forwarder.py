"""What ends or hangs Semtech's forwarder costs ours a line in the log. Rung 2.

A whole gateway runs on the simulated chip, with a UDP server at its other side. After each blow it
must still do what it is for: an uplink goes up, a downlink goes out. Sources of the blows:
golden/rx-errors.jsonl, and semtech-udp.md 1.6 and 2.3 (what the C program does on each).
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from forwarder import parts
from forwarder.config import loads
from forwarder.config.model import HealthSettings
from forwarder.errors import ConfigError, Fatal
from forwarder.radio.radio_thread import TxOutcome
from forwarder.state.status import snapshot
from hal.errors import ChipError, TransportError
from hal.frames import TxFrame
from hal.modulation import LoRa
from hal.sim.board import SimBoard
from hal.sim.transport import SimTransport
from tests.forwarder.semtech_makers import body
from tests.hal.configs import EU868
from tests.hal.records import rx_record
from tests.semtech import semtech_json
from tests.worlds import (
    PATIENCE_S,
    SkippingClock,
    World,
    a_board_on_a_tty,
    a_config,
    a_gateway,
    usb,
)

FAILED, TIMED_OUT = 1, 3  # statuses of an SPI request


def run(scenario: Any) -> None:
    """Run a scenario that must end by itself."""

    async def timed() -> None:
        async with asyncio.timeout(3 * PATIENCE_S):
            await scenario

    asyncio.run(timed())


async def uplink(world: World, payload: bytes = b"alive") -> dict[str, Any]:
    """Have `payload` received; gives the next frame that the server hears of."""
    world.on_board(lambda: world.board.fifo.store(rx_record(payload)))
    return await heard(world)


async def heard(world: World) -> dict[str, Any]:
    while True:
        told = await world.server.push()
        if "rxpk" in told:
            (frame,) = told["rxpk"]
            return dict(frame)


async def ask(world: World, text: bytes, token: int = 0x1234) -> str:
    """Send a PULL_RESP; gives the error of its one TX_ACK, or "" if there is none."""
    await world.server.pull()
    world.server.downlink(text, token)
    ack = await world.server.tx_ack()
    assert ack[:4] == b"\2" + token.to_bytes(2, "big") + b"\5"
    return str(json.loads(ack[12:])["txpk_ack"]["error"]) if ack[12:] else ""


async def works(world: World) -> None:
    """An uplink comes up and a downlink goes out."""
    frame = await uplink(world)
    assert (frame["size"], frame["data"]) == (5, "YWxpdmU=")
    assert await ask(world, body(imme=True, tmst=None), token=0x7777) == ""
    while not world.board.tx.programmed:
        await world.server.pull()  # a keepalive: some time has passed
    assert world.server.tx_acks.empty(), "one request, one answer"


# What a server sends.


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(body(size=0, data=""), id="size 0"),
        pytest.param(body(size=0), id="size 0 with data"),
        pytest.param(body(size=256), id="size 256"),
        pytest.param(body(size=-1), id="size below 0"),
        pytest.param(body(rfch=2), id="rfch 2"),
        pytest.param(body(rfch=255), id="rfch 255"),
        pytest.param(body(data="!!!!"), id="data is no base64"),
        pytest.param(body(data=17), id="data is no text"),
        pytest.param(body(datr="SF99BW125"), id="no such data rate"),
        pytest.param(body(datr=7), id="data rate is no text"),
        pytest.param(body(freq="868.5"), id="frequency is a text"),
        pytest.param(b"[" * 20_000, id="nested without end"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b"", id="nothing"),
        pytest.param(b'{"txpk": 1}', id="txpk is no object"),
    ],
)
def test_a_downlink_that_cannot_be_is_refused_once_and_the_next_one_goes_out(text: bytes) -> None:
    async def scenario() -> None:
        async with a_gateway() as world:
            assert await ask(world, text) == "UNKNOWN"
            await works(world)

    run(scenario())


def test_a_keepalive_of_nothing_is_refused_with_file_key_and_limits() -> None:
    conf = semtech_json(EU868, "/dev/ttyACM0", 1700)
    conf["gateway_conf"]["keepalive_interval"] = 0
    with pytest.raises(ConfigError, match=r"keepalive_interval = 0: expected 1 to"):
        loads(json.dumps(conf), "global_conf.json")


# What stands in the FIFO.


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(rx_record(b"bad", crc_value=0x1234), id="payload CRC does not match"),
        pytest.param(rx_record(b"bad", modem=18), id="no such modem"),
        pytest.param(rx_record(b"bad", chan=10), id="no such channel"),
        pytest.param(rx_record(b"bad", sf=4), id="no such spreading factor"),
        pytest.param(rx_record(b"bad")[:-1] + b"\0", id="sum"),
        pytest.param(b"\xa5\xc0\xff", id="cut off"),
        pytest.param(b"\x00\x11\x22", id="noise"),
    ],
)
def test_a_damaged_record_is_counted_and_the_next_frame_goes_up(damaged: bytes) -> None:
    async def scenario() -> None:
        async with a_gateway() as world:
            good = rx_record(b"first")
            world.on_board(lambda: world.board.fifo.store(damaged + good))
            assert (await heard(world))["data"] == "Zmlyc3Q="
            assert world.gateway.counters.damage == 1
            await works(world)

    run(scenario())


def test_a_frame_of_no_bytes_stops_nothing() -> None:
    async def scenario() -> None:
        async with a_gateway() as world:
            world.on_board(lambda: world.board.fifo.store(rx_record(b"")))
            await works_after_any(world)

    async def works_after_any(world: World) -> None:
        frame = await uplink(world, b"alive")
        if frame["size"] == 0:
            frame = await heard(world)
        assert frame["data"] == "YWxpdmU="
        await works(world)

    run(scenario())


def test_an_overflow_loses_only_what_did_not_fit() -> None:
    async def scenario() -> None:
        async with a_gateway() as world:
            fifo = world.board.fifo

            def burst() -> None:
                for number in range(300):
                    fifo.store(rx_record(b"%5d" % number))

            stored_before = fifo.stored
            world.on_board(burst)
            await heard(world)
            stored = fifo.stored - stored_before
            assert 0 < fifo.overflows == 300 - stored
            for _ in range(stored - 1):
                await heard(world)
            assert world.gateway.counters.damage == 0
            await works(world)

    run(scenario())


# What the bus does.


async def recovered(world: World) -> None:
    """The radio is lost and comes back in a second session."""
    await world.gateway.until("down")
    await world.gateway.until("up 2")


@pytest.mark.parametrize("status", [FAILED, TIMED_OUT])
def test_a_failed_transfer_starts_a_new_session(status: int) -> None:
    async def scenario() -> None:
        async with a_gateway() as world:
            world.board.faults.fail_next.append(status)
            await recovered(world)
            assert world.gateway.counters.restarts == {"reopen": 1}
            await works(world)

    run(scenario())


def test_a_stall_is_survived_and_nothing_of_the_old_session_goes_out() -> None:
    async def scenario() -> None:
        async with a_gateway() as world:
            await survives_a_stall(world)

    run(scenario())


async def survives_a_stall(world: World) -> None:
    stale = world.tmst(60.0)
    assert await ask(world, body(tmst=world.tmst(50.0))) == "", "queued before the stall"
    world.board.faults.mute = True
    await world.gateway.until("down")
    for _ in range(3):
        await world.server.pull()  # the server goes on hearing of us
    assert world.gateway.scheduler.next_us() is None, "what waited is given up at once"
    assert await ask(world, body(imme=True, tmst=None)) == "UNKNOWN", "the radio is down"
    world.board.faults.mute = False
    await world.gateway.until("up 2")
    assert await ask(world, body(tmst=stale)) == "TOO_LATE"
    scheduler = world.gateway.scheduler
    assert sum(scheduler.counters.lost.values()) == 1 and scheduler.next_us() is None
    assert not world.board.tx.programmed
    await works(world)


def test_a_frame_handed_over_while_the_radio_is_down_is_refused_and_not_sent_later() -> None:
    async def scenario() -> None:
        async with a_gateway() as world:
            world.board.faults.mute = True
            await world.gateway.until("down")
            ended: asyncio.Queue[TxOutcome] = asyncio.Queue()
            frame = TxFrame(b"stale", 868_100_000, 14.0, LoRa(7))
            world.gateway.radio.send(frame, ended.put_nowait)
            world.board.faults.mute = False
            await world.gateway.until("up 2")
            assert isinstance(await ended.get(), ChipError)
            assert not world.board.tx.programmed
            await works(world)

    run(scenario())


def test_a_chip_that_reset_itself_is_noticed_and_started_again() -> None:
    async def scenario() -> None:
        async with a_gateway() as world:
            stale = world.tmst(60.0)
            world.on_board(world.board.reset)
            world.clock.sleep(1.1)  # the next look at its health is due
            await recovered(world)
            assert await ask(world, body(tmst=stale)) == "TOO_LATE"
            await works(world)

    run(scenario())


def test_a_failure_leaves_the_registers_and_the_reason_behind() -> None:
    async def scenario() -> None:
        async with a_gateway() as world:
            world.on_board(world.board.reset)
            world.clock.sleep(1.1)
            await recovered(world)
            (failure,) = world.gateway.radio.failures
            assert "the chip was reset" in failure.reason
            assert failure.registers["Gpio.OUT_L_OUT_VALUE"] == 0
            state = snapshot(world.gateway)["radio"]
            assert isinstance(state, dict) and state["failures"][0]["reason"] == failure.reason

    run(scenario())


def test_a_canary_that_is_not_heard_starts_the_radio_anew() -> None:
    async def scenario() -> None:
        async with a_gateway() as world:
            world.gateway.radio.restart("the canary 12345678 is not heard any more")
            world.clock.sleep(1.1)
            await recovered(world)
            assert world.gateway.radio.recovery.reasons == {
                "the canary 12345678 is not heard any more": 1
            }
            await works(world)

    run(scenario())


def test_a_board_that_never_comes_back_ends_the_program_with_what_to_do() -> None:
    async def scenario() -> None:
        async with a_gateway(health=HealthSettings(exit_after=3)) as world:
            world.board.faults.mute = True
            await asyncio.wait([world.running])
            assert world.gateway.radio.recovery.steps["exit"] == 1

    with pytest.raises(Fatal, match=r"failed 3 times in a row, last: .*edgemast doctor"):
        run(scenario())


def test_a_board_that_is_unplugged_is_taken_back() -> None:
    async def scenario() -> None:
        async with a_gateway() as world:
            world.board.faults.unplugged = True
            await world.gateway.until("down")
            world.board.faults.unplugged = False
            await world.gateway.until("up 2")
            await works(world)

    run(scenario())


# What a USB device does: the same over a real pseudo-terminal and the bridge's messages.


def test_an_unanswered_bridge_request_is_survived_and_nothing_old_goes_out(tmp_path: Path) -> None:
    async def scenario() -> None:
        board = SimBoard(SkippingClock())
        link = tmp_path / "board"
        with a_board_on_a_tty(link, board):
            async with a_gateway(usb(link, board), board) as world:
                await survives_a_stall(world)

    run(scenario())


def test_a_tty_that_vanishes_is_opened_again_when_it_is_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        board = SimBoard(SkippingClock())
        link = tmp_path / "board"
        with a_board_on_a_tty(link, board):
            gateway = a_gateway(usb(link, board), board)
            world = await gateway.__aenter__()
        try:
            await world.gateway.until("down")
            with a_board_on_a_tty(link, board):
                await world.gateway.until("up 2")
                await works(world)
        finally:
            await gateway.__aexit__(None, None, None)

    run(scenario())


def test_a_board_that_fails_its_reset_is_let_go_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or its lock would say at every further try that another process has it: ours."""

    class Board(SimTransport):
        closed = False

        def close(self) -> None:
            self.closed = True

    board = Board()
    board.faults.mute = True
    monkeypatch.setattr(parts, "open_transport", lambda uri, **options: board)
    with pytest.raises(TransportError):
        parts.radio_opener(a_config(1700), "sim:")(None, 2.0)
    assert board.closed
