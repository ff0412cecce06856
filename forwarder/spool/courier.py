"""The keeper of one link's uplinks in the event loop: adds a clock and a timer, decides nothing.

Feed ── put ──▶ KeepingCourier ── send ──▶ the link (Outlet) ══ server
                      ▲    opened, closed, acknowledged    │
                      └────────────────────────────────────┘
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from math import inf

from ..links.base import Outlet
from ..links.settings import OutageSettings
from ..packets import Uplink
from .keeper import Keeper
from .kept import Kept

log = logging.getLogger(__name__)

LONGEST_SLEEP_S = 3600.0


class KeepingCourier:
    """See `forwarder.links.base.Courier`. `attach` the link before the first `opened`.

    `session` is that of the radio now; `wall_ns` the host's time, None while it is not trusted.
    """

    def __init__(
        self,
        name: str,
        settings: OutageSettings,
        *,
        session: Callable[[], bytes] = bytes,
        wall_ns: Callable[[], int | None] = time.time_ns,
        resend_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._clock = clock
        self._settings = settings
        self._session, self._wall_ns = session, wall_ns
        self._keeper = Keeper(settings, resend_s=resend_s)
        self._outlet: Outlet | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._sending = False

    def attach(self, outlet: Outlet) -> None:
        self._outlet = outlet

    # What the feed says.

    def put(self, uplink: Uplink) -> None:
        """Take one received frame: it has left when this returns, if it can."""
        self._keeper.put(replace(uplink, session=self._session()), self._clock())
        self._send()

    # What the link says.

    def opened(self) -> None:
        self._keeper.opened(self._clock())
        if waiting := self._keeper.waiting:
            log.info("%s: open again; %d uplinks that waited go out", self.name, waiting)
        self._send()

    def closed(self) -> None:
        self._keeper.closed(self._clock())
        self._set_timer()

    def acknowledged(self, number: int) -> None:
        self._keeper.acknowledged(number)
        self._send()

    def status(self) -> dict[str, object]:
        """What waits and what became of the rest; plain values."""
        keeper, tally = self._keeper, self._keeper.tally
        return {
            "policy": self._settings.policy.value,
            "open": keeper.is_open,
            "taken": tally.taken,
            "acknowledged": tally.acknowledged,
            "late": tally.late,
            "repeated": tally.repeated,
            "waiting": keeper.waiting,
            "in_flight": keeper.in_flight,
            "dropped": {reason.value: count for reason, count in tally.dropped.items()},
        }

    def close(self) -> None:
        """No more timers; what is kept stays."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # What time does.

    def _advance(self) -> None:
        self._timer = None
        self._keeper.tick(self._clock())
        self._send()

    def _send(self) -> None:
        if self._sending:  # an outlet acknowledged, opened or closed inside its `send`
            return
        self._sending = True
        try:
            for kept in self._keeper.to_send(self._clock()):
                if not self._leave(kept):
                    self._keeper.unsent(kept.number, self._clock())
        finally:
            self._sending = False
            self._set_timer()

    def _leave(self, kept: Kept) -> bool:
        if self._outlet is None:
            return False
        uplink = kept.uplink
        if kept.late and (wall_ns := self._wall_ns()) is not None:
            ago_ns = round((self._clock() - kept.taken_s) * 1e9)
            uplink = replace(uplink, received_ns=wall_ns - ago_ns)
        return self._outlet.send(kept.number, uplink, late=kept.late)

    def _set_timer(self) -> None:
        self.close()
        due = self._keeper.next_tick()
        if due != inf:
            delay_s = min(max(due - self._clock(), 0.0), LONGEST_SLEEP_S)
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._advance)
