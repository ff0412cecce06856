"""What the small network server tells about its work. Values; pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Radio:
    """How a frame was heard: by `copies` gateways, and on `ghosts` more channels."""

    freq_hz: int
    sf: int | None
    bw_hz: int
    rssi_dbm: float
    snr_db: float
    copies: int = 1
    ghosts: int = 0


@dataclass(frozen=True, slots=True)
class JoinHeard:
    device: str
    dev_nonce: int
    radio: Radio


@dataclass(frozen=True, slots=True)
class JoinRefused:
    dev_eui: int
    why: str
    radio: Radio


@dataclass(frozen=True, slots=True)
class DownlinkSent:
    """`token` finds the gateway's answer; `kind` is what a person calls it."""

    device: str
    token: int
    kind: str
    window: int


@dataclass(frozen=True, slots=True)
class DownlinkAnswered:
    """The gateway's one answer; `error` is None when it will be sent."""

    device: str
    token: int
    kind: str
    window: int
    error: str | None


@dataclass(frozen=True, slots=True)
class DataHeard:
    """`missed` frames of this device did not come since the last; `repeat` was here before.

    With `sealed` the server has no AppSKey, and `payload` is ciphertext as it was on the air.
    """

    device: str
    fcnt: int
    fport: int | None
    payload: bytes
    confirmed: bool
    ack: bool
    missed: int
    repeat: bool
    radio: Radio
    commands: tuple[str, ...] = ()
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """A frame of nobody we know, or none at all."""

    why: str
    radio: Radio


ServerEvent = JoinHeard | JoinRefused | DownlinkSent | DownlinkAnswered | DataHeard | Unknown
