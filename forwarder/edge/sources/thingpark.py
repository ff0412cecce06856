"""ThingPark's `DevEUI_uplink`: the AppSKey that is tunnelled with every uplink, XML or JSON. Pure.

Ref: docs.thingpark.com, LRC-AS tunnel interface; edge-keys.md 2.8 says what is certain. The value
of `AppSKey` does not tell its form, so a setting does: `cbc0` is one AES-CBC block with a zero IV
(its KEK is called ASTK), `clear` is the key itself; both have 32 digits. 48 digits can only be
TS002's RFC 3394 envelope without its label, and are taken as that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from hmac import compare_digest
from typing import Literal

from ..errors import SourceError
from ..values import Envelope, FrameMatch, KeyNews, KeyOrigin, Scheme
from . import fields
from .report import Report
from .settings import TunnelSettings
from .simple_xml import leaves

KeyForm = Literal["cbc0", "rfc3394", "clear"]
ROOT = "DevEUI_uplink"
# In this order, as parameters of the query and as elements of the body.
SIGNED_QUERY = ("LrnDevEui", "LrnFPort", "LrnInfos", "AS_ID", "Time")
SIGNED_BODY = ("CustomerID", "DevEUI", "FPort", "FCntUp", "payload_hex")


class ThingParkSettings(TunnelSettings, frozen=True, kw_only=True, tag="thingpark"):
    """`key_form` is a property of the account. `tunnel_key_file` holds the tunnel interface
    authentication key (not the ASTK): with it, every report over HTTP must carry its Token.
    """

    key_form: KeyForm = "cbc0"
    tunnel_key_file: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_topics()
        if self.tunnel_key_file and self.http is None:
            raise ValueError(f"source {self.name}: tunnel_key_file is for reports over http")

    def knows_callers(self) -> bool:
        return bool(self.tunnel_key_file) or super().knows_callers()


class ThingPark:
    """`tunnel_key` is what its file holds; empty where reports are not signed."""

    def __init__(self, settings: ThingParkSettings, tunnel_key: str = "") -> None:
        self._settings = settings
        self._tunnel_key = tunnel_key

    def topics(self) -> tuple[str, ...]:
        return ()

    def read(self, report: Report) -> list[KeyNews]:
        uplink = document(report.data)
        if uplink is None:
            return []
        if self._tunnel_key:
            check_token(uplink, report.query, self._tunnel_key)
        return _news(uplink, self._settings.name, self._settings.key_form)


def parse(data: bytes, source: str, *, key_form: KeyForm = "cbc0") -> list[KeyNews]:
    """The news in one report; other kinds than `DevEUI_uplink` tell none. Raises SourceError."""
    uplink = document(data)
    return [] if uplink is None else _news(uplink, source, key_form)


def document(data: bytes) -> fields.Table | None:
    """The members of a `DevEUI_uplink`, None if it is another report. Raises SourceError."""
    fields.check_size(data)
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        root, found = leaves(data)
        return dict(found) if root == ROOT else None
    table = fields.json_object(data)
    return fields.subtable(table[ROOT], ROOT) if ROOT in table else None


def check_token(uplink: fields.Table, query: Mapping[str, str], tunnel_key: str) -> None:
    """Raise SourceError unless the query's Token is the one that the key gives for this report.

    Ref: LRC-AS tunnel interface, "Token". Numbers are hashed as they were written; JSON numbers
    are written as ThingPark writes them, without fraction.
    """
    body = "".join(fields.text(uplink.get(name), name, 1024) for name in SIGNED_BODY)
    asked = "&".join(f"{name}={query.get(name, '')}" for name in SIGNED_QUERY)
    expected = hashlib.sha256(f"{body}{asked}{tunnel_key.lower()}".encode()).hexdigest()
    came = query.get("Token", "").lower()
    if not compare_digest(expected.encode(), came.encode(errors="replace")):
        raise SourceError(
            "Token: not the one of this report; is tunnel_key_file the tunnel interface "
            "authentication key of this AS?"
            if came
            else "Token: expected in the query, and it is not there"
        )


def _news(uplink: fields.Table, source: str, key_form: KeyForm) -> list[KeyNews]:
    key = fields.from_hex(uplink.get("AppSKey"), "AppSKey", 64)
    if not key:
        return []
    return [
        KeyNews(
            source=source,
            origin=KeyOrigin.TUNNEL,
            dev_eui=fields.eui(uplink.get("DevEUI"), "DevEUI"),
            dev_addr=fields.dev_addr(uplink.get("DevAddr"), "DevAddr"),
            app_s_key=_envelope(key, key_form),
            match=_match(uplink),
        )
    ]


def _envelope(key: bytes, key_form: KeyForm) -> Envelope:
    if len(key) == fields.WRAPPED_SIZE:
        return Envelope(Scheme.RFC3394, key)
    if len(key) == fields.CLEAR_SIZE and key_form != "rfc3394":
        return Envelope(Scheme(key_form), key)
    digits = 48 if key_form == "rfc3394" else 32
    raise SourceError(f"AppSKey: {digits} hex digits expected ({key_form}), came {2 * len(key)}")


def _match(uplink: fields.Table) -> FrameMatch:
    # PayloadEncryption 0 says that the network has decrypted; then it is not what was on the air.
    clear = fields.text(uplink.get("PayloadEncryption"), "PayloadEncryption") == "0"
    payload = fields.from_hex(uplink.get("payload_hex"), "payload_hex", fields.MAX_PAYLOAD)
    mic = fields.from_hex(uplink.get("mic_hex"), "mic_hex", 4)
    return FrameMatch(
        fields.number(uplink.get("FCntUp"), "FCntUp"),
        mic=mic if len(mic) == 4 else None,
        frm_payload=None if clear else payload or None,
    )
