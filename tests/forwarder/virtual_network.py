"""Devices, air, board, driver and network server in simulated time: a network without sockets."""

from __future__ import annotations

from dataclasses import dataclass, field

from forwarder.config import loads
from forwarder.lorawan.region import make_cf_list_freqs
from forwarder.sim.device import Device, Send
from forwarder.sim.device_events import Event
from forwarder.sim.network_server import NetworkServer, Reception, Transmit
from forwarder.sim.placing import devices_of, region_of, rules_of
from forwarder.sim.scenario import Scenario
from forwarder.sim.server_events import ServerEvent
from forwarder.sim.world import World
from hal.clock import ManualClock
from hal.concentrator import Concentrator
from hal.errors import TxRefused
from hal.frames import AtCounter, Crc, RxFrame, TxFrame
from hal.modulation import LoRa
from hal.sim.air.air import Air
from hal.sim.air.verdict import Report
from hal.sim.board import SimBoard
from hal.sim.transport import SimTransport

S = 1_000_000_000
POLL_NS = 20_000_000
LOAD_US = 45_000
MORE_CHANNELS = make_cf_list_freqs([867_100_000 + 200_000 * i for i in range(5)])
CONFIG = """
region = "EU868"
board = "sim"
[[server]]
address = "127.0.0.1"
"""


@dataclass
class Network:
    """One gateway. `run` lets time pass; everything that happened is in the lists."""

    scenario: Scenario
    quiet: bool = True
    answers: bool = True  # the server's downlinks reach the gateway
    device_events: list[tuple[str, Event]] = field(default_factory=list)
    server_events: list[ServerEvent] = field(default_factory=list)
    sent: list[tuple[Device, Send, Report]] = field(default_factory=list)
    transmitted: list[Transmit] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._waiting: list[tuple[int, Transmit]] = []
        self.clock = ManualClock()
        rules = rules_of(self.scenario.channel)
        self.air = Air(self.scenario.scenario.seed, rules=rules.quiet() if self.quiet else rules)
        gateway = self.scenario.gateway[0]
        self.board = SimBoard(self.clock, eui=gateway.eui)
        self.air.attach(self.board, name=gateway.id, at=(0.0, 0.0, 15.0))
        self.radio = Concentrator(
            SimTransport(self.board, clock=self.clock),
            loads(CONFIG, "test.toml").concentrator,
            clock=self.clock,
        )
        self.radio.start()
        specs = devices_of(self.scenario)
        self.server = NetworkServer(region_of(self.scenario), specs, cf_list=MORE_CHANNELS)
        self.world = World(self.air, on_event=self._device_event, on_sent=self._sent)
        self.world.place(specs, seed=self.scenario.scenario.seed, start_ns=self.clock.now_ns())

    def run(self, seconds: float) -> None:
        until = self.clock.now_ns() + round(seconds * S)
        while self.clock.now_ns() < until:
            self.clock.advance_to_ns(self.clock.now_ns() + POLL_NS)
            now_s = self.clock.now_ns() / S
            for frame in self.radio.receive().frames:
                if frame.crc is Crc.OK:
                    self.server.uplink(_reception(frame), now_s)
            self.server.tick(now_s)
            self.server_events += self.server.events()
            if self.answers:
                self._queue(self.server.downlinks())
                self._transmit_due()

    def _queue(self, downlinks: list[Transmit]) -> None:
        now_us = self.radio.now_us()
        for downlink in downlinks:
            self._waiting.append((now_us + ((downlink.tmst - now_us) & 0xFFFFFFFF), downlink))

    def _transmit_due(self) -> None:
        """The chip holds one frame at a time, so each is loaded shortly before it starts."""
        now_us = self.radio.now_us()
        due = [entry for entry in self._waiting if entry[0] - now_us <= LOAD_US]
        self._waiting = [entry for entry in self._waiting if entry not in due]
        for start_us, downlink in due:
            self._transmit(start_us, downlink)

    def _transmit(self, start_us: int, downlink: Transmit) -> None:
        assert downlink.rate.sf is not None
        frame = TxFrame(
            downlink.payload,
            downlink.freq_hz,
            downlink.power_dbm,
            LoRa(downlink.rate.sf, downlink.rate.bw_hz),
            AtCounter(start_us),
            crc=False,
            invert_polarity=True,
        )
        try:
            self.radio.send(frame)
        except TxRefused as error:
            self.server.answered(downlink.token, error.reason.name)
        else:
            self.transmitted.append(downlink)
            self.server.answered(downlink.token, None)

    def _device_event(self, device: Device, event: Event, now_ns: int) -> None:
        self.device_events.append((device.spec.name, event))

    def _sent(self, device: Device, send: Send, report: Report) -> None:
        self.sent.append((device, send, report))

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for _, event in self.device_events if isinstance(event, kind)]

    def heard(self, kind: type[ServerEvent]) -> list[ServerEvent]:
        return [event for event in self.server_events if isinstance(event, kind)]


def _reception(frame: RxFrame) -> Reception:
    assert isinstance(frame.modulation, LoRa)
    return Reception(
        "gw1",
        frame.payload,
        frame.counter_us & 0xFFFFFFFF,
        frame.freq_hz,
        frame.modulation.sf,
        frame.modulation.bw_hz,
        frame.rssi_channel_dbm,
        frame.snr_db or 0.0,
    )
