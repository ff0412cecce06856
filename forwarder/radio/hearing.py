"""Listens whether the gateway still hears, and says so when it does not: see silence.py."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from hal.frames import RxFrame

from ..config.model import HealthSettings
from .silence import Canary, SiteHistory

LOOK_S = 30.0
DATA_UP = (0b010, 0b100)  # MType of data frames that devices send (TS001-1.0.4 section 4.2.1)

log = logging.getLogger(__name__)


class Hearing:
    """A part of the gateway; `restart(reason)` starts the radio anew."""

    def __init__(
        self,
        settings: HealthSettings,
        restart: Callable[[str], None],
        *,
        now_s: Callable[[], float] = time.monotonic,
        hour: Callable[[], int] = lambda: time.localtime().tm_hour,
    ) -> None:
        self.name = "hearing"
        self._settings = settings
        self._restart = restart
        self._now_s, self._hour = now_s, hour
        self._history = SiteHistory(now_s())
        self._canary_addr = bytes.fromhex(settings.canary_dev_addr)[::-1]
        self._canary = Canary(settings.canary_every_s, now_s()) if self._canary_addr else None
        self._silent = False
        self.silences = 0

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()

    def heard(self, frames: Iterable[RxFrame]) -> None:
        """What one look at the FIFO gave."""
        now_s = self._now_s()
        for frame in frames:
            self._history.heard(now_s, self._hour())
            if self._silent:
                self._silent = False
                log.info("frames are heard again")
            if self._canary is not None and self._is_canary(frame.payload):
                self._canary.heard(now_s)

    def look(self) -> None:
        """Tell an unusual silence once; restart for the canary's."""
        now_s = self._now_s()
        silence = self._history.look(now_s, self._hour())
        if silence is not None and not self._silent:
            self._silent = True
            self.silences += 1
            log.warning(
                "%s; the chip's registers are as they should be, so nothing is restarted "
                "([health] canary_dev_addr names a device whose silence does)", silence,
            )  # fmt: skip
        if self._canary is not None and self._canary.missed(now_s):
            self._restart(f"the canary {self._settings.canary_dev_addr} is not heard any more")

    def status(self) -> dict[str, object]:
        """Plain values for the state."""
        return {
            "silent": self._silent,
            "silences": self.silences,
            "canary_restarts": self._canary.restarts if self._canary else 0,
        }

    def _is_canary(self, payload: bytes) -> bool:
        is_data = len(payload) >= 12 and payload[0] >> 5 in DATA_UP
        return is_data and payload[1:5] == self._canary_addr
