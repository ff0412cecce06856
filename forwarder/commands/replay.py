"""`edgemast replay`: recorded receptions through simulated boards and the forwarder."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hal.config import ConcentratorConfig

from ..errors import ConfigError
from ..links.semtech_udp.link import SemtechUdpLink
from ..links.semtech_udp.rxpk import rxpk
from ..links.semtech_udp.settings import UdpSettings
from ..packets import Answer, Downlink, Position, RadioCounters, Refusal, Refused, Uplink
from ..sim.recording import Reception, Unreadable, read
from ..sim.replay import Heard, Replay, Tally
from ..uplinks import Uplinks

HELP = "Play recorded receptions through simulated boards and the forwarder to a UDP server."
EXAMPLE = "edgemast replay 00_Test.log --server 127.0.0.1:1700 --speed max"

IN_FLIGHT = 32  # datagrams without an answer before we wait for one
PATIENCE_S = 0.1  # and how long: a server that never answers must not stop the replay
LAST_ANSWERS_S = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="rxpk lines or Helium JSON, or .gz")
    parser.add_argument("--server", metavar="HOST:PORT", help="Semtech UDP; without: to the screen")
    parser.add_argument("-c", "--config", metavar="CONF", help="channel plan, else the recording's")
    parser.add_argument("--speed", default="max", metavar="N", help="times real time, or max")
    parser.add_argument("--json", action="store_true", help="the summary as JSON on stdout")


def run(args: argparse.Namespace) -> int:
    speed, server = _speed(args.speed), _server(args.server)
    receptions, unreadable = _load(args.file)
    started_s = time.monotonic()
    replay = Replay(receptions, config=_config(args.config))
    try:
        player = Player(replay, server, quiet=args.json)
        asyncio.run(player.play(speed))
    finally:
        replay.close()
    facts = _facts(replay.tallies, unreadable, time.monotonic() - started_s, player)
    print(_as_json(facts) if args.json else _as_text(facts))
    return 0 if facts["same"] == facts["recorded"] and not unreadable else 1


class Station:
    """One gateway's way from the driver to the server; what `links.base.GatewayFacts` asks for."""

    def __init__(self, eui: str, server: tuple[str, int] | None) -> None:
        self.counters = RadioCounters()
        self.uplinks = Uplinks(self.counters)
        self.link: SemtechUdpLink | None = None
        if server is not None:
            settings = UdpSettings(
                name=f"gateway {eui}",
                address=server[0],
                eui=eui,
                port_up=server[1],
                port_down=server[1],
            )
            self.link = SemtechUdpLink(settings, self, self._refuse)
            self.uplinks.links.append(self.link)

    def temperature_c(self) -> float | None:
        return None

    def position(self) -> Position | None:
        return None

    def _refuse(self, downlink: Downlink) -> Answer:
        return Refused(Refusal.DISABLED, "a replay does not transmit")

    def unanswered(self) -> int:
        return self.link.unacknowledged() if self.link else 0


class Player:
    """Takes what the replay hears to the server, no quicker than it answers."""

    def __init__(self, replay: Replay, server: tuple[str, int] | None, *, quiet: bool) -> None:
        self._replay = replay
        self._quiet = quiet
        self.server = server
        self.stations = {eui: Station(eui, server) for eui in replay.gateways}
        self._sent = 0
        self._given_up = 0  # answers that we no longer wait for

    async def play(self, speed: float | None) -> None:
        links = [station.link for station in self.stations.values() if station.link]
        tasks = [asyncio.create_task(link.run()) for link in links]
        await asyncio.sleep(0)
        try:
            await self._connected(links)
            started_s = time.monotonic()
            for heard in self._replay.run():
                if speed is not None:
                    await asyncio.sleep(started_s + heard.after_s / speed - time.monotonic())
                self._forward(heard)
                if self.server is not None:
                    await self._pace()
            await self._last_answers()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def unanswered(self) -> int:
        return sum(station.unanswered() for station in self.stations.values())

    def _forward(self, heard: Heard) -> None:
        self.stations[heard.gateway].uplinks.received(heard.frames)
        if self.server is None and not self._quiet:
            for frame in heard.frames:
                print(f'{heard.gateway}: {{"rxpk":[{rxpk(Uplink(frame))}]}}')

    async def _connected(self, links: list[SemtechUdpLink]) -> None:
        """Until every link has its sockets: a name may have to be looked up."""
        deadline_s = time.monotonic() + 5.0
        while any(link.status()["peer"] is None for link in links):
            if time.monotonic() > deadline_s:
                raise OSError(f"cannot reach {self.server}: is its name right, is it running?")
            await asyncio.sleep(0.01)

    async def _pace(self) -> None:
        """Let answers in; wait for them when there are many to come."""
        await asyncio.sleep(0)
        self._sent += 1
        if self._sent % IN_FLIGHT:
            return
        deadline_s = time.monotonic() + PATIENCE_S
        while self.unanswered() > self._given_up:
            if time.monotonic() > deadline_s:
                self._given_up = self.unanswered()
                return
            await asyncio.sleep(0.0005)

    async def _last_answers(self) -> None:
        deadline_s = time.monotonic() + LAST_ANSWERS_S
        while self.unanswered() > 0 and time.monotonic() < deadline_s:
            await asyncio.sleep(0.005)


# Arguments.


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < 1e6:
        raise ConfigError(f"--speed is {text!r}: a number above 0, or max, expected")
    return speed


def _server(text: str | None) -> tuple[str, int] | None:
    if text is None:
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigError(f"--server is {text!r}: HOST:PORT expected, such as 127.0.0.1:1700")
    return host.strip("[]"), int(port)


def _load(path: Path) -> tuple[list[Reception], list[Unreadable]]:
    entries = list(read(path))
    receptions = [entry for entry in entries if isinstance(entry, Reception)]
    unreadable = [entry for entry in entries if isinstance(entry, Unreadable)]
    for entry in unreadable[:10]:
        print(f"edgemast: {path} line {entry.line}: skipped: {entry.why}", file=sys.stderr)
    if not receptions:
        raise ConfigError(f"{path}: no reception in it; rxpk lines or Helium JSON lines expected")
    return receptions, unreadable


def _config(path: str | None) -> ConcentratorConfig | None:
    if path is None:
        return None
    from ..config import load

    return load(path).concentrator


# What it came to.


def _facts(
    tallies: Mapping[str, Tally], unreadable: list[Unreadable], took_s: float, player: Player
) -> dict[str, Any]:
    def total(name: str) -> int:
        return sum(getattr(tally, name) for tally in tallies.values())

    names = ("recorded", "same", "levels_off", "missing", "unexpected")
    facts: dict[str, Any] = {name: total(name) for name in names}
    facts |= {"gateways": len(tallies), "unreadable": len(unreadable), "seconds": round(took_s, 2)}
    if player.server is not None:
        facts["unanswered"] = player.unanswered()
    return facts


def _as_json(facts: dict[str, Any]) -> str:
    import json

    return json.dumps(facts)


def _as_text(facts: dict[str, Any]) -> str:
    lines = [
        f"{facts['same']} of {facts['recorded']} receptions of {facts['gateways']} gateways "
        f"came through as they were recorded, in {facts['seconds']} s"
    ]
    problems = {
        "levels_off": "came with RSSI more than 1 dB or SNR more than 0.25 dB off",
        "missing": "did not come out",
        "unexpected": "came out and are not in the recording",
        "unreadable": "lines were skipped",
        "unanswered": "datagrams were not acknowledged by the server",
    }
    lines += [f"{facts[name]} {text}" for name, text in problems.items() if facts.get(name)]
    return "\n".join(lines)
