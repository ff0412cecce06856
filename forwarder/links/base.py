"""What the app needs from a link to a network server, whatever it speaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from ..packets import Answer, Downlink, Position, RadioCounters, Uplink
from ..scheduling.regulation import BandLoad

# A link hands a downlink over and is given the one answer to it, at once.
T_contra = TypeVar("T_contra", contravariant=True)

Schedule = Callable[[Downlink], Answer]


class GatewayFacts(Protocol):
    """What a link reads when it reports about the gateway."""

    @property
    def counters(self) -> RadioCounters: ...

    def temperature_c(self) -> float | None: ...

    def position(self) -> Position | None: ...


class RadioFacts(GatewayFacts, Protocol):
    """What a link reads whose messages speak of the concentrator's own time."""

    def now_us(self) -> int | None:
        """The concentrator's unwrapped line now; None while there is no radio."""
        ...

    @property
    def session(self) -> bytes:
        """Four bytes drawn anew at each start of the radio: a counter beside them is of it."""
        ...

    def band_loads(self) -> Sequence[BandLoad]:
        """The bands whose duty cycle is limited, with what the last hour used of it."""
        ...

    def radio_words(self) -> str:
        """How the radio is, for people: up, or why not."""
        ...

    @property
    def model(self) -> str:
        """The concentrator's, empty before the radio's first start."""
        ...

    @property
    def started_s(self) -> float:
        """When this process started, seconds since 1970 by the host's clock."""
        ...


class Outlet(Protocol[T_contra]):
    """A link as the keeper of its uplinks (spool/) uses it; a sink, of its records."""

    def send(self, number: int, item: T_contra, /, *, late: bool) -> bool:
        """Let one frame leave now; whether it did. `late`: it waited for an outage to end.

        What left is told by `Courier.acknowledged(number)` when the server has it.
        """
        ...


class Courier(Protocol):
    """What a link tells the keeper of its uplinks."""

    def opened(self) -> None:
        """The server can be reached: what waits may go."""
        ...

    def closed(self) -> None:
        """It cannot; what was not acknowledged goes again after `opened`."""
        ...

    def acknowledged(self, number: int) -> None:
        """The server (or its broker) has taken the frame `number`."""
        ...

    def metadata(self) -> Mapping[str, str]:
        """What a report may say of uplinks that wait or were lost; empty if there are none."""
        ...


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
