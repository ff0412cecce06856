"""Class B beacons: their bytes, their seconds and channels, and what became of each. Pure.

    RFU | GPS seconds:4 | CRC:2 | info:1 latitude:3 longitude:3 | RFU | CRC:2     little-endian

Source: LoRaWAN 1.0.4 section 15, the lengths per data rate from the Regional Parameters; rules as
in Semtech's forwarder (sx1302_hal: thread_down). A beacon is started by the PPS edge itself, and
the concentrator's start delay, about 1.5 ms, is the TBeaconDelay that devices expect. Nothing but
GPS time with PPS is good enough: by NTP, ping slots would be milliseconds off, and a server's class
B downlinks would be timed by another clock than the beacons.
"""

from __future__ import annotations

from binascii import crc_hqx
from collections import Counter
from dataclasses import dataclass

from hal.modulation import LoRa

from ..config.model import BeaconSettings
from ..packets import Answer, AtBeacon, Downlink, Position, Refused

LINK = "beacon"  # the name that beacons go by among the links
AHEAD = 3  # beacons in the queue, so that a downlink which would collide is refused early
LEAD_S = 1  # a beacon nearer than this is not begun any more
PREAMBLE = 10  # symbols
RFU = {8: (1, 3), 9: (2, 0), 10: (3, 1), 12: (5, 3)}  # bytes before the time and behind the place
HALF_CIRCLE = 1 << 23  # 90 degrees of latitude, 180 of longitude
NO_PLACE = Position(0.0, 0.0, 0)


def payload(gps_s: int, sf: int, info: int, place: Position) -> bytes:
    """A beacon's bytes. `sf` is 8, 9, 10 or 12."""
    before, behind = RFU[sf]
    network = bytes(before) + (gps_s & 0xFFFFFFFF).to_bytes(4, "little")
    gateway = (
        bytes((info,))
        + _coordinate(place.latitude_deg / 90)
        + _coordinate(place.longitude_deg / 180)
        + bytes(behind)
    )
    return network + _crc(network) + gateway + _crc(gateway)


def _crc(part: bytes) -> bytes:
    """CRC-16 with polynomial 0x1021 and start value 0."""
    return crc_hqx(part, 0).to_bytes(2, "little")


def _coordinate(fraction: float) -> bytes:
    """Of a half circle, in 24 bits, cut towards zero; +90 degrees are a little less."""
    value = max(-HALF_CIRCLE, min(int(fraction * HALF_CIRCLE), HALF_CIRCLE - 1))
    return value.to_bytes(3, "little", signed=True)


def channel_hz(settings: BeaconSettings, gps_s: int) -> int:
    """Where the beacon of a second is sent; regions with several channels hop by the period."""
    return settings.freq_hz + gps_s // settings.period_s % settings.channels * settings.step_hz


def request(settings: BeaconSettings, gps_s: int, place: Position) -> Downlink:
    """The beacon of a second, for the scheduler."""
    return Downlink(
        link=LINK,
        token=gps_s // settings.period_s & 0xFFFF,
        when=AtBeacon(gps_s),
        payload=payload(gps_s, settings.sf, settings.info_descriptor, place),
        freq_hz=channel_hz(settings, gps_s),
        modulation=LoRa(settings.sf, settings.bw_hz, 1),
        power_dbm=settings.power_dbm,
        preamble=PREAMBLE,
        crc=False,
        implicit_header=True,
        conducted=True,
    )


@dataclass(frozen=True, slots=True)
class GpsNow:
    """What a plan has to know of the time: the GPS second, or why there is none."""

    gps_s: int | None
    why: str = ""


class BeaconPlan:
    """Which beacons are asked for, and the account of them.

    Every period ends as sent or as skipped with a reason. Ask `next` again and again, and tell what
    was `answered` to each; `ended` comes later.
    """

    def __init__(self, settings: BeaconSettings) -> None:
        self.settings = settings
        self.sent = 0
        self.skipped: Counter[str] = Counter()
        self._decided_s = 0  # the last second that was asked for
        self._queued: set[int] = set()
        self._last_sent_s: int | None = None
        self._last_skip = ""
        self._why = "the gateway has just started"
        self._without_since_s: float | None = None

    def next(self, now: GpsNow, now_s: float, place: Position) -> Downlink | None:
        """The next beacon to ask for, if one is wanted now. `now_s` is monotonic."""
        self._why = now.why
        if now.gps_s is None:
            self._count_without(now.why, now_s)
            return None
        self._without_since_s = None
        period_s = self.settings.period_s
        soonest_s = -(-(now.gps_s + LEAD_S + 1) // period_s) * period_s
        gps_s = max(soonest_s, self._decided_s + period_s)
        if gps_s > now.gps_s + AHEAD * period_s or len(self._queued) >= AHEAD:
            return None
        return request(self.settings, gps_s, place)

    def answered(self, beacon: Downlink, answer: Answer) -> None:
        """What the scheduler said to it. One that is refused is not asked for again."""
        gps_s = second(beacon)
        self._decided_s = gps_s
        if isinstance(answer, Refused):
            self._skip(answer.reason.name)
        else:
            self._queued.add(gps_s)

    def ended(self, beacon: Downlink, why: str, *, again: bool = False) -> None:
        """An accepted beacon was sent (no `why`) or not; `again`: it may be asked for anew."""
        gps_s = second(beacon)
        self._queued.discard(gps_s)
        if again:
            self._decided_s = min(self._decided_s, gps_s - self.settings.period_s)
        elif why:
            self._skip(why)
        else:
            self.sent += 1
            self._last_sent_s, self._last_skip = gps_s, ""

    def _count_without(self, why: str, now_s: float) -> None:
        """Periods that pass without a time reference, and with nothing queued to tell of them."""
        if self._queued or self._without_since_s is None:
            self._without_since_s = now_s
        elif now_s - self._without_since_s >= self.settings.period_s:
            self._without_since_s += self.settings.period_s
            self._skip("GPS_UNLOCKED")

    def _skip(self, why: str) -> None:
        self.skipped[why] += 1
        self._last_skip = why

    def words(self) -> str:
        """The state in plain words, one line."""
        skipped = sum(self.skipped.values())
        reasons = ", ".join(f"{why} {count}" for why, count in self.skipped.most_common())
        text = f"beacons: {self.sent} sent, {skipped} skipped" + (
            f" ({reasons})" if reasons else ""
        )
        if self._why:
            return f"{text}; none is being sent: {self._why}"
        return f"{text}; {len(self._queued)} queued"

    def status(self) -> dict[str, object]:
        """Plain values for `--json`, the page and the metrics."""
        return {
            "period_s": self.settings.period_s,
            "sent": self.sent,
            "skipped": dict(self.skipped),
            "queued_gps_s": sorted(self._queued),
            "last_sent_gps_s": self._last_sent_s,
            "last_skip": self._last_skip,
            "why_none": self._why,
            "words": self.words(),
        }


def second(beacon: Downlink) -> int:
    """The GPS second of a beacon's request. Raises TypeError for any other downlink."""
    if not isinstance(beacon.when, AtBeacon):
        raise TypeError(f"{beacon.when} is no beacon's time")
    return beacon.when.gps_s
