"""What both of ChirpStack's dialects have in common: topics, and the retained state. No I/O."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from google.protobuf.message import Message as ProtobufMessage

from ...packets import Uplink
from ..base import RadioFacts
from ..mqtt.dialect import Message
from ..mqtt.settings import MqttSettings
from . import context
from .encoding import encode
from .topics import Topics


class ChirpstackGateway(ABC):
    """A gateway as ChirpStack knows it. Raises ValueError for topics that cannot serve.

    `prints_defaults`: its JSON has the fields that are zero or empty, too.
    """

    replays = True
    username = ""
    reconnects_with_radio = False
    prints_defaults = False

    def __init__(self, settings: MqttSettings, facts: RadioFacts) -> None:
        self._settings = settings
        self._facts = facts
        self._topics = Topics(settings)

    @property
    def subscriptions(self) -> Sequence[tuple[str, int]]:
        settings = self._settings
        qos = settings.qos if settings.command_qos is None else settings.command_qos
        return ((self._topics.commands, qos),)

    @property
    def client_id(self) -> str:
        """What certificates and access lists of ChirpStack's name a gateway by."""
        return self._settings.eui

    def will(self) -> Message | None:
        return self._state(online=False)

    def birth(self) -> Sequence[Message]:
        message = self._state(online=True)
        return (message,) if message else ()

    def farewell(self) -> Sequence[Message]:
        message = self._state(online=False)
        return (message,) if message else ()

    @abstractmethod
    def _state_payload(self, *, online: bool) -> bytes: ...

    def _state(self, *, online: bool) -> Message | None:
        if not self._topics.state:
            return None
        payload, retain = self._state_payload(online=online), self._settings.retain_state
        return Message(self._topics.state, payload, qos=self._settings.qos, retain=retain)

    def _event(self, event: str, message: ProtobufMessage) -> Message:
        payload = encode(message, as_json=self._settings.json, defaults=self.prints_defaults)
        return Message(self._topics.event(event), payload, qos=self._settings.qos)

    def _context(self, uplink: Uplink) -> bytes:
        session = uplink.session or self._facts.session or context.NO_SESSION
        return context.pack(uplink.frame.counter_us, session)
