"""What the region allows of one frame: band, power, time on air, duty cycle. Pure.

Where a limit is not enforced it is counted all the same. Without bands nothing is known and
nothing is limited (config/model.py: Limits).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from ..config.model import Limits, TxBand
from ..packets import Priority, Refusal, Refused
from .duty_cycle import Account, Emission, budget_us
from .shares import Shares


@dataclass(frozen=True, slots=True)
class BandLoad:
    """How much of an hour a band was used, and how much it may be; microseconds.

    `load_tracked_us` has in it what was promised and has not left yet.
    """

    name: str
    min_hz: int
    max_hz: int
    load_max_us: int
    load_tracked_us: int
    enforced: bool
    standard: str = ""  # that sets the limit, where it is known


@dataclass(slots=True, eq=False)
class _Band:
    """A band of the region with its account; looked up for every frame."""

    rule: TxBand
    label: str
    budget_us: int
    account: Account


class Regulation:
    """The region's rules and the account of each band. Times are of the host's clock."""

    def __init__(self, limits: Limits, shares: Shares, *, antenna_gain_db: float = 0.0) -> None:
        self._limits = limits
        self._shares = shares
        self._antenna_gain_db = antenna_gain_db
        self._enforced = bool(limits.bands) and limits.enforced
        self._bands = [
            _Band(rule, rule.label, budget_us(rule.duty_cycle), Account()) for rule in limits.bands
        ]

    def most_dbm(self, freq_hz: int) -> float | None:
        """The conducted power that is never exceeded there; None: no limit is enforced."""
        if not self._limits.enforce_eirp or (band := self._band(freq_hz)) is None:
            return None
        return band.rule.max_eirp_dbm - self._antenna_gain_db

    def place_fault(self, freq_hz: int) -> Refused | None:
        """Why nothing may be sent at `freq_hz`, now or ever."""
        if not self._enforced or self._band(freq_hz) is not None:
            return None
        return Refused(Refusal.TX_FREQ, f"{freq_hz} Hz is in none of the region's bands")

    def time_fault(self, emission: Emission, priority: Priority) -> Refused | None:
        """Why this frame may not be on the air for so long, at that time."""
        if not self._enforced or (band := self._band(emission.freq_hz)) is None:
            return None
        return self._dwell_fault(band, emission) or self._duty_fault(band, emission, priority)

    def reserve(self, key: Hashable, emission: Emission) -> None:
        """An accepted frame takes its time from its band."""
        if (band := self._band(emission.freq_hz)) is not None:
            band.account.reserve(key, emission)

    def release(self, key: Hashable, freq_hz: int) -> None:
        """It is not sent after all."""
        if (band := self._band(freq_hz)) is not None:
            band.account.release(key)

    def settle(
        self, key: Hashable, freq_hz: int, start_us: int, airtime_us: int
    ) -> Emission | None:
        """It leaves; gives what a restart of the program has to remember."""
        band = self._band(freq_hz)
        return None if band is None else band.account.settle(key, start_us, airtime_us)

    def remember(self, emission: Emission) -> None:
        """Count what was sent before this program started."""
        if (band := self._band(emission.freq_hz)) is not None:
            band.account.sent(emission)

    def remember_nothing(self, now_us: int) -> list[Emission]:
        """What was sent before is not known: count every limited band as used up until now.

        Gives what was counted.
        """
        counted = []
        for band in self._bands:
            if band.rule.duty_cycle < 1:
                used_us = band.budget_us
                counted.append(Emission(now_us - used_us, used_us, band.rule.min_hz, ""))
                band.account.sent(counted[-1])
        return counted

    @property
    def counts(self) -> bool:
        """Whether any band has a duty cycle to count."""
        return any(band.rule.duty_cycle < 1 for band in self._bands)

    def loads(self, now_us: int) -> list[BandLoad]:
        return [
            BandLoad(
                band.label,
                band.rule.min_hz,
                band.rule.max_hz,
                band.budget_us,
                sum(band.account.used_us(now_us).values()),
                self._limits.enforce_duty_cycle and band.rule.duty_cycle < 1,
                self._limits.standard,
            )
            for band in self._bands
        ]

    def label(self, freq_hz: int) -> str:
        band = self._band(freq_hz)
        return "no band" if band is None else band.label

    def _band(self, freq_hz: int) -> _Band | None:
        for band in self._bands:
            if band.rule.min_hz <= freq_hz < band.rule.max_hz:
                return band
        return None

    def _dwell_fault(self, band: _Band, emission: Emission) -> Refused | None:
        """Protocols have no word for it: the nearest is that of the other limit on time."""
        longest_us = band.rule.dwell_ms * 1000
        if not (self._limits.enforce_dwell_time and longest_us):
            return None
        if emission.airtime_us <= longest_us:
            return None
        text = f"{emission.airtime_us} us on the air, {band.label} allows {longest_us} us"
        return Refused(Refusal.DUTY_CYCLE, text)

    def _duty_fault(self, band: _Band, emission: Emission, priority: Priority) -> Refused | None:
        if not self._limits.enforce_duty_cycle or band.rule.duty_cycle >= 1:
            return None
        account, link, airtime_us = band.account, emission.link, emission.airtime_us
        left = self._shares.left(link) if priority in WITHOUT_ANSWER else 0.0
        for hour_us in account.hours(emission.start_us):
            used = account.used_us(hour_us)
            if not self._shares.fits(link, airtime_us, used, band.budget_us, left=left):
                return Refused(Refusal.DUTY_CYCLE, _spent(band, used, link, airtime_us))
        return None


WITHOUT_ANSWER = (Priority.CLASS_B, Priority.CLASS_C)  # no device waits for these just now


def _spent(band: _Band, used: Mapping[str, int], link: str, asked_us: int) -> str:
    capacity = band.budget_us
    total = sum(used.values())
    kept = "" if total + asked_us > capacity else "; the rest is kept for others"
    return (
        f"{band.label}: {total / 1e6:.3f} s of {capacity / 1e6:.1f} s an hour are used "
        f"({used.get(link, 0) / 1e6:.3f} s by {link}), {asked_us / 1e6:.3f} s asked{kept}"
    )
