"""LORIOT's `AppSKeyAns`: the Join Server's answer, passed on to the application output. Pure.

Ref: docs.loriot.io, AppSKey answer message. It names no DevAddr and no frame, so the session is
known by its first uplink that fits. Its manual shows an algorithm's name as KEKLabel, which
names no key: `kek` of the source says which one it is.
"""

from __future__ import annotations

from ..errors import SourceError
from ..values import KeyNews, KeyOrigin
from . import fields
from .report import Report
from .settings import TunnelSettings


class LoriotSettings(TunnelSettings, frozen=True, kw_only=True, tag="loriot"):
    """LORIOT's HTTP push, or its MQTT output with the topics that were chosen there."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_topics()


class Loriot:
    def __init__(self, settings: LoriotSettings) -> None:
        self._settings = settings

    def topics(self) -> tuple[str, ...]:
        return ()

    def read(self, report: Report) -> list[KeyNews]:
        return parse(report.data, self._settings.name)


def parse(data: bytes, source: str) -> list[KeyNews]:
    """The news in one message; other commands than AppSKeyAns tell none. Raises SourceError."""
    table = fields.json_object(data)
    if table.get("cmd") != "AppSKeyAns":
        return []
    dev_eui = fields.eui(fields.member(table, "DevEUI", "EUI"), "DevEUI")
    _check_result(table.get("Result"), dev_eui)
    key = fields.subtable(table.get("AppSKey"), "AppSKey")
    label = fields.text(key.get("KEKLabel"), "KEKLabel", fields.MAX_LABEL)
    aes_key = fields.from_hex(key.get("AESKey"), "AESKey", 64)
    session_id = fields.from_hex(table.get("SessionKeyID"), "SessionKeyID", fields.MAX_SESSION_ID)
    return [
        KeyNews(
            source=source,
            origin=KeyOrigin.TUNNEL,
            dev_eui=dev_eui,
            dev_addr=fields.dev_addr(table.get("DevAddr"), "DevAddr"),
            session_id=session_id,
            app_s_key=fields.envelope(aes_key, label, "AppSKey"),
            pending=True,
        )
    ]


def _check_result(result: object, dev_eui: str) -> None:
    code = fields.member(result, "ResultCode") if isinstance(result, dict) else result
    if code not in (None, "", "Success"):
        told = code if isinstance(code, str) and code.isidentifier() and len(code) < 64 else "?"
        raise SourceError(f"device {dev_eui}: the Join Server answered {told}, no AppSKey")
