"""What goes wrong during the day: one thing after the other, each cycle in another order."""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter
from collections.abc import Awaitable, Callable

from .site import MQTT, PLAIN, UDP, Site

CYCLE_S = 5400.0
WARM_S = 60.0
TEMPERATURE_EVERY_S = 30.0

Act = Callable[[], object]


class Story:
    """Run `tell` as a task; `happened` counts."""

    def __init__(self, site: Site, seed: int) -> None:
        self._site = site
        self._rng = random.Random(seed)
        self.happened: Counter[str] = Counter()

    async def tell(self, seconds: float) -> None:
        """For `seconds`, at least each thing once."""
        await asyncio.sleep(WARM_S)
        cycles = max(1, round(seconds / CYCLE_S))
        pause_s = (seconds - WARM_S) / (cycles * len(self._scenes()))
        for _ in range(cycles):
            scenes = self._scenes()
            self._rng.shuffle(scenes)
            for scene in scenes:
                began_s = asyncio.get_running_loop().time()
                self.happened[scene.__name__.strip("_")] += 1
                await scene(pause_s)
                took_s = asyncio.get_running_loop().time() - began_s
                await asyncio.sleep(max(0.0, pause_s - took_s))

    async def weather(self) -> None:
        """The board's temperature, from -20 to 60 degrees and back each three hours."""
        while True:
            turn = asyncio.get_running_loop().time() / 10_800 * 2 * math.pi
            self._site.board.temperature_c = 20 + 40 * math.sin(turn)
            await asyncio.sleep(TEMPERATURE_EVERY_S)

    def _scenes(self) -> list[Callable[[float], Awaitable[None]]]:
        return [
            self._gps_without_fix,
            self._pps_cut,
            self._gps_silent,
            self._gps_switched_off_and_on,
            self._broker_restarts,
            self._broker_away,
            self._broker_deaf,
            self._udp_server_away,
            self._plain_server_away,
            self._chip_reset,
            self._unplugged,
            self._mute,
            self._reads_zeros,
            self._reads_ones,
            self._bits_flip,
            self._accesses_fail,
            self._counter_stands,
        ]

    async def _for(self, what: str, begin: Act, end: Act, most_s: float, pause_s: float) -> None:
        """`begin`, and `end` after some time up to `most_s`, half of the scene's at most."""
        clock, account = self._site.machine, self._site.account
        account.began(what, clock.now_ns())
        begin()
        await asyncio.sleep(self._rng.uniform(0.2, 1.0) * min(most_s, pause_s / 2))
        end()
        account.ended(what, clock.now_ns())

    def _set(self, name: str, value: object) -> Act:
        return lambda: setattr(self._site.board.faults, name, value)

    # Time.

    async def _gps_without_fix(self, pause_s: float) -> None:
        sky = self._site.gps.sky
        on, off = (lambda: setattr(sky, "fix", True)), (lambda: setattr(sky, "fix", False))
        await self._for("gps without fix", off, on, 600, pause_s)

    async def _pps_cut(self, pause_s: float) -> None:
        gps = self._site.gps
        cut, mend = (lambda: gps.set_pps(False)), (lambda: gps.set_pps(True))
        await self._for("gps without PPS", cut, mend, 300, pause_s)

    async def _gps_silent(self, pause_s: float) -> None:
        sky = self._site.gps.sky
        on, off = (lambda: setattr(sky, "silent", False)), (lambda: setattr(sky, "silent", True))
        await self._for("gps silent", off, on, 200, pause_s)

    async def _gps_switched_off_and_on(self, pause_s: float) -> None:
        self._site.gps.switch_off_and_on()

    # Servers.

    async def _broker_restarts(self, pause_s: float) -> None:
        await self._broker(f"{MQTT} restarts", 5, pause_s)

    async def _broker_away(self, pause_s: float) -> None:
        await self._broker(f"{MQTT} away", 900, pause_s)

    async def _broker(self, what: str, most_s: float, pause_s: float) -> None:
        broker = self._site.broker
        await self._for(what, broker.stop, lambda: None, most_s, pause_s)
        await broker.start()

    async def _broker_deaf(self, pause_s: float) -> None:
        broker = self._site.broker
        await self._for(f"{MQTT} deaf", broker.deafen, lambda: None, 240, pause_s)
        broker.stop()
        await broker.start()

    async def _udp_server_away(self, pause_s: float) -> None:
        server = self._site.udp
        cut, mend = (lambda: setattr(server, "cut", True)), (lambda: setattr(server, "cut", False))
        await self._for(f"{UDP} away", cut, mend, 600, pause_s)

    async def _plain_server_away(self, pause_s: float) -> None:
        server = self._site.plain
        cut, mend = (lambda: setattr(server, "cut", True)), (lambda: setattr(server, "cut", False))
        await self._for(f"{PLAIN} away", cut, mend, 300, pause_s)

    # The board. Nobody looks at it while the loop runs, so it may be changed from here.

    async def _chip_reset(self, pause_s: float) -> None:
        await self._for("radio reset", self._site.board.reset, lambda: None, 1, pause_s)

    async def _unplugged(self, pause_s: float) -> None:
        on, off = self._set("unplugged", True), self._set("unplugged", False)
        await self._for("radio unplugged", on, off, 30, pause_s)

    async def _mute(self, pause_s: float) -> None:
        await self._for("radio mute", self._set("mute", True), self._set("mute", False), 8, pause_s)

    async def _reads_zeros(self, pause_s: float) -> None:
        on, off = self._set("reads_as", 0), self._set("reads_as", None)
        await self._for("radio reads zeros", on, off, 4, pause_s)

    async def _reads_ones(self, pause_s: float) -> None:
        on, off = self._set("reads_as", 255), self._set("reads_as", None)
        await self._for("radio reads ones", on, off, 4, pause_s)

    async def _bits_flip(self, pause_s: float) -> None:
        on, off = self._set("flips_over", 16), self._set("flips_over", None)
        await self._for("radio bits flip", on, off, 10, pause_s)

    async def _accesses_fail(self, pause_s: float) -> None:
        fail = self._site.board.faults.fail_next
        await self._for("radio access fails", lambda: fail.append(1), lambda: None, 1, pause_s)

    async def _counter_stands(self, pause_s: float) -> None:
        on, off = self._set("counter_stands", True), self._set("counter_stands", False)
        await self._for("radio counter stands", on, off, 6, pause_s)
