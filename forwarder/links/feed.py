"""What stands between the radio and one link: the filter, and who takes what passes it.

A frame that is dropped here costs its server, its spool and its line nothing; it is counted by the
reason. Local mode is not fed from here: it sees every frame. The link's meter is kept going here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from hal.frames import RxFrame

from ..packets import Uplink
from .base import Link
from .filters import NOISE, Filter, Heads, Reason, everything
from .meter import Meter, Now
from .settings import FeedSettings

METER_S = 60.0  # between two looks at the meter: a day ends that much late at most
SUSPECT = 100  # frames dropped by their address, and none passed: a filter that hides everything

log = logging.getLogger(__name__)


class Keeping(Protocol):
    """The keeper of a link's uplinks, as it is fed (spool/courier.py)."""

    def put(self, uplink: Uplink) -> None: ...

    def status(self) -> dict[str, object]: ...


class Feed:
    """A Link around a link. See `forwarder.links.base.Link`.

    `take` gets what passes: the link itself, or the keeper of its uplinks. `carries` says what the
    link's protocol has words for. `heads` is shared by all feeds of a gateway. `meter` is what the
    link tells its bytes to. `keeper` takes what passes in the link's place, and gives it to the
    link when that can send.
    """

    def __init__(
        self,
        link: Link,
        settings: FeedSettings,
        heads: Heads,
        *,
        take: Callable[[Uplink], None] | None = None,
        carries: Callable[[RxFrame], bool] = everything,
        meter: Meter | None = None,
        keeper: Keeping | None = None,
    ) -> None:
        self.name = link.name
        self.link = link
        self.passed = 0
        self.filtered: Counter[Reason] = Counter()
        self._filter = Filter(settings, heads, carries)
        self._take = keeper.put if keeper else take or link.uplink
        self._meter = meter or Meter()
        self._keeper = keeper

    async def run(self) -> None:
        """Run the link. Ends as it does."""
        watching = asyncio.create_task(self._watch(), name=f"{self.name} meter")
        try:
            await self.link.run()
        finally:
            watching.cancel()

    def uplink(self, uplink: Uplink) -> None:
        """Hand one frame on, or count why not."""
        reason = self.refuses(uplink)
        if reason is None:
            self.passed += 1
            self._take(uplink)
        else:
            self.filtered[reason] += 1

    def refuses(self, uplink: Uplink) -> Reason | None:
        """Why this server is not given a frame; None when it is. Asked once for each frame."""
        return self._filter.refuses(uplink)

    def status(self) -> dict[str, object]:
        """The link's, with what was kept from it."""
        return {
            **self.link.status(),
            "filtered": self.filtered.total(),
            "filtered_by": {reason.name: count for reason, count in self.filtered.items()},
            "bytes": self._meter.status(),
            **({"outage": self._keeper.status()} if self._keeper else {}),
        }

    def suspicion(self) -> str | None:
        """That the filter lets nothing pass, where it looks like a mistake."""
        by_address = sum(count for reason, count in self.filtered.items() if reason not in NOISE)
        if self.passed or by_address < SUSPECT:
            return None
        return (
            f"{by_address} frames heard and none passed its filter: "
            "try it with edgemast filter-test (docs/filters.md)"
        )

    async def _watch(self) -> None:
        told = False
        while True:
            if warning := self._meter.tick(Now(time.monotonic(), time.time())):
                log.warning("%s: %s", self.name, warning)
            if not told and (suspicion := self.suspicion()):
                told = True
                log.warning("%s: %s", self.name, suspicion)
            await asyncio.sleep(METER_S)
