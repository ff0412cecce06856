"""Gateways without radios: the real link, dialect and keeper of each, in one event loop."""

from __future__ import annotations

import logging
import re
import socket
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from forwarder.links.mqtt import client
from forwarder.links.mqtt.dial import dial
from forwarder.links.mqtt.link import MqttLink
from forwarder.links.mqtt.profiles import make_dialect
from forwarder.links.mqtt.settings import BrokerAddress, MqttSettings
from forwarder.links.settings import OutagePolicy, OutageSettings
from forwarder.packets import Accepted, Answer, Downlink, Position, RadioCounters, Uplink
from forwarder.scheduling.regulation import BandLoad
from forwarder.spool.courier import KeepingCourier
from forwarder.spool.keeper import FIRST_NUMBER
from forwarder.spool.uplinks import Uplinks
from hal.frames import Crc, RxFrame
from hal.modulation import LoRa

DEVICES = 16  # a gateway: frames of one device wait for each other, of others not
SIZE = 33  # bytes of a frame
ENDED_FIELDS = 4  # of path.py's line about an end: server, state, words, pause
EUI = re.compile(r"0016c001[0-9a-f]{8}")
NUMBER = re.compile(r"[0-9.]*[0-9]")


@dataclass
class Facts:
    """What a gateway tells its link."""

    counters: RadioCounters = field(default_factory=RadioCounters)
    session: bytes = b"1234"
    model: str = "SX1303"
    started_s: float = 0.0

    def temperature_c(self) -> float | None:
        return 40.0

    def position(self) -> Position | None:
        return None

    def now_us(self) -> int | None:
        return time.monotonic_ns() // 1000

    def band_loads(self) -> Sequence[BandLoad]:
        return ()

    def radio_words(self) -> str:
        return "up"


def uplink(number: int) -> Uplink:
    """A data frame of one of the gateway's devices that carries `number`."""
    device, fcnt = number % DEVICES, number // DEVICES
    head = b"\x40" + (0x26000000 + device).to_bytes(4, "little") + b"\0"
    head += (fcnt & 0xFFFF).to_bytes(2, "little") + b"\x01" + number.to_bytes(8, "little")
    now_us = time.monotonic_ns() // 1000
    body = head + bytes(SIZE - len(head))
    frame = RxFrame(body, now_us, 868_100_000, LoRa(7), Crc.OK, 1, 0, 2, -60.5, -61.0, 9.25, -120)
    return Uplink(frame)


class Gateway:
    """One of them: between its keeper and its link, looking on. `taken`: numbers a broker has."""

    def __init__(self, settings: MqttSettings, waits: list[tuple[float, float]]) -> None:
        self.eui = settings.eui
        self.taken: set[int] = set()
        self.received = 0
        self.is_up = False
        self._waits = waits  # of all gateways: when a frame was acknowledged, after how long
        self._sent: dict[int, float] = {}
        outage = OutageSettings(OutagePolicy.REPLAY, disk_mb=0)
        self._keeper = KeepingCourier(settings.name, outage, Uplinks())
        facts = Facts()
        dialect = make_dialect(settings, facts)
        self.link = MqttLink(settings, facts, _no_downlinks, dialect, courier=self)
        self._keeper.attach(self)

    @property
    def waiting(self) -> int:
        return self._keeper.at_risk

    @property
    def dropped(self) -> int:
        dropped = self._keeper.status()["dropped"]
        assert isinstance(dropped, dict)
        return sum(dropped.values())

    def receive(self) -> None:
        """One frame from the air."""
        self._keeper.put(uplink(self.received))
        self.received += 1

    # Outlet.

    def send(self, number: int, uplink: Uplink, *, late: bool) -> bool:
        self._sent[number] = time.monotonic()
        return self.link.send(number, uplink, late=late)

    # Courier.

    def opened(self) -> None:
        self.is_up = True
        self._keeper.opened()

    def closed(self) -> None:
        self.is_up = False
        self._keeper.closed()

    def acknowledged(self, number: int) -> None:
        now = time.monotonic()
        self.taken.add(number - FIRST_NUMBER)
        self._waits.append((now, now - self._sent.pop(number, now)))
        self._keeper.acknowledged(number)

    def metadata(self) -> Mapping[str, str]:
        return self._keeper.metadata()


class Attempts:
    """When links began to connect, on the monotonic clock."""

    def __init__(self) -> None:
        self.at_s: list[float] = []  # appending is atomic: links connect in threads

    def watch(self) -> None:
        """From now on, for the life of this process."""

        def counted(
            address: BrokerAddress, *, turn: int, limit_s: float, silence_s: float
        ) -> socket.socket:
            self.at_s.append(time.monotonic())
            return dial(address, turn=turn, limit_s=limit_s, silence_s=silence_s)

        vars(client)["dial"] = counted

    def between(self, first_s: float, last_s: float) -> int:
        return sum(first_s <= at_s < last_s for at_s in self.at_s)

    def by_second(self, began_s: float) -> Counter[int]:
        """How many in each second after `began_s`."""
        return Counter(int(at_s - began_s) for at_s in self.at_s if at_s >= began_s)


class Troubles(logging.Handler):
    """What links say of their ends and failed tries, counted instead of written."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def watch(self) -> None:
        log = logging.getLogger("forwarder.links.mqtt")
        log.addHandler(self)
        log.setLevel(logging.DEBUG)
        log.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.args, tuple) and len(record.args) == ENDED_FIELDS:
            _, state, words, _ = record.args
            self.counts[NUMBER.sub("N", EUI.sub("EUI", f"{state}: {words}"))] += 1


def fleet(
    count: int, brokers: Sequence[BrokerAddress], waits: list[tuple[float, float]]
) -> list[Gateway]:
    """Each begins with another broker and has the others to go to."""
    made = []
    for number in range(count):
        first = number % len(brokers)
        settings = MqttSettings(
            name=f"gateway{number}",
            addresses=(*brokers[first:], *brokers[:first]),
            eui=f"0016c001{number:08x}",
            topic_prefix="eu868",
            command_qos=0,
        )
        made.append(Gateway(settings, waits))
    return made


def _no_downlinks(downlink: Downlink) -> Answer:
    return Accepted(0, 14.0, False, None)
