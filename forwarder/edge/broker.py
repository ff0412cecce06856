"""A connection to an MQTT broker that is made again for as long as it is wanted."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable

import aiomqtt

from ..backoff import backoff
from ..errors import ConfigError
from ..files.token_file import read_token
from .sources.settings import BrokerSettings

log = logging.getLogger(__name__)

CONNECT_S = 15.0
STEADY_S = 60.0  # a connection that lived this long starts with short pauses again
REFUSED = 0x80  # and above: a subscription that the broker did not grant
QUEUE = 1000  # messages that wait to be read; more are dropped

Session = Callable[[aiomqtt.Client], Awaitable[None]]


class Broker:
    """`run` a session on every connection. `pause` is how to wait between tries.

    `connected` is for the session to set when it stands, and is cleared when it ends. Raises
    ConfigError for files that cannot be used.
    """

    def __init__(
        self,
        name: str,
        settings: BrokerSettings,
        *,
        will: aiomqtt.Will | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.connected = asyncio.Event()
        self._name = name
        self._settings = settings
        self._will = will
        self._pause = pause
        file = settings.password_file
        self._password = read_token(file, f"{name} password") if file else None
        self._tls = client_context(settings)
        self._counts = {"connections": 0, "failures": 0}
        self._trouble = ""

    async def run(self, session: Session) -> None:
        loop = asyncio.get_running_loop()
        pauses = backoff()
        while True:
            started_s = loop.time()
            try:
                async with self._client() as client:
                    await session(client)
            except (aiomqtt.MqttError, OSError) as error:
                self._failed(error)
            finally:
                self.connected.clear()
            if loop.time() - started_s > STEADY_S:
                pauses = backoff()
            await self._pause(next(pauses))

    def stands(self) -> None:
        """The session has all it needs."""
        self._counts["connections"] += 1
        self._trouble = ""
        self.connected.set()
        log.info("%s: connected to %s", self._name, self._settings.server)

    def status(self) -> dict[str, object]:
        state = "connected" if self.connected.is_set() else "connecting"
        return {"state": state, "trouble": self._trouble, **self._counts}

    def _client(self) -> aiomqtt.Client:
        """A new one for every try, with nothing left of the last."""
        host, port = self._settings.address
        return aiomqtt.Client(
            host,
            port,
            username=self._settings.username or None,
            password=self._password,
            identifier=self._settings.client_id or None,
            clean_session=not self._settings.client_id,
            keepalive=self._settings.keepalive_s,
            timeout=CONNECT_S,
            tls_context=self._tls,
            will=self._will,
            max_queued_incoming_messages=QUEUE,
        )

    def _failed(self, error: Exception) -> None:
        self._counts["failures"] += 1
        words = str(error) or type(error).__name__
        # Once for every new reason: a broker that is away for a day is one line.
        level = logging.DEBUG if words == self._trouble else logging.WARNING
        self._trouble = words
        log.log(level, "%s: no connection to %s: %s", self._name, self._settings.server, words)


async def subscribe(client: aiomqtt.Client, topic: str) -> None:
    """Without its subscriptions a connection is of no use: a refusal ends it."""
    for code in await client.subscribe(topic, qos=1):
        if (code if isinstance(code, int) else code.value) >= REFUSED:
            raise aiomqtt.MqttError(
                f"the broker refuses the subscription to {topic}; may this user read it?"
            )


def client_context(settings: BrokerSettings) -> ssl.SSLContext | None:
    """TLS as the settings say, None without. Certificates and names are always checked.

    Raises ConfigError.
    """
    if not settings.tls:
        return None
    try:
        context = ssl.create_default_context(cafile=settings.ca_file or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file)
    except (OSError, ValueError) as error:
        names = ", ".join(filter(None, (settings.ca_file, settings.cert_file)))
        raise ConfigError(f"mqtt: the certificates in {names} cannot be used: {error}") from None
    return context
