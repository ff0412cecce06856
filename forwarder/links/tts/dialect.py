"""The Things Stack's gateway MQTT (v3), as `forwarder.links.mqtt.dialect.Dialect`. Pure.

Protobuf over four topics under `v3/UID`, where UID is the user name. The server keeps a clock of
the gateway for each connection, from the counters of uplinks as they come in: late frames would
spoil it, so none are sent, and after a restart of the radio a new connection starts it anew. It
closes a connection that says too much: of ours, reports and answers count too. Source:
lorawan-stack: pkg/gatewayserver/io/mqtt (mqtt.go, format_protobuf.go, topics/pb.go).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hal.gps.leap import LeapTable

from ...packets import Answer, Position, Refusal, Refused, Uplink
from ..mqtt.dialect import (
    Command,
    DownlinkRequest,
    ExecResult,
    Message,
    RawRequest,
    Report,
    Unreadable,
)
from ..mqtt.settings import MqttSettings
from . import down, up
from .gateway_pb2 import GatewayIdentifiers, TxAcknowledgment

# For a full queue, duty cycle and what is our own the protocol has no word.
RESULTS = {
    Refusal.TOO_LATE: TxAcknowledgment.TOO_LATE,
    Refusal.TOO_EARLY: TxAcknowledgment.TOO_EARLY,
    Refusal.COLLISION_PACKET: TxAcknowledgment.COLLISION_PACKET,
    Refusal.COLLISION_BEACON: TxAcknowledgment.COLLISION_BEACON,
    Refusal.FULL: TxAcknowledgment.UNKNOWN_ERROR,
    Refusal.TX_FREQ: TxAcknowledgment.TX_FREQ,
    Refusal.TX_POWER: TxAcknowledgment.TX_POWER,
    Refusal.GPS_UNLOCKED: TxAcknowledgment.GPS_UNLOCKED,
    Refusal.DUTY_CYCLE: TxAcknowledgment.UNKNOWN_ERROR,
    Refusal.LBT: TxAcknowledgment.UNKNOWN_ERROR,
    Refusal.DISABLED: TxAcknowledgment.UNKNOWN_ERROR,
    Refusal.UNREADABLE: TxAcknowledgment.UNKNOWN_ERROR,
    Refusal.RADIO: TxAcknowledgment.UNKNOWN_ERROR,
}


CLOUD = ".cloud.thethings.industries"  # TENANT.CLUSTER before it
NETWORK = ".cloud.thethings.network"
NETWORK_TENANT = "ttn"


def unique_id(settings: MqttSettings) -> str:
    """The gateway's name at the server, which is its user name; with the tenant, where the vendor's
    own servers want one and the configuration leaves it out.
    """
    name = settings.gateway_id or settings.username or f"eui-{settings.eui}"
    tenant = "" if "@" in name else _tenant(settings.addresses[0].host)
    return f"{name}@{tenant}" if tenant else name


def _tenant(host: str) -> str:
    if host.endswith(NETWORK):
        return NETWORK_TENANT
    labels = host.removesuffix(CLOUD).split(".")
    return labels[0] if host.endswith(CLOUD) and len(labels) == 2 else ""


def nowhere() -> Position | None:
    return None


class TtsDialect:
    """One gateway's. `version` is ours, shown in the console; `position` what to report."""

    def __init__(
        self,
        settings: MqttSettings,
        leaps: LeapTable,
        *,
        position: Callable[[], Position | None] = nowhere,
        version: str = "edgemast",
    ) -> None:
        self._settings = settings
        self._leaps = leaps
        self._position = position
        self._version = version
        self.uid = unique_id(settings)
        self._ids = GatewayIdentifiers(
            gateway_id=self.uid.partition("@")[0], eui=bytes.fromhex(settings.eui)
        )

    @property
    def subscriptions(self) -> Sequence[tuple[str, int]]:
        return () if self._settings.uplink_only else ((self._topic("down"), 0),)

    @property
    def client_id(self) -> str:
        return self.uid

    @property
    def username(self) -> str:
        return self.uid

    @property
    def replays(self) -> bool:
        return False

    @property
    def reconnects_with_radio(self) -> bool:
        return True

    def will(self) -> Message | None:
        return None  # version 3 of the topics has none

    def birth(self) -> Sequence[Message]:
        return ()

    def farewell(self) -> Sequence[Message]:
        return ()

    def uplink(self, uplink: Uplink, *, late: bool) -> Message | None:
        if late:
            return None
        message = up.uplink_message(uplink, self._ids, self._position(), self._leaps)
        return None if message is None else self._message("up", message.SerializeToString())

    def read(self, topic: str, payload: bytes, *, now_us: int | None) -> Command:
        if topic != self._topic("down"):
            return Unreadable(f"a message of {self._topic('down')} expected, not of {topic}")
        conducted = self._settings.feed.conducted
        return down.read(payload, self._settings.name, self._leaps, conducted=conducted)

    def answer(self, request: DownlinkRequest, answers: Sequence[Answer | None]) -> Message | None:
        """All of the request's correlation identifiers go back: one of them holds its number."""
        ids = request.reference
        if not isinstance(ids, tuple):
            raise TypeError(f"a request of this dialect expected, not {request}")
        result = _result(answers[0] if answers else None)
        message = TxAcknowledgment(correlation_ids=ids, result=result)
        return self._message("down/ack", message.SerializeToString())

    def report(self, report: Report) -> Message | None:
        message = up.status_message(report, self._version)
        return self._message("status", message.SerializeToString())

    def exec_result(self, result: ExecResult) -> Message | None:
        return None  # nothing asks for one here

    def raw_result(self, request: RawRequest, output: bytes) -> Message | None:
        return None  # nor for this

    def _topic(self, kind: str) -> str:
        return f"v3/{self.uid}/{kind}"

    def _message(self, kind: str, payload: bytes) -> Message:
        return Message(self._topic(kind), payload, self._settings.qos)


def _result(answer: Answer | None) -> TxAcknowledgment.Result:
    if answer is None:
        return TxAcknowledgment.UNKNOWN_ERROR
    return RESULTS[answer.reason] if isinstance(answer, Refused) else TxAcknowledgment.SUCCESS
