"""What a server's filter would have done to a recording: tried frame by frame. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..lorawan.head import Head
from ..lorawan.net_id import least_net_id, network
from ..packets import Uplink
from .cost import uplink_cost
from .filters import NOISE, Filter, Heads, Reason
from .mqtt.settings import MqttSettings
from .semtech_udp.settings import UdpSettings

DAY_US = 86_400_000_000
SHORTEST_US = 60_000_000  # a shorter recording says nothing of a day


@dataclass(slots=True)
class Outcome:
    """One server's. `*_bytes` are on the wire, both ways. `kept_out` counts the addresses of what
    was dropped, by their kind.
    """

    server: str
    passed: int = 0
    passed_bytes: int = 0
    dropped_bytes: int = 0
    dropped: Counter[Reason] = field(default_factory=Counter)
    kept_out: dict[str, Counter[str]] = field(default_factory=dict)
    span_us: int = 0

    @property
    def frames(self) -> int:
        return self.passed + self.dropped.total()

    def a_day(self, size: int) -> int | None:
        """`size` bytes of the recording as bytes a day; None for a recording too short to tell."""
        return None if self.span_us < SHORTEST_US else round(size * DAY_US / self.span_us)

    def plain(self, most: int) -> dict[str, object]:
        """For `--json`; `most` addresses of each kind."""
        return {
            "server": self.server,
            "frames": self.frames,
            "passed": self.passed,
            "dropped": {reason.name: count for reason, count in self.dropped.most_common()},
            "passed_bytes": self.passed_bytes,
            "dropped_bytes": self.dropped_bytes,
            "passed_bytes_per_day": self.a_day(self.passed_bytes),
            "saved_bytes_per_day": self.a_day(self.dropped_bytes),
            "top": {kind: dict(seen.most_common(most)) for kind, seen in self.kept_out.items()},
        }


def try_out(settings: UdpSettings | MqttSettings, heard: Mapping[str, Sequence[Uplink]]) -> Outcome:
    """Give `heard`, by gateway, to one server's filter. Each gateway has a filter of its own."""
    outcome = Outcome(settings.name)
    for uplinks in heard.values():
        heads, times_us = Heads(), [uplink.frame.counter_us for uplink in uplinks]
        sieve = Filter(settings.feed, heads, settings.carries)
        for uplink in uplinks:
            cost = uplink_cost(settings, uplink)
            _count(outcome, sieve.refuses(uplink), cost, heads.of(uplink))
        outcome.span_us = max(outcome.span_us, max(times_us) - min(times_us))
    return outcome


def _count(outcome: Outcome, reason: Reason | None, cost: int, head: Head) -> None:
    if reason is None:
        outcome.passed += 1
        outcome.passed_bytes += cost
        return
    outcome.dropped[reason] += 1
    outcome.dropped_bytes += cost
    if reason not in NOISE:
        _note(outcome.kept_out, head)


def _note(kept_out: dict[str, Counter[str]], head: Head) -> None:
    for kind, text in _addresses(head):
        kept_out.setdefault(kind, Counter())[text] += 1


def _addresses(head: Head) -> Iterable[tuple[str, str]]:
    if head.dev_addr is not None:
        yield "dev_addr", f"{head.dev_addr:08x}"
        named = network(head.dev_addr)
        yield "net_id", "none" if named is None else f"{least_net_id(*named):06x}"
    if head.net_id is not None:
        yield "net_id", f"{head.net_id:06x}"
    if head.join_eui is not None:
        yield "join_eui", f"{head.join_eui:016x}"
    if head.dev_eui is not None:
        yield "dev_eui", f"{head.dev_eui:016x}"
