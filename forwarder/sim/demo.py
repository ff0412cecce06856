"""A whole gateway without hardware: devices, air, board, forwarder, and a server over real UDP.

    devices ── air ── board ── Gateway (the forwarder) ══ UDP on loopback ══ network server

The board is looked at by the forwarder's radio thread, and everything on the air happens in it;
lines come out in the event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from hal.clock import SystemClock
from hal.concentrator import Concentrator
from hal.sim.air.air import Air
from hal.sim.air.verdict import Report
from hal.sim.board import SimBoard
from hal.sim.transport import SimTransport

from ..app import Gateway
from ..config import GatewayConfig, loads
from ..errors import ConfigError
from ..lorawan.region import Region, make_cf_list_freqs, make_cf_list_masks
from ..packets import Answer, Downlink
from ..page.settings import PageSettings
from ..radio.radio_thread import OpenRadio
from .device import Device, Send
from .device_events import Event
from .narrator import Line, Narrator
from .network_server import NetworkServer
from .placing import devices_of, region_of, rules_of
from .scenario import Scenario
from .server_events import ServerEvent
from .udp_server import UdpServer
from .world import World

START_NS = 200_000_000  # from the radio's readiness to the scenario's start
Show = Callable[[Line, float], None]


class WatchedGateway(Gateway):
    """The forwarder as it is; `watch` also hears each answer that its scheduler gives."""

    watch: Callable[[int, Answer], None] | None = None

    def schedule(self, downlink: Downlink) -> Answer:
        answer = super().schedule(downlink)
        if self.watch is not None:
            self.watch(downlink.token, answer)
        return answer


class Demo:
    """One run of `scenario`; `show(line, seconds)` is called in the event loop.

    `outside` is a configuration with network servers of its own, instead of the small one inside;
    see `outside_config`. They have been told the devices' keys, and they remember DevNonces:
    `first_nonce` must grow from run to run.
    """

    def __init__(
        self,
        scenario: Scenario,
        show: Show,
        *,
        outside: GatewayConfig | None = None,
        first_nonce: int = 1,
    ) -> None:
        if len(scenario.gateway) != 1:
            raise ConfigError(
                f"scenario {scenario.scenario.name} has {len(scenario.gateway)} gateways; "
                "the demo runs one"
            )
        self.page: PageSettings | None = None  # a status page to look at beside the lines
        self._scenario = scenario
        self._show = show
        self._specs = devices_of(scenario)
        self._region = region_of(scenario)
        self._outside = outside
        self._first_nonce = first_nonce
        self.narrator = Narrator(
            {spec.name: spec.payload.kind for spec in self._specs}, own_server=outside is None
        )
        self._started_s = time.monotonic()
        self._begin = False
        self._gateway: Gateway | None = None

    async def run(self) -> None:
        """Until cancelled. Raises Fatal when the radio does not start."""
        self._loop = asyncio.get_running_loop()
        if self._outside is not None:
            await self._forward(self._outside)
            return
        core = NetworkServer(
            self._region, self._specs, cf_list=self._cf_list(self._config("127.0.0.1", 1))
        )
        server = UdpServer(core, self._server_event)
        try:
            await self._forward(self._config("127.0.0.1", await server.start()))
        finally:
            server.close()

    async def _forward(self, config: GatewayConfig) -> None:
        if self.page is not None:
            config = replace(config, page=self.page)
        gateway = self._make_gateway(config)
        gateway.watch = self._answer
        self._gateway = gateway
        running = asyncio.create_task(gateway.run())
        ready = asyncio.create_task(self._when_ready(gateway))
        try:
            await running
        finally:
            ready.cancel()
            running.cancel()
            await asyncio.gather(running, ready, return_exceptions=True)

    def _make_gateway(self, config: GatewayConfig) -> WatchedGateway:
        return WatchedGateway(config, self._radio(config))

    def seconds(self) -> float:
        return time.monotonic() - self._started_s

    def summary(self) -> dict[str, object]:
        facts = self.narrator.summary(self.seconds())
        if self._gateway is not None:
            # Accepted, and yet not sent: this machine was too busy, or the radio failed.
            facts["downlinks_lost"] = sum(self._gateway.scheduler.counters.lost.values())
        return facts

    # Parts.

    def _config(self, host: str, port: int) -> GatewayConfig:
        return udp_config(self._scenario, host, port)

    def _cf_list(self, config: GatewayConfig) -> bytes:
        """The gateway's channels that devices do not know by themselves."""
        channels = config.concentrator
        heard = {
            channels.radios[chain.radio].freq_hz + chain.if_hz
            for chain in channels.multi_sf
            if chain.enable
        }
        if self._region.fixed_channels:
            return make_cf_list_masks(_masks(self._region, heard))
        known = {channel.freq_hz for channel in self._region.channels}
        return make_cf_list_freqs(sorted(heard - known)[:5])

    def _radio(self, config: GatewayConfig) -> OpenRadio:
        clock = SystemClock()
        part = self._scenario.gateway[0]
        board = SimBoard(clock, eui=part.eui, model=part.chip)
        board.temperature_c = part.temperature
        air = Air(self._scenario.scenario.seed, rules=rules_of(self._scenario.channel))
        air.attach(board, name=part.id, at=(part.at[0], part.at[1], part.at[2]))
        world = World(air, on_event=self._device_event, on_sent=self._sent)
        board.advance_hooks.insert(0, partial(self._populate, world, board))

        def open_radio(line_start_us: int | None, hold_s: float) -> Concentrator:
            transport = SimTransport(board, clock=clock)
            if hold_s:
                transport.reset(hold_s)
            return Concentrator(transport, config.concentrator, line_start_us=line_start_us)

        return open_radio

    async def _when_ready(self, gateway: Gateway) -> None:
        await gateway.ready.wait()
        self._begin = True
        board = f"{len(self._specs)} devices, {self._region.name}"
        self._show(Line("info", "gateway", f"up, EUI {gateway.eui}", board), self.seconds())

    # In the radio thread.

    def _populate(self, world: World, board: SimBoard, now_ns: int) -> None:
        """Put the devices on the air once the forwarder is there to hear them."""
        if not self._begin:
            return
        self._begin = False
        start_ns = now_ns + START_NS
        world.place(
            self._specs,
            seed=self._scenario.scenario.seed,
            start_ns=start_ns,
            first_nonce=self._first_nonce,
        )
        for fault in self._scenario.fault:
            world.arrange_fault(fault, {self._scenario.gateway[0].id: board}, start_ns)

    def _device_event(self, device: Device, event: Event, now_ns: int) -> None:
        self._hand_over(partial(self.narrator.device, device.spec.name, event))

    def _sent(self, device: Device, send: Send, report: Report) -> None:
        self._hand_over(partial(self.narrator.sent, device.spec.name, send.label, report))

    def _hand_over(self, tell: Callable[[], list[Line]]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell, tell)

    # In the loop.

    def _tell(self, tell: Callable[[], list[Line]]) -> None:
        for line in tell():
            self._show(line, self.seconds())

    def _answer(self, token: int, answer: Answer) -> None:
        self._tell(partial(self.narrator.answer, token, answer))

    def _server_event(self, event: ServerEvent) -> None:
        self._tell(partial(self.narrator.server, event))


