"""Carries accepted downlinks to the radio when they are due, and tells how each one ended.

The scheduler decides; this arms one timer for it, and hands its jobs to the radio thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Protocol

from hal.errors import HalError, TxRefusal, TxRefused
from hal.frames import TxFrame, TxReceipt

from ..packets import RadioCounters
from ..radio.radio_thread import TxDone, TxOutcome
from .downlinks import Job, Scheduler
from .duty_cycle import Emission

NOT_NOW = (TxRefusal.BUSY, TxRefusal.LATE)  # and perhaps a little later

log = logging.getLogger(__name__)


class Radio(Protocol):
    """What is needed of the radio thread."""

    def now_us(self) -> int | None: ...

    def send(self, frame: TxFrame, done: TxDone) -> None: ...


class Transmitter:
    """Lives in the event loop. Call `wake` after anything that may have changed the queue."""

    def __init__(
        self,
        scheduler: Scheduler,
        radio: Radio,
        counters: RadioCounters,
        keep: Callable[[Emission], None] | None = None,
        ended: Callable[[Job, TxReceipt | str], None] = lambda job, outcome: None,
    ) -> None:
        """`keep` is given what a restart of the program has to remember.

        `ended` hears how each accepted downlink ended: its receipt, or why it was not sent.
        """
        self._tell_ended = ended
        self._scheduler = scheduler
        self._keep = keep
        self._radio = radio
        self._counters = counters
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._newest: tuple[Job, TxReceipt] | None = None  # that the chip has taken

    def wake(self) -> None:
        """Hand over what is due, and sleep until the next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now_us = self._radio.now_us()
        if now_us is None:
            return
        for job, frame in self._scheduler.due(now_us):
            self._radio.send(frame, partial(self._ended, job))
        next_us = self._scheduler.next_us()
        if next_us is not None:
            self._timer = self._loop.call_later(max(0, next_us - now_us) / 1e6, self.wake)

    def radio_failed(self) -> None:
        """What the chip held or sent just now was cut short; told, as it was counted as sent.

        To be called before the line begins anew.
        """
        newest, self._newest = self._newest, None
        now_us = self._radio.now_us()
        if newest is None or now_us is None:
            return
        job, receipt = newest
        if now_us < receipt.start_us + receipt.airtime_us:
            self._counters.tx_cut += 1
            self._tell_lost(job, "the radio failed before it had left")

    def new_session(self, why: str) -> None:
        """What was planned on the old counter is dropped, counted and told."""
        for job in self._scheduler.new_session(why):
            self._tell_lost(job, why)

    def _ended(self, job: Job, outcome: TxOutcome) -> None:
        if isinstance(outcome, TxReceipt):
            self._newest = job, outcome
            self._counters.count_tx(job.frame.freq_hz, job.frame.modulation)
            emission = self._scheduler.emitted(job, outcome)
            if emission is not None and self._keep is not None:
                self._keep(emission)
            log.debug("sent for %s: %s", job.downlink.link, outcome)
            self._tell_ended(job, outcome)
            return
        if isinstance(outcome, TxRefused) and outcome.reason in NOT_NOW and self._again(job):
            return
        self._counters.tx_failed += 1
        why = outcome.reason.name if isinstance(outcome, TxRefused) else "RADIO"
        self._scheduler.lost(job, why)
        self._tell_lost(job, outcome)

    def _again(self, job: Job) -> bool:
        now_us = self._radio.now_us()
        placed = now_us is not None and self._scheduler.again(job, now_us)
        if placed:
            self.wake()
        return placed

    def _tell_lost(self, job: Job, why: HalError | str) -> None:
        self._tell_ended(job, str(why))
        log.warning(
            "a downlink of %s, accepted before, was not sent: %s (%d bytes, %.1f MHz)",
            job.downlink.link,
            why,
            len(job.downlink.payload),
            job.downlink.freq_hz / 1e6,
        )
