"""What a simulated device is: identity, keys, habits. Values; pure."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import Enum

from ..lorawan.keys import SessionKeys
from ..lorawan.region import Region

S = 1_000_000_000
COUNTED_NONCES = ("1.0.4", "1.1")  # versions whose DevNonce is a counter


class TrafficKind(Enum):
    PERIODIC = "periodic"
    POISSON = "poisson"
    BURST = "burst"


@dataclass(frozen=True, slots=True)
class Traffic:
    """When new frames come: every `every_s` (a mean for POISSON), `jitter_s` around it.

    A BURST is `frames` of them, `gap_s` apart, every `every_s`.
    """

    kind: TrafficKind = TrafficKind.PERIODIC
    every_s: float = 600.0
    jitter_s: float = 0.0
    frames: int = 1
    gap_s: float = 5.0

    def first_ns(self, now_ns: int, rng: random.Random) -> int:
        """The first frame after a join: soon, as a sensor shows itself when installed."""
        return now_ns + round(rng.uniform(0.5, min(3.0, self.every_s)) * S)

    def next_ns(self, after_ns: int, rng: random.Random) -> int:
        match self.kind:
            case TrafficKind.POISSON:
                gap_s = rng.expovariate(1 / self.every_s)
            case TrafficKind.BURST:
                last = rng.randrange(self.frames) == 0
                gap_s = self.every_s if last else self.gap_s
            case TrafficKind.PERIODIC:
                gap_s = self.every_s + rng.uniform(-self.jitter_s, self.jitter_s)
        return after_ns + max(1, round(gap_s * S))


class PayloadKind(Enum):
    COUNTER = "counter"
    RANDOM = "random"
    TEMPERATURE = "temperature"


@dataclass(frozen=True, slots=True)
class Payload:
    """What the frames carry. TEMPERATURE is 4 bytes: `encode_reading`."""

    kind: PayloadKind = PayloadKind.COUNTER
    size: int = 12
    fport: int = 1

    def make(self, reading: int, rng: random.Random) -> bytes:
        match self.kind:
            case PayloadKind.COUNTER:
                return (
                    reading.to_bytes(8, "big").lstrip(b"\0").rjust(self.size, b"\0")[-self.size :]
                )
            case PayloadKind.RANDOM:
                return rng.randbytes(self.size)
            case PayloadKind.TEMPERATURE:
                return encode_reading(rng.gauss(19.0, 0.4), rng.uniform(35, 65), 3.3)


def encode_reading(celsius: float, humidity: float, volts: float) -> bytes:
    """Hundredths of a degree (signed, two bytes), half per cents, fiftieths of a volt."""
    hundredths = max(-0x8000, min(0x7FFF, round(celsius * 100)))
    rest = bytes([round(humidity * 2) & 0xFF, round(volts * 50) & 0xFF])
    return hundredths.to_bytes(2, "big", signed=True) + rest


def decode_reading(payload: bytes) -> tuple[float, float, float] | None:
    """Degrees Celsius, per cent, volts; None if it is no such payload."""
    if len(payload) != 4:
        return None
    celsius = int.from_bytes(payload[:2], "big", signed=True) / 100
    return celsius, payload[2] / 2, payload[3] / 50


@dataclass(frozen=True, slots=True, repr=False)
class DeviceSpec:
    """One device. `session` is set for ABP. `dr` None is the fastest. No repr: keys inside."""

    name: str
    dev_eui: int
    join_eui: int
    app_key: bytes
    region: Region
    at: tuple[float, float, float] = (0.0, 0.0, 1.0)
    dev_addr: int = 0
    session: SessionKeys | None = None
    mac_version: str = "1.0.4"
    channels: frozenset[int] | None = None
    dr: int | None = None
    adr: bool = False
    tx_power_dbm: float | None = 14.0
    confirmed: float = 0.0
    max_tries: int = 8
    payload: Payload = field(default_factory=Payload)
    traffic: Traffic = field(default_factory=Traffic)
    crystal_ppm: float = 0.0
    duty_cycle: float = 0.01
    start_s: float | None = None  # after the scenario's start; None: at random within a period

    @property
    def nonce_counts(self) -> bool:
        return self.mac_version in COUNTED_NONCES
