"""From the radio to the links: every frame to every link, untouched, and counted once. Pure."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from hal.frames import Crc, RxFrame

from .ghosts import Ghosts
from .links.base import Link
from .packets import RadioCounters, Uplink

log = logging.getLogger(__name__)


class Uplinks:
    """Fans received frames out. A link filters by itself and never blocks another."""

    def __init__(self, counters: RadioCounters, links: Iterable[Link] = ()) -> None:
        self._counters = counters
        self._ghosts = Ghosts()
        self.links = list(links)
        self.observers: list[Link] = []  # see every frame, after all links
        self.unwanted: Callable[[RxFrame], bool] | None = None  # only where that is configured

    def received(self, frames: Sequence[RxFrame]) -> None:
        """Take what one look at the FIFO gave, in order."""
        for frame, ghost in zip(frames, self._ghosts.marks(frames), strict=True):
            self._count(frame)
            self._counters.rx_ghosts += ghost
            uplink = Uplink(frame, ghost=ghost)
            if self._is_unwanted(frame):
                self._counters.rx_unwanted += 1
            else:
                for link in self.links:
                    _give(link, uplink)
            for observer in self.observers:
                _give(observer, uplink)

    def _is_unwanted(self, frame: RxFrame) -> bool:
        try:
            return self.unwanted is not None and self.unwanted(frame)
        except Exception:  # a bug there must not cost the servers a frame
            log.exception("a frame could not be judged; it goes to all servers")
            return False

    def _count(self, frame: RxFrame) -> None:
        counters = self._counters
        counters.rx_total += 1
        if frame.crc is Crc.OK:
            counters.count_rx(frame.freq_hz, frame.modulation)
        elif frame.crc is Crc.BAD:
            counters.rx_bad += 1
        else:
            counters.rx_no_crc += 1


def _give(link: Link, uplink: Uplink) -> None:
    try:
        link.uplink(uplink)
    except Exception:  # a bug in one link costs this frame there, and nothing anywhere else
        log.exception("%s failed on one frame; going on", link.name)
