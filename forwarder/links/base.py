"""What the app needs from a link to a network server, whatever it speaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..packets import Answer, Downlink, Position, RadioCounters, Uplink

# A link hands a downlink over and is given the one answer to it, at once.
Schedule = Callable[[Downlink], Answer]


class GatewayFacts(Protocol):
    """What a link reads when it reports about the gateway."""

    @property
    def counters(self) -> RadioCounters: ...

    def temperature_c(self) -> float | None: ...

    def position(self) -> Position | None: ...


class Link(Protocol):
    """One server. Lives in the event loop; nothing it does waits for another link or the radio."""

    name: str

    async def run(self) -> None:
        """Stay connected until cancelled. Ends only by cancellation or a bug."""
        ...

    def uplink(self, uplink: Uplink) -> None:
        """Take one received frame; filters, queues and counts by itself. Never blocks."""
        ...

    def status(self) -> dict[str, object]:
        """Counters and state for logs, `--json` and the metrics; plain values."""
        ...
