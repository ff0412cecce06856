"""GPS as a part of the gateway: reads the receiver, keeps the time, says what changes.

Not being there is no failure of the gateway: it receives and forwards without GPS, and looks for
the receiver again and again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Protocol

from hal.clock import Clock
from hal.gps.leap import LeapTable
from hal.gps.receiver import Kind, Receiver
from hal.gps.values import NS

from ..backoff import backoff
from ..config.model import GpsSettings
from ..packets import Position
from . import leap_file
from .clock_sync import kernel_synchronised
from .keeper import Now, TimeKeeper
from .source import Source, SourceLost, open_source
from .time_reference import GpsState

LOOK_S = 0.5  # between two looks at what has become stale
SILENT_S = 20.0  # a connection that brings nothing for so long is opened anew
ASK_AGAIN_S = 30.0  # a u-blox that was switched off and on has forgotten what it was asked
GAP_S = 0.3  # a message that is not complete after such a silence never will be
SETTLE_S = 0.02  # between two looks for an edge that was not yet read
OFF_BY_S = 0.5  # more than this between GPS and a synchronised system clock is told

log = logging.getLogger(__name__)


class RadioTime(Protocol):
    """What is needed of the radio thread."""

    edge_us: int | None

    def now_us(self) -> int | None: ...


class GpsService:
    """A TimeReference. Lives in the event loop; `run` it as any other part."""

    name = "gps"

    def __init__(
        self,
        settings: GpsSettings,
        radio: RadioTime,
        clock: Clock,
        *,
        leaps: LeapTable | None = None,
    ) -> None:
        self._settings = settings
        self._radio = radio
        self._clock = clock
        self._leaps = leaps or leap_file.load()
        self.keeper = TimeKeeper(self._leaps, settings.source)
        self._compared = False
        self._failed = ""
        self._warned = False

    async def run(self) -> None:
        """Read the receiver until cancelled."""
        looking = asyncio.create_task(self._look())
        try:
            await self._keep_reading()
        finally:
            looking.cancel()

    # A TimeReference.

    @property
    def state(self) -> GpsState:
        return self.keeper.state(self._now())

    def valid(self, now_us: int) -> bool:
        return self.keeper.valid(self._now(now_us))

    def utc_ns(self, counter_us: int, now_us: int) -> int | None:
        return self.keeper.utc_ns(counter_us, self._now(now_us))

    def gps_ms(self, counter_us: int, now_us: int) -> int | None:
        gps_ns = self.keeper.gps_ns(counter_us, self._now(now_us))
        return None if gps_ns is None else gps_ns // 1_000_000

    def counter_us(self, gps_ms: int, now_us: int) -> int | None:
        return self.keeper.counter_us(gps_ms * 1_000_000, self._now(now_us))

    def corrected_hz(self, freq_hz: int) -> int:
        return self.keeper.corrected_hz(freq_hz)

    def position(self) -> Position | None:
        return self.keeper.position(self._now())

    def new_session(self) -> None:
        """The counter jumped or starts anew."""
        self.keeper.new_session()

    def _now(self, now_us: int | None = None) -> Now:
        line_us = self._radio.now_us() if now_us is None else now_us
        return Now(self._clock.now_ns() / NS, line_us, self._radio.edge_us)

    # The receiver.

    async def _keep_reading(self) -> None:
        pauses = backoff()
        while True:
            try:
                async with open_source(self._settings) as source:
                    self._failed = ""
                    pauses = backoff()
                    await self._read(source)
            except SourceLost as lost:
                self._tell_lost(str(lost))
            self.keeper.connected = False
            await asyncio.sleep(next(pauses))

    async def _read(self, source: Source) -> None:
        receiver = Receiver(Kind(self._settings.kind))
        asked_s = last_s = float("-inf")
        while True:
            now_s = self._now().s
            if receiver.wants_asking and now_s - asked_s >= ASK_AGAIN_S:
                asked_s = now_s
                source.write(receiver.hello())
            try:
                async with asyncio.timeout(SILENT_S):
                    data = await source.read()
            except TimeoutError:
                raise SourceLost(f"nothing came for {SILENT_S:g} s") from None
            last_s, before_s = self._now().s, last_s
            if last_s - before_s > GAP_S:
                receiver.gap()
            self.take(receiver, data)

    def take(self, receiver: Receiver, data: bytes) -> None:
        """What the receiver has sent just now."""
        now = self._now()
        self.keeper.connected = True
        for report in receiver.feed(data):
            self.keeper.protocol = receiver.protocol
            self.keeper.report(report, now)
        self._settle()
        self._tell_changes(now)

    def _settle(self) -> None:
        """Until the radio thread has told of the edge that the last second began with."""
        if not self.keeper.settle(self._now()):
            asyncio.get_running_loop().call_later(SETTLE_S, self._settle)

    # The log.

    async def _look(self) -> None:
        while True:
            self._warn_of_leaps()
            await asyncio.sleep(LOOK_S)
            self._tell_changes(self._now())

    def _warn_of_leaps(self) -> None:
        """Once, at the start or on the day that the table expires."""
        if self._warned or (warning := leap_file.expired(self._leaps, time.time())) is None:
            return
        self._warned = True
        log.warning("%s", warning)

    def _tell_changes(self, now: Now) -> None:
        for line in self.keeper.changes(now):
            log.info("%s", line)
        if self.keeper.valid(now) and not self._compared and now.us is not None:
            self._compared = True
            self._compare(self.keeper.utc_ns(now.us, now))

    def _compare(self, utc_ns: int | None) -> None:
        """Once: a time that is a whole second off is more often the receiver's than NTP's."""
        if utc_ns is None or not kernel_synchronised():
            return
        off_s = utc_ns / 1e9 - time.time()
        if abs(off_s) > OFF_BY_S:
            log.warning(
                "GPS time is %+.3f s off the system's, which is synchronised: if that stays, the "
                "receiver's messages come more than a second after their PPS edge; raise its baud "
                "rate and gateway.gps_baud, or use UBX",
                off_s,
            )

    def _tell_lost(self, why: str) -> None:
        """A receiver that stays away is one line, not one a second."""
        level = logging.DEBUG if why == self._failed else logging.WARNING
        self._failed = why
        log.log(level, "no GPS receiver at %s: %s; trying again", self._settings.source, why)
