"""Does a broker let us in and let us listen? The link's own client asks, and says nothing.

Name, TCP, TLS, CONNACK and SUBACK: a session without its command topic is of no use. No will is
left and nothing is published, so that no server takes the doctor for the gateway.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace

from ..config.links import NO_EUI
from ..errors import ConfigError
from ..links.meter import Meter
from ..links.mqtt.dialect import Dialect
from ..links.mqtt.path import BrokerPath
from ..links.mqtt.profiles import make_dialect
from ..links.mqtt.session import Timing
from ..links.mqtt.settings import MqttSettings
from ..packets import Position, RadioCounters
from ..scheduling.regulation import BandLoad
from .case import Case
from .network import lifetime
from .values import Finding, Verdict, fail, ok

TRY_S = 3.5
LOOK_S = 0.02
QUICK = Timing(dial_s=3.0, answer_s=2.0, first_ceiling_s=0.1, first_refused_s=0.1, clock_s=0.1)


@dataclass(frozen=True, slots=True)
class NoRadio:
    """What a dialect may ask of a gateway whose radio nobody has started."""

    eui: str
    counters: RadioCounters = field(default_factory=RadioCounters)
    session: bytes = bytes(4)
    model: str = ""
    started_s: float = 0.0

    def band_loads(self) -> list[BandLoad]:
        return []

    def radio_words(self) -> str:
        return ""

    def now_us(self) -> int | None:
        return None

    def temperature_c(self) -> float | None:
        return None

    def position(self) -> Position | None:
        return None


class Watch:
    """Whom the path tells that it stands."""

    stands = False

    def opened(self, quota: int | None) -> None:
        self.stands = True

    def closed(self) -> None: ...
    def message(self, topic: str, payload: bytes, *, retained: bool) -> None: ...
    def published(self, number: int, *, code: int, name: str) -> None: ...


def broker_lets_in(settings: MqttSettings, eui: str, case: Case) -> Finding:
    """The first of the addresses that lets us in and listen; else what the last one said."""
    if settings.eui == NO_EUI:
        settings = replace(settings, eui=eui)
    try:
        dialect = make_dialect(settings, NoRadio(settings.eui))
    except ConfigError as error:
        return fail(str(error), "a server of type mqtt that can be spoken to")
    return asyncio.run(_try(settings, dialect))


async def _try(settings: MqttSettings, dialect: Dialect) -> Finding:
    watch = Watch()
    path = BrokerPath(
        settings,
        watch,
        client_id=settings.client_id or dialect.client_id,
        username=settings.username or dialect.username,
        will=lambda: None,
        topics=tuple(dialect.subscriptions),
        meter=Meter(),
        timing=QUICK,
    )
    keeping = asyncio.create_task(path.keep())
    with suppress(TimeoutError):
        async with asyncio.timeout(TRY_S):
            # Each address once: what refuses us now refuses us in a second too.
            while not watch.stands and path.failures < len(settings.addresses):
                await asyncio.sleep(LOOK_S)
    status = path.status()
    path.drop(politely=True)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    return _told(settings, path.days_left(), status, stands=watch.stands)


def _told(
    settings: MqttSettings, days: dict[str, float], status: dict[str, object], *, stands: bool
) -> Finding:
    broker = status["broker"]
    if not stands:
        return fail(
            f"{broker}: {status['trouble'] or 'no answer'}",
            "to be let in, and to read the command topic",
            next="edgemast run --log-level debug with the same configuration",
        )
    text = f"{broker} let us in and lets us read the commands"
    if not str(broker).startswith(("mqtts", "wss")):
        return ok(f"{text}; without TLS everybody on the way reads along")
    left = lifetime(str(broker), days.get("broker"))
    return ok(f"{text}; {left.read}") if left.verdict is Verdict.OK else left
