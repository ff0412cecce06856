"""The state of a gateway as plain values: what the state file, the page, metrics and doctor show.

One shape for all of them, made on demand. Keys only ever come to it; nothing secret is in it.
"""

from __future__ import annotations

import time
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hal.modulation import Cw, Fsk, LoRa, words

from ..packets import Position, RadioCounters
from ..version import VERSION
from .recent import changes

if TYPE_CHECKING:
    from ..app import Gateway
    from .recent import Recent

State = dict[str, object]
FORMAT = 1  # rises when a key changes its meaning


def snapshot(gateway: Gateway) -> State:
    """Everything that can be seen of `gateway` now."""
    config = gateway.config
    return {
        "format": FORMAT,
        "version": VERSION,
        "at": _iso(time.time()),
        "started": _iso(gateway.started_s),
        "uptime_s": round(gateway.host_us() / 1e6 - gateway.born_us / 1e6),
        "eui": gateway.eui or None,
        "board": config.board,
        "region": config.region,
        "config": str(config.path),
        "warnings": list(config.warnings),
        "radio": _radio(gateway),
        "position": _position(gateway.position()),
        "gps": gateway.time.state.as_dict(),
        "beacons": None if gateway.beacons is None else gateway.beacons.plan.status(),
        "downlinks": {
            "silence": gateway.scheduler.silence or None,
            **gateway.scheduler.status(gateway.host_us()),
        },
        "listening": _listening(gateway),
        "spectrum": gateway.spectrum.state(gateway.host_us() * 1000),
        "links": [link.status() for link in gateway.uplinks.links],
        "spool": None if gateway.spool is None else gateway.spool.status(),
        "record_spool": None if gateway.record_spool is None else gateway.record_spool.status(),
        "local": [observer.status() for observer in gateway.uplinks.observers],
        "events": changes(gateway.watching.recent),
        "frames": _frames(gateway.watching.recent),
    }


def _frames(recent: Recent) -> list[State]:
    """The latest frames, newest first."""
    if not recent.frames:
        return []
    from .frame_words import plain  # it takes the LoRaWAN codec along

    return [plain(frame) for frame in reversed(recent.frames)]


def _radio(gateway: Gateway) -> State:
    radio = gateway.radio
    return {
        "state": "up" if radio.up else "starting" if not gateway.ready.is_set() else "down",
        "trouble": gateway.radio_trouble or None,
        "uri": gateway.config.radio_uri,
        "model": gateway.model or None,
        "session": radio.session,
        "temperature_c": radio.temperature_c,
        "hearing": gateway.hearing.status(),
        "recovery": dict(radio.recovery.steps),
        "failures": [
            {
                "age_s": gateway.host_us() // 1_000_000 - failure.at_ns // 1_000_000_000,
                "reason": failure.reason,
                "registers": failure.registers,
            }
            for failure in tuple(radio.failures)
        ],
        "reasons": dict(radio.recovery.reasons),
        **counters(gateway.counters),
    }


def _listening(gateway: Gateway) -> list[State]:
    """What listening before talking found, by channel; empty where nobody listens."""
    return [
        {"freq_hz": freq_hz, "bw_hz": bw_hz, **asdict(count)}
        for (freq_hz, bw_hz), count in sorted(gateway.radio.listening.items())
    ]


def counters(radio: RadioCounters) -> State:
    """The radio's counters; what they are counted by is text."""
    found: State = {}
    for field in fields(radio):
        value = getattr(radio, field.name)
        if isinstance(value, dict):
            value = {_key(key): count for key, count in value.items()}
        found[field.name] = value
    return found


def _key(key: object) -> str:
    return words(key) if isinstance(key, LoRa | Fsk | Cw) else str(key)


def _position(position: Position | None) -> State | None:
    return None if position is None else asdict(position)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
