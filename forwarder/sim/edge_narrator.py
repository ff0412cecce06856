"""The demo's lines about keys and local readings, and both sides of its summary. Pure."""

from __future__ import annotations

from ..edge.values import FcntState, MicState, PayloadState, Record
from .device_spec import PayloadKind
from .join_desk import Grant
from .narrator import Line, Narrator
from .server_events import DataHeard, ServerEvent

LEGEND = (
    "edge  a frame as the gateway read it: its MIC, payload and counter, and the reading",
    "The keys are an external Join Server's; the network server forwards what it cannot read.",
)
UNITS = {"celsius": "{:.2f} °C", "humidity": "{:.0f} %", "volts": "{:.2f} V"}
ORIGINS = {
    "tunnel": "tunnelled with the uplinks",
    "appskeyreq": "asked for by AppSKeyReq",
    "static": "from the owner's file",
    "push": "pushed",
    "join": "of a join here",
}


class EdgeNarrator(Narrator):
    """`away` while the network server cannot be reached."""

    def __init__(self, payloads: dict[str, PayloadKind]) -> None:
        super().__init__(payloads)
        self.away = False
        self._origins: dict[str, str] = {}

    def server(self, event: ServerEvent) -> list[Line]:
        if isinstance(event, DataHeard) and event.payload and event.fport:
            self.counts["sealed at the server" if event.sealed else "read by the server"] += 1
        return super().server(event)

    def grant(self, grant: Grant, *, envelope: bool) -> Line:
        label = grant.app_s_key.label if grant.app_s_key is not None else "?"
        kept = f"the server keeps the NwkSKey; AppSKey sealed for {label}"
        way = f"{kept}, passed on" if envelope else f"{kept}, its id passed on"
        return Line("info", grant.ask.device.name, "Join Server agreed", way)

    def record(self, record: Record) -> list[Line]:
        """One frame as local mode has it."""
        states = f"mic {record.mic.value}, {record.payload_state.value}, {record.fcnt_state.value}"
        told = reading(record)
        facts: dict[str, object] = {
            "mic": record.mic.value,
            "payload_state": record.payload_state.value,
            "fcnt_state": record.fcnt_state.value,
        }
        known = {
            "fcnt": record.fcnt,
            "decoded": record.decoded,
            "key_origin": record.key_origin.value if record.key_origin else None,
        }
        facts |= {name: value for name, value in known.items() if value is not None}
        device = record.device_name or record.dev_addr
        first = record.dev_eui not in self._origins
        what = self._what(record)
        if first and record.dev_eui in self._origins:
            told += f"  (key {ORIGINS[self._origins[record.dev_eui]]})"
        return [Line("edge", device, what, f"{states:<30}  {told}".rstrip(), facts)]

    def _what(self, record: Record) -> str:
        if record.mic is MicState.BAD:
            self.counts["edge forged"] += 1
            return "forged"
        if record.mic is MicState.UNKNOWN_DEVICE:
            self.counts["edge unknown"] += 1
            return "unknown device"
        if record.fcnt_state is not FcntState.NEW:
            self.counts["edge replays"] += 1
            return f"replay of {record.fcnt}"
        if record.payload_state is PayloadState.DECRYPTED and record.dev_eui is not None:
            self.counts["edge readings"] += 1
            self.counts["edge readings away"] += self.away
            if record.key_origin is not None:
                self._origins[record.dev_eui] = record.key_origin.value
        return f"{'confirmed ' if record.confirmed else ''}data {record.fcnt}"

    def summary(self, seconds: float) -> dict[str, object]:
        origins = list(self._origins.values())
        return super().summary(seconds) | {
            "server_sealed": self.counts["sealed at the server"],
            "server_read": self.counts["read by the server"],
            "edge_readings": self.counts["edge readings"],
            "edge_readings_away": self.counts["edge readings away"],
            "edge_forged": self.counts["edge forged"],
            "edge_replays": self.counts["edge replays"],
            "edge_unknown": self.counts["edge unknown"],
            "edge_keys": {one: origins.count(one) for one in ORIGINS if one in origins},
        }


def reading(record: Record) -> str:
    """What a person wants of the payload; else why there is none."""
    if record.payload is None:
        return record.note
    if not isinstance(record.decoded, dict):
        return f"{record.payload.hex()}  {record.codec_error or ''}".rstrip()
    return "  ".join(_value(str(key), value) for key, value in record.decoded.items())


def _value(key: str, value: object) -> str:
    if key in UNITS and isinstance(value, int | float):
        return UNITS[key].format(value)
    return f"{key} {value}"


def edge_summary(facts: dict[str, object]) -> list[str]:
    """Both sides, for a person."""
    keys = facts["edge_keys"]
    ways = [f"{n} {ORIGINS[way]}" for way, n in keys.items()] if isinstance(keys, dict) else []
    return [
        f"  server       {facts['server_sealed']} payloads came as ciphertext, "
        f"{facts['server_read']} could be read; it holds {facts['server_app_s_keys']} AppSKeys",
        f"  gateway      {facts['edge_readings']} readings, {facts['edge_readings_away']} of them "
        f"while the server was away; {facts['edge_forged']} forged, {facts['edge_replays']} "
        f"replayed, {facts['edge_unknown']} of unknown devices",
        f"  keys         {', '.join(ways) or 'none yet'}",
    ]
