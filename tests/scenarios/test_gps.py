"""A whole gateway with a simulated GPS receiver: what is sent with it, and what without.

The receiver is on a pseudo-terminal, its PPS edges are the simulated chip's; the gateway reads both
as it would read real ones. The clock of board, radio thread and GPS stands still between steps of a
tenth of a second, so a busy machine changes nothing, and a minute takes ten seconds.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from forwarder.config.model import BeaconSettings, GpsSettings
from forwarder.packets import Position
from forwarder.scheduling.beacon import payload
from hal.sim.board import SimBoard
from hal.sim.gps import SimGps
from hal.sim.gps_pty import GpsOnPty
from hal.sim.rx_encode import Record
from tests.worlds import PATIENCE_S, SkippingClock, World, a_gateway

STEP_S = 0.1
LOAD_STEP_S = 0.02  # where a frame has to be carried to the chip meanwhile
NS = 1_000_000_000
GPS_TO_UTC_S = 315_964_800 - 18


class SteppedClock(SkippingClock):
    """Only `sleep` moves it."""

    def __init__(self) -> None:
        super().__init__()
        self._began_ns = super().now_ns()

    def now_ns(self) -> int:
        return self._began_ns + self._skipped_ns


class Site:
    """The world, the receiver, and time that passes."""

    def __init__(self, world: World, receiver: GpsOnPty) -> None:
        self.world = world
        self.gps: SimGps = receiver.gps
        self.receiver = receiver
        self.gateway = world.gateway
        self._looks = 0
        world.board.advance_hooks.append(self._looked)

    def _looked(self, now_ns: int) -> None:
        self._looks += 1

    async def _radio_works(self) -> None:
        """Until the radio thread has polled the board once more, and the loop heard of it."""
        enough = self._looks + 2
        async with asyncio.timeout(PATIENCE_S):
            while self._looks < enough:
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.001)

    async def passes(self, seconds: float, step_s: float = STEP_S) -> None:
        """Let time pass for everybody, with the pauses in which threads and loop do their work."""
        for _ in range(round(seconds / step_s)):
            self.world.clock.sleep(step_s)
            await self._radio_works()
            if self.gateway.beacons is not None:
                self.gateway.beacons.look()
            self.gateway.transmitter.wake()

    async def until_valid(self) -> None:
        async with asyncio.timeout(20):
            while not self.gateway.time.state.valid:
                await self.passes(STEP_S)

    async def uplink(self) -> dict[str, Any]:
        """One frame is received; what the server is told of it."""
        board = self.world.board

        def inject() -> None:
            board.inject(
                Record(
                    payload=bytes.fromhex("40f17dbe4900020001954378762b11ff0d"),
                    channel=0, modem=2, sf=7, coding_rate=1, crc_present=True,
                    ticks=board.counter.ticks() & 0xFFFFFFFF,
                )
            )  # fmt: skip

        self.world.on_board(inject)
        while "rxpk" not in (push := await self.world.server.push()):
            pass
        (rxpk,) = push["rxpk"]
        return dict(rxpk)

    def truth_ns(self, tmst: int) -> int:
        """GPS nanoseconds at which the counter showed `tmst`, by the receiver itself."""
        ticks = self.world.board.counter.ticks()
        behind_us = (ticks // 32 - tmst) & 0xFFFFFFFF
        return self.gps.gps_ns(self.world.board.counter.ns_at(ticks - behind_us * 32))


@asynccontextmanager
async def a_site(**changes: Any) -> AsyncIterator[Site]:
    board = SimBoard(SteppedClock())
    board.counter.set_xtal_ppm(3)
    receiver = GpsOnPty(board)
    settings = GpsSettings(receiver.path, changes.pop("kind", "auto"))
    async with a_gateway(board=board, gps=settings, **changes) as world:
        yield Site(world, receiver)
    receiver.close()


def downlink(gps_ms: int) -> bytes:
    txpk = {
        "tmms": gps_ms, "freq": 869.525, "rfch": 0, "powe": 14, "modu": "LORA",
        "datr": "SF9BW125", "codr": "4/5", "ipol": True, "size": 3,
        "data": base64.b64encode(b"abc").decode(),
    }  # fmt: skip
    return json.dumps({"txpk": txpk}).encode()


@pytest.mark.parametrize("kind", ["auto", "ublox", "nmea"])
def test_an_uplink_carries_the_time_of_its_end(kind: str) -> None:
    async def story() -> None:
        async with a_site(kind=kind) as site:
            await site.until_valid()
            assert site.gateway.time.state.protocol == ("NMEA" if kind == "nmea" else "UBX")
            rxpk = await site.uplink()
            truth_ns = site.truth_ns(rxpk["tmst"])
            assert abs(rxpk["tmms"] * 1_000_000 - truth_ns) < 1_000_000
            utc_us = truth_ns // 1000 + GPS_TO_UTC_S * 1_000_000
            assert rxpk["time"][-1] == "Z"

            told = datetime.fromisoformat(rxpk["time"]).astimezone(UTC)
            assert abs(told.timestamp() * 1e6 - utc_us) <= 3

    asyncio.run(story())


def test_gps_lost_takes_the_fields_away_and_refuses_gps_timed_downlinks() -> None:
    async def story() -> None:
        async with a_site() as site:
            await site.until_valid()
            site.gps.sky.fix = False
            await site.passes(7)
            rxpk = await site.uplink()
            assert "time" not in rxpk and "tmms" not in rxpk
            site.world.server.downlink(downlink(1_440_000_100_000))
            ack = await site.world.server.tx_ack()
            assert json.loads(ack[12:]) == {"txpk_ack": {"error": "GPS_UNLOCKED"}}

    asyncio.run(story())


def test_pps_lost_takes_the_fields_away_though_the_receiver_knows_the_time() -> None:
    async def story() -> None:
        async with a_site() as site:
            await site.until_valid()
            site.world.on_board(lambda: site.gps.set_pps(False))
            await site.passes(4)
            state = site.gateway.time.state
            assert (state.position_fix, state.time_fix, state.pps, state.valid) == (
                True, True, False, False,
            )  # fmt: skip
            assert "PPS" in state.reason
            assert "tmms" not in await site.uplink()

    asyncio.run(story())


def test_a_gps_timed_downlink_leaves_at_its_millisecond() -> None:
    async def story() -> None:
        async with a_site() as site:
            await site.until_valid()
            await site.passes(10)
            board = site.world.board
            gps_ms = site.gps.gps_ns(board.agenda.now_ns) // 1_000_000 + 2_000
            site.world.server.downlink(downlink(gps_ms))
            assert len(await site.world.server.tx_ack()) == 12
            await site.passes(1.7)
            await site.passes(0.5, LOAD_STEP_S)
            (sent,) = board.tx.transmitted
            assert abs(site.gps.gps_ns(sent.start_ns) - gps_ms * 1_000_000) < 5_000

    asyncio.run(story())


def test_a_beacon_leaves_on_the_edge_of_its_second_with_its_bytes() -> None:
    async def story() -> None:
        beacon = BeaconSettings(period_s=8, channels=2, step_hz=-200_000)
        async with a_site(beacon=beacon) as site:
            await site.until_valid()
            await site.passes(17)
            board = site.world.board
            while not 7.5 <= site.gps.gps_ns(board.agenda.now_ns) / NS % 8 < 7.85:
                await site.passes(STEP_S)
            await site.passes(0.8, LOAD_STEP_S)
            (sent,) = board.tx.transmitted
            gps_s, after_ns = divmod(site.gps.gps_ns(sent.start_ns), NS)
            assert gps_s % 8 == 0
            # Within 1 us of the 1481.66 us that the chip waits after the edge at SF9.
            assert abs(after_ns - 1_481_656) < 1_000
            assert sent.mode == "on_pps"
            assert sent.program.payload == payload(gps_s, 9, 0, Position(48.137, 11.575, 519))
            asked_hz = 869_525_000 - (gps_s // 8 % 2) * 200_000
            # The crystal is 3 ppm fast, so 3 ppm less is programmed.
            assert abs(sent.program.freq_hz - asked_hz * (1 - 3e-6)) < 200
            assert (sent.program.preamble, sent.program.implicit, sent.program.crc) == (
                10, True, False,
            )  # fmt: skip
            assert site.gateway.beacons is not None
            assert site.gateway.beacons.plan.sent == 1

    asyncio.run(story())


def test_a_beacon_without_time_is_skipped_counted_and_explained() -> None:
    async def story() -> None:
        async with a_site(beacon=BeaconSettings(period_s=8)) as site:
            await site.until_valid()
            await site.passes(17)
            site.world.on_board(lambda: site.gps.set_pps(False))
            await site.passes(9)
            assert site.gateway.beacons is not None
            plan = site.gateway.beacons.plan
            assert not site.world.board.tx.transmitted
            assert plan.skipped["GPS_UNLOCKED"] >= 1
            assert "PPS" in plan.words()

    asyncio.run(story())


def test_a_restart_of_the_radio_needs_new_pairs_and_the_time_is_right_again() -> None:
    async def story() -> None:
        async with a_site() as site:
            await site.until_valid()
            site.world.on_board(site.world.board.reset)
            async with asyncio.timeout(PATIENCE_S):
                while site.gateway.radio.session < 2 or not site.gateway.radio.up:
                    site.world.clock.sleep(STEP_S)
                    await asyncio.sleep(0.01)
            assert not site.gateway.time.state.valid
            await site.until_valid()
            rxpk = await site.uplink()
            # The line is not the chip's own any more, but its distance to the truth is kept.
            now_us = site.gateway.radio.now_us()
            assert now_us is not None
            ahead_us = (now_us - rxpk["tmst"]) & 0xFFFFFFFF
            truth_ns = site.gps.gps_ns(site.world.clock.now_ns()) - ahead_us * 1000
            assert abs(rxpk["tmms"] * 1_000_000 - truth_ns) < 2_000_000

    asyncio.run(story())


def test_a_jump_of_the_counter_takes_the_reference_away() -> None:
    async def story() -> None:
        async with a_site() as site:
            await site.until_valid()
            counter = site.world.board.counter
            site.world.on_board(lambda: counter.preset(counter.ticks() + 32_000_000 * 40))
            await site.gateway.until("jumped")
            assert not site.gateway.time.state.valid
            await site.until_valid()
            rxpk = await site.uplink()
            assert abs(rxpk["tmms"] * 1_000_000 - site.truth_ns(rxpk["tmst"])) < 1_000_000

    asyncio.run(story())


def test_noise_on_the_line_and_a_receiver_that_was_switched_off_and_on_cost_nothing() -> None:
    async def story() -> None:
        async with a_site() as site:
            site.gps.sky.garbage = bytes.fromhex("b5620120ff03") + b"$GPGGA,\xff\x00$"
            await site.until_valid()
            site.gps.switch_off_and_on()
            await site.passes(4)
            assert site.gateway.time.state.valid
            assert site.gateway.time.state.protocol == "NMEA"
            assert "tmms" in await site.uplink()

    asyncio.run(story())


def test_a_leap_second_moves_utc_and_not_gps() -> None:
    async def story() -> None:
        async with a_site() as site:
            site.gps.sky.leap_at_gps_s = site.gps.now_s + 4
            await site.until_valid()
            await site.passes(6)
            rxpk = await site.uplink()
            truth_ns = site.truth_ns(rxpk["tmst"])
            assert abs(rxpk["tmms"] * 1_000_000 - truth_ns) < 1_000_000
            told = datetime.fromisoformat(rxpk["time"]).timestamp()
            assert abs(told - (truth_ns / NS + GPS_TO_UTC_S - 1)) < 1e-3
            assert site.gateway.time.state.leap_s == 19

    asyncio.run(story())


def test_the_position_goes_into_the_report_while_it_is_known() -> None:
    async def story() -> None:
        async with a_site() as site:
            await site.until_valid()
            position = site.gateway.position()
            assert position is not None
            assert (position.latitude_deg, position.altitude_m) == (48.137, 519)
            site.gps.sky.fix = False
            await site.passes(1.5)
            assert site.gateway.position() is None

    asyncio.run(story())
