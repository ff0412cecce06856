"""Asks for class B beacons as their time comes near, and tells what becomes of them."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Protocol

from ..config.model import BeaconSettings
from ..packets import Answer, Downlink, Position
from ..timing.time_reference import TimeReference
from .beacon import NO_PLACE, BeaconPlan, GpsNow, second
from .downlinks import Scheduler

LOOK_S = 1.0
GPS_EPOCH = datetime(1980, 1, 6, tzinfo=UTC)

log = logging.getLogger(__name__)


class BeaconGateway(Protocol):
    """What is needed of the gateway."""

    time: TimeReference
    scheduler: Scheduler

    def now_us(self) -> int | None: ...

    def host_us(self) -> int: ...

    def schedule(self, downlink: Downlink) -> Answer: ...


class Beaconing:
    """Lives in the event loop; `run` it as any other part."""

    name = "beacon"

    def __init__(
        self, settings: BeaconSettings, site: Position | None, gateway: BeaconGateway
    ) -> None:
        """`site` is the antenna's place as configured; without it, GPS tells it."""
        self.plan = BeaconPlan(settings)
        self._site = site
        self._gateway = gateway
        self._told = ""
        gateway.scheduler.beacon_ended = self._ended

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Ask for what is wanted now."""
        gateway = self._gateway
        place = self._site or gateway.time.position() or NO_PLACE
        while True:
            beacon = self.plan.next(self._now(), gateway.host_us() / 1e6, place)
            if beacon is None:
                break
            self.plan.answered(beacon, gateway.schedule(beacon))

    def _now(self) -> GpsNow:
        now_us = self._gateway.now_us()
        if now_us is None:
            return self._none("the radio is not up")
        gps_ms = self._gateway.time.gps_ms(now_us, now_us)
        state = self._gateway.time.state
        if gps_ms is None:
            return self._none(f"no time reference: {state.reason}")
        if not state.crystal_settled:
            return self._none("the crystal is still being measured: 16 s of GPS are needed")
        self._told = ""
        return GpsNow(gps_ms // 1000)

    def _none(self, why: str) -> GpsNow:
        if why != self._told:
            self._told = why
            log.log(logging.WARNING if self.plan.sent else logging.INFO, "no beacons: %s", why)
        return GpsNow(None, why)

    def _ended(self, beacon: Downlink, why: str, again: bool) -> None:
        self.plan.ended(beacon, why, again=again)
        when = GPS_EPOCH + timedelta(seconds=second(beacon))
        if why and not again:
            log.warning("the beacon of GPS time %s was skipped: %s", f"{when:%F %T}", why)
        elif not again:
            log.info(
                "beacon of GPS time %s sent at %.3f MHz", f"{when:%F %T}", beacon.freq_hz / 1e6
            )
