"""ChirpStack v4's application events: the keys in `up` and `join`, JSON or protobuf. Pure.

Ref: chirpstack v4.19, api/proto/integration/integration.proto and api/proto/common/common.proto;
chirpstack/src/uplink/data.rs and join.rs say what is filled when. Only where ChirpStack has no
AppSKey of its own is there a `joinServerContext`, and only then is `data` ciphertext. A join event
has the session id or the envelope, never both. A Join Server that sends a session id and a bare
AppSKey makes ChirpStack pass that key on in clear, with an empty label.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import SourceError
from ..values import FrameMatch, KeyNews, KeyOrigin
from . import fields, protobuf
from .report import Report
from .settings import TunnelSettings, check_filter


class ChirpstackSettings(TunnelSettings, frozen=True, kw_only=True, tag="chirpstack"):
    """`application` is the id of one application, + for all that the broker shows us."""

    application: str = "+"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_filter(self.application)


@dataclass(frozen=True, slots=True, repr=False)
class _Event:
    """What the two encodings have in common."""

    dev_eui: str
    dev_addr: int | None
    session_id: bytes
    label: str
    key: bytes
    fcnt: int
    data: bytes


class Chirpstack:
    def __init__(self, settings: ChirpstackSettings) -> None:
        self._settings = settings

    def topics(self) -> tuple[str, ...]:
        start = f"application/{self._settings.application}/device/+/event"
        return (f"{start}/up", f"{start}/join")

    def read(self, report: Report) -> list[KeyNews]:
        return parse(report.data, self._settings.name, event=report.event)


def parse(data: bytes, source: str, *, event: str = "") -> list[KeyNews]:
    """The news in one event. `event` is "up" or "join" (others tell nothing); a JSON document
    without one is recognised. Raises SourceError.
    """
    fields.check_size(data)
    # No protobuf message begins with this byte: it would open a group.
    is_json = data[:1] == b"{"
    table = fields.json_object(data) if is_json else {}
    joining = _joining(event, table, is_json=is_json)
    if joining is None:
        return []
    found = _from_json(table) if is_json else _from_protobuf(protobuf.message(data), joining)
    return [_news(found, source, joining)] if found is not None else []


def _joining(event: str, table: fields.Table, *, is_json: bool) -> bool | None:
    """Whether it is a join event; None for events without keys."""
    if event in ("up", "join"):
        return event == "join"
    if event in ("ack", "txack", "log", "status", "location", "integration"):
        return None
    if not is_json:
        raise SourceError("the event is protobuf, and no topic says which: .../event/up or join")
    return not any(name in table for name in ("txInfo", "tx_info", "rxInfo", "rx_info"))


def _from_json(table: fields.Table) -> _Event | None:
    context = fields.subtable(
        fields.member(table, "joinServerContext", "join_server_context"), "joinServerContext"
    )
    if not context:
        return None
    info = fields.subtable(fields.member(table, "deviceInfo", "device_info"), "deviceInfo")
    key = fields.subtable(fields.member(context, "appSKey", "app_s_key"), "appSKey")
    return _Event(
        dev_eui=fields.eui(fields.member(info, "devEui", "dev_eui"), "devEui"),
        dev_addr=fields.dev_addr(fields.member(table, "devAddr", "dev_addr"), "devAddr"),
        session_id=fields.from_hex(
            fields.member(context, "sessionKeyId", "session_key_id"),
            "sessionKeyId",
            fields.MAX_SESSION_ID,
        ),
        label=fields.text(
            fields.member(key, "kekLabel", "kek_label"), "kekLabel", fields.MAX_LABEL
        ),
        key=fields.from_base64(fields.member(key, "aesKey", "aes_key"), "aesKey", 64),
        fcnt=fields.number(fields.member(table, "fCnt", "f_cnt"), "fCnt"),
        data=fields.from_base64(table.get("data"), "data", fields.MAX_PAYLOAD),
    )


def _from_protobuf(event: protobuf.Message, joining: bool) -> _Event | None:
    context = protobuf.message(protobuf.data(event, 6 if joining else 15, fields.MAX_DOCUMENT))
    if not context:
        return None
    info = protobuf.message(protobuf.data(event, 3, fields.MAX_DOCUMENT))
    key = protobuf.message(protobuf.data(context, 2, fields.MAX_DOCUMENT))
    session_id = protobuf.text(context, 1, 2 * fields.MAX_SESSION_ID)
    return _Event(
        dev_eui=fields.eui(protobuf.text(info, 8, 32), "dev_eui"),
        dev_addr=fields.dev_addr(protobuf.text(event, 4, 32), "dev_addr"),
        session_id=fields.from_hex(session_id, "session_key_id", fields.MAX_SESSION_ID),
        label=protobuf.text(key, 1, fields.MAX_LABEL),
        key=protobuf.data(key, 2, 64),
        fcnt=0 if joining else fields.number(protobuf.number(event, 7), "f_cnt"),
        data=b"" if joining else protobuf.data(event, 10, fields.MAX_PAYLOAD),
    )


def _news(event: _Event, source: str, joining: bool) -> KeyNews:
    # Of a frame on FPort 0 `data` is empty, not what was on the air.
    match = None if joining else FrameMatch(event.fcnt, frm_payload=event.data or None)
    return KeyNews(
        source=source,
        origin=KeyOrigin.TUNNEL,
        dev_eui=event.dev_eui,
        dev_addr=event.dev_addr,
        session_id=event.session_id,
        app_s_key=fields.envelope(event.key, event.label, "appSKey"),
        match=match,
        pending=joining,
    )
