"""The shell: commits in a thread, a Join Server over real HTTP, charge of joins, trusted time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from forwarder.edge.keks import KeyRing, SoftKek, SourceKeys
from forwarder.edge.session import Device as Enrolled
from forwarder.edge.sources.join_server import JoinServerClient
from forwarder.edge.standalone.core import StandaloneCore
from forwarder.edge.standalone.server import StandaloneServer
from forwarder.edge.standalone.settings import StandaloneSettings, TimeOf
from forwarder.edge.standalone.store import StandaloneStore
from forwarder.edge.standalone.values import DownlinkState, State
from forwarder.edge.values import LocalDownlink, PayloadState, Record
from forwarder.edge.vault import KekVault
from forwarder.lorawan.region import REGIONS
from forwarder.packets import Accepted, Answer, AtTmst, Downlink, Uplink
from forwarder.sim.device import Device, Heard, Send
from forwarder.sim.device_events import Downlinked
from forwarder.sim.device_spec import DeviceSpec
from forwarder.sim.https_server import HttpsServer
from forwarder.timing.clock_sync import kernel_synchronised
from hal.frames import Crc, RxFrame
from hal.modulation import LoRa
from tests.edge.join_server_bench import (
    APP_KEY,
    AS_KEK,
    DEV_EUI,
    JOIN_EUI,
    NET_ID,
    NS_KEK,
    Asked,
    a_core,
    serving,
    settings_for,
)

EUI = f"{DEV_EUI:016x}"
SPEC = DeviceSpec("one", DEV_EUI, JOIN_EUI, APP_KEY, REGIONS["EU868"], confirmed=1.0)
WALL_NS = 1_790_000_000_000_000_000


@dataclass
class Bench:
    """A device in front of the shell; every downlink is accepted and heard."""

    path: Path
    client: JoinServerClient
    lns_up: bool | None = None
    time_of: TimeOf = TimeOf.SYSTEM
    now_s: float = 100.0
    sent: asyncio.Queue[Downlink] = field(default_factory=asyncio.Queue)
    records: asyncio.Queue[Record] = field(default_factory=asyncio.Queue)
    states: list[DownlinkState] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.device = Device(SPEC, random.Random(3))
        self.line_us = 1_000_000
        self.boot()

    def boot(self) -> None:
        ring = KeyRing([SoftKek(NS_KEK.label, NS_KEK.key), SoftKek(AS_KEK.label, AS_KEK.key)])
        core = StandaloneCore(
            StandaloneSettings(net_id=NET_ID),
            REGIONS["EU868"],
            {EUI: Enrolled(EUI, "one")},
            KekVault(ring, {self.client.name: SourceKeys()}),
            self._schedule,
            random.Random(1).randrange,
        )
        self.server = StandaloneServer(
            core,
            StandaloneStore(self.path),
            self.client,
            publish=self.records.put_nowait,
            tell=self.states.append,
            lns_up=None if self.lns_up is None else lambda: bool(self.lns_up),
            fallback_after_s=60.0,
            time_of=self.time_of,
            clock=lambda: self.now_s,
            wall_ns=lambda: WALL_NS,
            synchronised=lambda: True,
        )

    async def __aenter__(self) -> Bench:
        self.task = asyncio.create_task(self.server.run())
        async with asyncio.timeout(20):
            while not self.server.core.restored:
                await asyncio.to_thread(lambda: None)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def speak(self) -> Send:
        """The device's next frame reaches the gateway."""
        send = None
        while send is None:
            assert self.device.next_ns is not None
            self.start_ns = self.device.next_ns
            send = self.device.wake(self.start_ns)
        self.window = self.device.tx_done(self.start_ns + 50_000_000)
        self.line_us += 10_000_000
        self.server.uplink(uplink_of(send, self.line_us))
        return send

    async def answered(self) -> Downlink:
        """Wait for the downlink and let the device hear it in RX1."""
        async with asyncio.timeout(20):
            downlink = await self.sent.get()
        heard = Heard(downlink.payload, -80.0, 8.0, self.window.to_ns)
        assert self.device.window_done(heard, self.window.to_ns) is None
        return downlink

    async def record(self) -> Record:
        async with asyncio.timeout(20):
            return await self.records.get()

    def _schedule(self, downlink: Downlink) -> Answer:
        self.sent.put_nowait(downlink)
        return Accepted(0, 14.0, adjusted=False, margin_us=900_000)


def uplink_of(send: Send, line_us: int) -> Uplink:
    assert send.sf is not None
    return Uplink(
        RxFrame(
            payload=send.payload,
            counter_us=line_us,
            freq_hz=send.freq_hz,
            modulation=LoRa(send.sf, send.bw_hz),
            crc=Crc.OK,
            if_chain=0,
            rf_chain=0,
            modem=0,
            rssi_channel_dbm=-80.0,
            rssi_signal_dbm=-80.0,
            snr_db=8.0,
            freq_offset_hz=0,
        )
    )