def _masks(region: Region, heard: set[int]) -> list[int]:
    masks = [0] * 6
    for index, channel in enumerate(region.channels[:96]):
        if channel.freq_hz in heard:
            masks[index // 16] |= 1 << index % 16
    return masks


def udp_config(
    scenario: Scenario, host: str, port: int, *, profile: str = "generic"
) -> GatewayConfig:
    """The scenario's gateway with one Semtech UDP server."""
    # Made here and read as any other file is, so that the demo runs what users run.
    return loads(udp_config_text(scenario, host, port, profile=profile), "demo.toml")


def udp_config_text(scenario: Scenario, host: str, port: int, *, profile: str = "generic") -> str:
    head, region = scenario.scenario, region_of(scenario)
    sub_band = f"sub_band = {head.sub_band}\n" if region.fixed_channels else ""
    return (
        f'board = "sim"\nregion = "{head.region}"\n{sub_band}'
        f'[gateway]\neui = "{scenario.gateway[0].eui.lower()}"\n'
        f'[[server]]\nname = "demo"\naddress = "{host}"\nport = {port}\n'
        f'profile = "{profile}"\n'
    )


def outside_config(scenario: Scenario, config: GatewayConfig) -> GatewayConfig:
    """A user's configuration on the scenario's board: its radio is the simulated one.

    The gateway's EUI is the scenario's, unless the file gives one. Raises ConfigError where the
    devices would speak beside the channels that are listened to.
    """
    region = scenario.scenario.region
    if config.region is not None and config.region.lower() != region.lower():
        raise ConfigError(
            f"{config.path}: region = {config.region}, but scenario {scenario.scenario.name} is of "
            f"{region}; choose a scenario of that region with --scenario"
        )
    own = len(config.eui) == 16
    eui = config.eui if own else scenario.gateway[0].eui.lower()
    return replace(config, radio_uri="sim:", lines=None, eui=eui)
