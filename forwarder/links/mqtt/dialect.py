"""What an MQTT link needs of the dialect that its server speaks. Values and interfaces; pure.

A dialect turns uplinks, answers and reports into messages and what the broker brings into commands.
It keeps no connection, no clock and no queue: link.py has those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ...packets import Answer, Downlink, Position, Refused, Uplink
from ...scheduling.regulation import BandLoad


@dataclass(frozen=True, slots=True)
class Message:
    """One publish."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


@dataclass(frozen=True, slots=True)
class DownlinkRequest:
    """What a server wants sent: the first of `items` that finds its place goes out.

    An item that could not be understood is its refusal already. `key` tells repeats of one request
    (an MQTT redelivery) from new ones; `reference` is the dialect's own, for the answer.
    """

    key: bytes
    items: tuple[Downlink | Refused, ...]
    reference: object


@dataclass(frozen=True, slots=True)
class ExecRequest:
    """Run the command that the configuration lists as `name`; only where it lists any."""

    name: str
    exec_id: int
    stdin: bytes
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What became of it. `error` is empty when it ended with 0."""

    exec_id: int
    stdout: bytes
    stderr: bytes
    error: str


@dataclass(frozen=True, slots=True)
class ChannelPlanPushed:
    """A server's channel plan; `version` is echoed in the statistics (`config_version` of their
    metadata) once it is dealt with.

    `stat_interval_s` is how often it wants reports while the plan is in force; None: as before.
    `fault` says why it cannot be this gateway's plan, which has no channels then. Its version is
    echoed all the same, or the server would send it again after every report.
    """

    version: str
    stat_interval_s: float | None
    multi_sf_hz: tuple[int, ...]
    lora_std: tuple[int, int, int] | None = None  # frequency Hz, bandwidth Hz, spreading factor
    fsk: tuple[int, int, int] | None = None  # frequency Hz, bandwidth Hz, bit/s
    fault: str = ""


@dataclass(frozen=True, slots=True)
class RawRequest:
    """Bytes for the one program that the configuration names for them (`raw_command`).

    `raw_id` is the dialect's own, for the answer.
    """

    payload: bytes
    raw_id: bytes = b""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that no server may send; counted and told, at most once a minute."""

    detail: str


Command = DownlinkRequest | ExecRequest | ChannelPlanPushed | RawRequest | Unreadable


@dataclass(frozen=True, slots=True)
class Report:
    """What a statistics message is made of: increments since the last one that was published.

    `utc_ns` is None while the clock is not to be trusted. Frequencies are Hz; modulations are the
    values of hal.modulation, and answers are counted by the names of `Refusal`, and "OK".
    `metadata` are free words for people. `loads` are the bands whose
    duty cycle is limited, with what the last hour used of it.
    """

    utc_ns: int | None
    boot_utc_ns: int | None
    position: Position | None
    rx_received: int
    rx_ok: int
    tx_received: int
    tx_emitted: int
    rx_per_frequency: Mapping[int, int] = field(default_factory=dict)
    tx_per_frequency: Mapping[int, int] = field(default_factory=dict)
    rx_per_modulation: Mapping[object, int] = field(default_factory=dict)
    tx_per_modulation: Mapping[object, int] = field(default_factory=dict)
    tx_per_answer: Mapping[str, int] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    loads: Sequence[BandLoad] = ()


class Dialect(Protocol):
    """One server's language. Pure: the link gives it times, nonces and counters."""

    @property
    def subscriptions(self) -> Sequence[tuple[str, int]]:
        """Topic filters and QoS without which a connection is of no use."""
        ...

    @property
    def client_id(self) -> str:
        """The client identifier where the configuration gives none."""
        ...

    @property
    def username(self) -> str:
        """Who to log in as where the configuration names nobody; "" for nobody."""
        ...

    @property
    def replays(self) -> bool:
        """Whether this server may be sent frames of an outage afterwards."""
        ...

    @property
    def reconnects_with_radio(self) -> bool:
        """Whether a restarted radio needs a new connection: the server's clock of it is of one."""
        ...

    def will(self) -> Message | None: ...

    def birth(self) -> Sequence[Message]:
        """What is said when the connection stands, subscriptions and all."""
        ...

    def farewell(self) -> Sequence[Message]:
        """What is said before we leave on purpose."""
        ...

    def uplink(self, uplink: Uplink, *, late: bool) -> Message | None:
        """None for a frame that this protocol cannot carry."""
        ...

    def read(self, topic: str, payload: bytes, *, now_us: int | None) -> Command:
        """Whatever the broker brought; never raises for what it holds."""
        ...

    def answer(self, request: DownlinkRequest, answers: Sequence[Answer | None]) -> Message | None:
        """One answer for each item, None for those that were not tried."""
        ...

    def report(self, report: Report) -> Message | None: ...

    def exec_result(self, result: ExecResult) -> Message | None: ...

    def raw_result(self, request: RawRequest, output: bytes) -> Message | None: ...
