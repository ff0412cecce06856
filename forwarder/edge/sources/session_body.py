"""A session as its owner writes it down: the body of the push API, a row of a static file. Pure.

Our own form, so strict: an unknown name is a mistake. Keys are TS002 envelopes with hex.

    {"dev_eui": "0011223344556677", "dev_addr": "26011bda", "lorawan": "1.0",
     "session_id": "0a0b", "app_s_key": {"kek_label": "gateway-7", "aes_key": "48 hex digits"},
     "nwk_s_key": {...}}

1.1 has `f_nwk_s_int`, and if they are known `s_nwk_s_int` and `nwk_s_enc`, instead of `nwk_s_key`
(which `f_nwk_s_int` also means in 1.0).
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from ..errors import SourceError
from ..values import Envelope, KeyNews, KeyOrigin
from . import fields

# A multicast group has no DevEUI; this and its address stand for one.
GROUP = "ffffffff"


class KeyBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Wrapped: a label and 48 hex digits. In clear: 32 and no label. No repr: see Envelope."""

    aes_key: str
    kek_label: str = ""

    def __repr__(self) -> str:
        return "<KeyBody>"


class SessionBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`lifetime_s` is how long the session lives from now on, where the Join Server said so."""

    dev_eui: str
    dev_addr: str = ""
    join_eui: str = ""
    session_id: str = ""
    lorawan: Literal["1.0", "1.1"] = "1.0"
    app_s_key: KeyBody | None = None
    nwk_s_key: KeyBody | None = None
    f_nwk_s_int: KeyBody | None = None
    s_nwk_s_int: KeyBody | None = None
    nwk_s_enc: KeyBody | None = None
    lifetime_s: int | None = None

    def news(self, source: str, origin: KeyOrigin) -> KeyNews:
        """Raises SourceError for a field that is not what its name says."""
        forwarding = self.f_nwk_s_int if self.nwk_s_key is None else self.nwk_s_key
        if self.nwk_s_key is not None and (self.lorawan == "1.1" or self.f_nwk_s_int is not None):
            raise SourceError("nwk_s_key is for LoRaWAN 1.0, and stands for f_nwk_s_int there")
        if self.app_s_key is None and forwarding is None:
            raise SourceError("app_s_key, nwk_s_key or f_nwk_s_int expected, came none of them")
        if self.lifetime_s is not None and not 0 < self.lifetime_s <= fields.FCNT_END:
            raise SourceError(f"lifetime_s: 1 to {fields.FCNT_END} expected")
        return KeyNews(
            source=source,
            origin=origin,
            dev_eui=fields.eui(self.dev_eui, "dev_eui"),
            dev_addr=fields.dev_addr(self.dev_addr, "dev_addr"),
            join_eui=fields.optional_eui(self.join_eui, "join_eui"),
            session_id=fields.from_hex(self.session_id, "session_id", fields.MAX_SESSION_ID),
            app_s_key=_envelope(self.app_s_key, "app_s_key"),
            f_nwk_s_int=_envelope(forwarding, "nwk_s_key or f_nwk_s_int"),
            s_nwk_s_int=_envelope(self.s_nwk_s_int, "s_nwk_s_int"),
            nwk_s_enc=_envelope(self.nwk_s_enc, "nwk_s_enc"),
            lorawan_1_1=self.lorawan == "1.1",
            lifetime_s=self.lifetime_s,
            pending=origin is KeyOrigin.PUSH,
        )


class GroupBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A multicast group: its address, McAppSKey and McNwkSKey."""

    dev_addr: str
    app_s_key: KeyBody
    nwk_s_key: KeyBody | None = None

    def news(self, source: str) -> KeyNews:
        address = fields.dev_addr(self.dev_addr, "dev_addr")
        if address is None:
            raise SourceError("dev_addr: 8 hex digits expected, came nothing")
        return KeyNews(
            source=source,
            origin=KeyOrigin.STATIC,
            dev_eui=f"{GROUP}{address:08x}",
            dev_addr=address,
            app_s_key=_envelope(self.app_s_key, "app_s_key"),
            f_nwk_s_int=_envelope(self.nwk_s_key, "nwk_s_key"),
            multicast=True,
        )


def _envelope(body: KeyBody | None, where: str) -> Envelope | None:
    if body is None:
        return None
    key = fields.from_hex(body.aes_key, where, 64)
    if not key:
        raise SourceError(f"{where}: aes_key of 48 hex digits expected, came none")
    return fields.envelope(key, fields.text(body.kek_label, where, fields.MAX_LABEL), where)


def parse_push(data: bytes, source: str) -> KeyNews:
    """One JSON body of the push API. Raises SourceError."""
    fields.check_size(data)
    try:
        body = msgspec.json.decode(data, type=SessionBody)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # msgspec names the path and types of what it refuses, not its value; others may.
        words = str(error) if isinstance(error, msgspec.DecodeError) else "JSON expected"
        raise SourceError(words) from None
    return body.news(source, KeyOrigin.PUSH)