Story = Callable[[Path, JoinServerClient], Coroutine[None, None, None]]


def with_join_server(story: Story) -> Callable[[Path], None]:
    """Tell `story` with a Join Server on loopback."""

    def test(tmp_path: Path) -> None:
        with serving(a_core()) as js:
            asyncio.run(_told(story, tmp_path, js))

    test.__name__ = getattr(story, "__name__", "story")
    return test


async def _told(story: Story, tmp_path: Path, js: HttpsServer) -> None:
    async with Asked(settings_for(js)) as asked:
        await story(tmp_path / "s.db", asked.client)


@with_join_server
async def test_a_device_joins_speaks_is_acknowledged_and_goes_on_after_a_restart(
    path: Path, client: JoinServerClient
) -> None:
    bench = Bench(path, client)
    async with bench:
        bench.speak()
        accept = await bench.answered()
        assert bench.device.joined and accept.when == AtTmst(bench.line_us + 5_000_000)
        bench.speak()
        ack = await bench.answered()
        assert ack.when == AtTmst(bench.line_us + 1_000_000)
        record = await bench.record()
        assert record.fcnt == 0 and record.payload_state is PayloadState.DECRYPTED
        assert bench.server.status()["joins"] == 1
    bench.boot()
    async with bench:
        bench.speak()
        await bench.answered()
        assert (await bench.record()).fcnt == 1
        downs = [event for event in bench.device.events() if isinstance(event, Downlinked)]
        assert downs[0].fcnt == 0 and downs[-1].fcnt >= 32
        assert all(down.ack for down in downs)


@with_join_server
async def test_a_downlink_is_said_to_be_queued_and_then_sent(
    path: Path, client: JoinServerClient
) -> None:
    async with Bench(path, client) as bench:
        assert "no session" in bench.server.take(LocalDownlink(EUI, 3, b"x"))
        bench.speak()
        await bench.answered()
        assert bench.server.take(LocalDownlink(EUI, 3, b"x")) == "queued"
        assert "FPort" in bench.server.take(LocalDownlink(EUI, 224, b"x"))

        async def encode(downlink: LocalDownlink) -> LocalDownlink:
            if downlink.decoded == "bad":
                raise ValueError("this codec cannot")
            return replace(downlink, payload=b"made", decoded=None)

        bench.server.encode = encode
        assert bench.server.take(LocalDownlink(EUI, 4, None, "bad")) == "queued"
        assert bench.server.take(LocalDownlink(EUI, 4, None, {"on": True})) == "queued"
        for _ in range(3):
            bench.speak()
            await bench.answered()
        told = [(state.state, state.why) for state in bench.states]
        assert (State.FAILED, "this codec cannot") in told
        downs = [event for event in bench.device.events() if isinstance(event, Downlinked)]
        assert [down.payload for down in downs if down.payload] == [b"x", b"made"]


@with_join_server
async def test_in_fallback_mode_joins_are_answered_only_when_no_server_has_for_long_enough(
    path: Path, client: JoinServerClient
) -> None:
    bench = Bench(path, client, lns_up=True)
    charge = []
    for lns_up, later_s in ((True, 0.0), (False, 59.0), (False, 2.0), (True, 1.0)):
        bench.lns_up = lns_up
        bench.now_s += later_s
        bench.server._decide_charge()
        charge.append(bench.server.core.in_charge)
    assert charge == [False, False, True, False]
    assert bench.server.status()["state"] == "standby"


@with_join_server
async def test_a_join_server_that_refuses_is_told_and_nothing_is_sent(
    path: Path, client: JoinServerClient
) -> None:
    async with Bench(path, client) as bench:
        bench.device.spec = replace(SPEC, app_key=bytes(16))
        bench.speak()
        async with asyncio.timeout(20):
            while not bench.server.core.counters["joins refused"]:
                await asyncio.to_thread(lambda: None)
        assert bench.sent.empty() and len(bench.server.core.sessions) == 0


@with_join_server
async def test_time_is_told_only_when_somebody_vouches_for_it(
    path: Path, client: JoinServerClient
) -> None:
    bench = Bench(path, client)
    uplink = uplink_of(bench.device.wake(0) or pytest.fail("silent"), 1)
    assert bench.server._gps_ns(uplink) == WALL_NS - (315_964_800 - 18) * 1_000_000_000
    bench.server._synchronised = lambda: False
    assert bench.server._gps_ns(uplink) is None
    assert bench.server._gps_ns(replace(uplink, gps_ms=77)) == 77_000_000
    bench.server._time_of = TimeOf.OFF
    assert bench.server._gps_ns(replace(uplink, gps_ms=77)) is None


def test_the_kernel_is_asked_whether_its_clock_is_right() -> None:
    assert kernel_synchronised() in (True, False)
