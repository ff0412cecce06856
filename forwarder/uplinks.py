"""From the radio to the links: every frame to every link, untouched, and counted once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from hal.frames import Crc, RxFrame

from .links.base import Link
from .packets import RadioCounters, Uplink
from .radio.ghosts import Ghosts
from .timing.time_reference import NO_GPS, TimeReference

log = logging.getLogger(__name__)


class Taker(Protocol):
    """What a frame can be given to."""

    name: str

    def uplink(self, uplink: Uplink) -> None: ...


class Uplinks:
    """Fans received frames out. A link filters by itself and never blocks another."""

    def __init__(
        self,
        counters: RadioCounters,
        links: Iterable[Link] = (),
        *,
        time_reference: TimeReference = NO_GPS,
    ) -> None:
        self._counters = counters
        self._time = time_reference
        self._ghosts = Ghosts()
        self.links = list(links)
        self.observers: list[Link] = []  # see every frame, after all links
        self.listeners: list[Taker] = []  # the same, after them; they are no part that has a state
        self.unwanted: Callable[[RxFrame], bool] | None = None  # only where that is configured

    def received(self, frames: Sequence[RxFrame], now_us: int | None = None) -> None:
        """Take what one look at the FIFO gave, in order. `now_us` is the concentrator's line."""
        marks = self._ghosts.marks(frames)
        if self._ghosts.very_close != self._counters.rx_very_close:
            self._count_very_close()
        for frame, ghost in zip(frames, marks, strict=True):
            self._count(frame)
            self._counters.rx_ghosts += ghost
            uplink = self._dated(frame, ghost, now_us)
            if self._is_unwanted(frame):
                self._counters.rx_unwanted += 1
            else:
                for link in self.links:
                    _give(link, uplink)
            for observer in self.observers:
                _give(observer, uplink)
            for listener in self.listeners:
                _give(listener, uplink)

    def _dated(self, frame: RxFrame, ghost: bool, now_us: int | None) -> Uplink:
        """With the time of its end, where GPS tells it."""
        if now_us is None or not self._time.valid(now_us):
            return Uplink(frame, ghost=ghost)
        at_us = frame.counter_us
        utc_ns, gps_ms = self._time.utc_ns(at_us, now_us), self._time.gps_ms(at_us, now_us)
        return Uplink(frame, utc_ns, gps_ms, ghost)

    def _is_unwanted(self, frame: RxFrame) -> bool:
        try:
            return self.unwanted is not None and self.unwanted(frame)
        except Exception:  # a bug there must not cost the servers a frame
            log.exception("a frame could not be judged; it goes to all servers")
            return False

    def _count_very_close(self) -> None:
        if not self._counters.rx_very_close:
            log.warning(
                "a device is very close to the antenna: one frame came on several channels at "
                "once; move the device some metres away, or lower its power (told once)"
            )
        self._counters.rx_very_close = self._ghosts.very_close

    def _count(self, frame: RxFrame) -> None:
        counters = self._counters
        counters.rx_total += 1
        if frame.crc is Crc.OK:
            counters.count_rx(frame.freq_hz, frame.modulation)
        elif frame.crc is Crc.BAD:
            counters.rx_bad += 1
        else:
            counters.rx_no_crc += 1


def _give(link: Taker, uplink: Uplink) -> None:
    try:
        link.uplink(uplink)
    except Exception:  # a bug in one link costs this frame there, and nothing anywhere else
        log.exception("%s failed on one frame; going on", link.name)
