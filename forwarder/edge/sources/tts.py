"""The Things Stack v3's application messages: the keys in `join` and `up`, JSON. Pure.

Ref: lorawan-stack, api/ttn/lorawan/v3/messages.proto, keys.proto and identifiers.proto: bytes are
base64, but EUIs, DevAddr and a key in clear are hex. `app_s_key` comes only where payload crypto
is skipped and the Application Server cannot open the key itself; without it `frm_payload` was
decrypted already and matches nothing on the air.
"""

from __future__ import annotations

from ..values import Envelope, FrameMatch, KeyNews, KeyOrigin
from . import fields
from .report import Report
from .settings import TunnelSettings, check_filter

# The Things Stack makes an id up where the Join Server sent none; no Join Server knows it.
MADE_UP = b"ttn-lw-interop-generated:"


class TtsSettings(TunnelSettings, frozen=True, kw_only=True, tag="tts"):
    """`application` as the console shows it for MQTT: APPLICATION or APPLICATION@TENANT."""

    application: str = "+"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_filter(self.application)


class Tts:
    def __init__(self, settings: TtsSettings) -> None:
        self._settings = settings

    def topics(self) -> tuple[str, ...]:
        start = f"v3/{self._settings.application}/devices/+"
        return (f"{start}/up", f"{start}/join")

    def read(self, report: Report) -> list[KeyNews]:
        return parse(report.data, self._settings.name)


def parse(data: bytes, source: str) -> list[KeyNews]:
    """The news in one `ApplicationUp`; simulated ones and all but two kinds tell nothing.

    Raises SourceError.
    """
    table = fields.json_object(data)
    if table.get("simulated") is True:
        return []
    joining = table.get("join_accept") is not None
    kind = "join_accept" if joining else "uplink_message"
    body = fields.subtable(table.get(kind), kind)
    app_s_key = _envelope(body)
    session_id = _session_id(body)
    if app_s_key is None and not session_id:
        return []
    ids = fields.subtable(table.get("end_device_ids"), "end_device_ids")
    return [
        KeyNews(
            source=source,
            origin=KeyOrigin.TUNNEL,
            dev_eui=fields.eui(ids.get("dev_eui"), "dev_eui"),
            dev_addr=fields.dev_addr(ids.get("dev_addr"), "dev_addr"),
            join_eui=fields.optional_eui(ids.get("join_eui"), "join_eui"),
            session_id=session_id,
            app_s_key=app_s_key,
            match=None if joining else _match(body, encrypted=app_s_key is not None),
            pending=joining,
        )
    ]


def _envelope(body: fields.Table) -> Envelope | None:
    key = fields.subtable(body.get("app_s_key"), "app_s_key")
    wrapped = fields.from_base64(key.get("encrypted_key"), "encrypted_key", 64)
    label = fields.text(key.get("kek_label"), "kek_label", fields.MAX_LABEL)
    if wrapped:
        return fields.envelope(wrapped, label, "app_s_key")
    return fields.envelope(fields.from_hex(key.get("key"), "key", 16), "", "app_s_key")


def _session_id(body: fields.Table) -> bytes:
    given = fields.from_base64(body.get("session_key_id"), "session_key_id", fields.MAX_SESSION_ID)
    return b"" if given.startswith(MADE_UP) else given


def _match(body: fields.Table, *, encrypted: bool) -> FrameMatch:
    payload = fields.from_base64(body.get("frm_payload"), "frm_payload", fields.MAX_PAYLOAD)
    return FrameMatch(
        fields.number(body.get("f_cnt"), "f_cnt"),
        frm_payload=payload or None if encrypted else None,
    )
