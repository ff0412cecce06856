"""What a simulated device tells about itself. Values; pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Joined:
    dev_addr: int
    tries: int
    took_s: float
    snr_db: float


@dataclass(frozen=True, slots=True)
class JoinMissed:
    """No join-accept in either window of try number `tries`."""

    tries: int


@dataclass(frozen=True, slots=True)
class Acked:
    fcnt: int
    tries: int


@dataclass(frozen=True, slots=True)
class Unacked:
    """A confirmed frame was given up after `tries`."""

    fcnt: int
    tries: int


@dataclass(frozen=True, slots=True)
class Downlinked:
    """A downlink for this device; `window` is 1 or 2."""

    fcnt: int
    fport: int | None
    payload: bytes
    window: int
    rssi_dbm: float
    snr_db: float
    ack: bool
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Ignored:
    """A frame in a window that was not for this device, or was damaged."""

    why: str


Event = Joined | JoinMissed | Acked | Unacked | Downlinked | Ignored
