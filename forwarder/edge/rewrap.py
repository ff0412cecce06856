"""Session keys taken out of the application's envelope and put into one for a single gateway. Pure.

What the owner of an application runs beside the application server ("push by the owner's AS"), so
that the KEK that opens every device stays there, and a stolen gateway opens only what was sent to
it. Takes what a Join Server or network server said about a session (JoinAns, AppSKeyAns,
ChirpStack's joinServerContext, or one bare KeyEnvelope); gives the body of the push API
(sources/session_body.py). Ref: Backend Interfaces 1.0, "KeyEnvelope".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from .errors import EnvelopeRefused, SourceError
from .keks import EnvelopeError, KeyRing, SoftKek, shown
from .sources import fields
from .values import Envelope, Scheme
from .vault import check_size

# Our name of each key, and what it is called elsewhere.
KEY_NAMES = {
    "app_s_key": ("app_s_key", "AppSKey", "appSKey"),
    "f_nwk_s_int": ("f_nwk_s_int", "FNwkSIntKey", "nwk_s_key", "NwkSKey"),
    "s_nwk_s_int": ("s_nwk_s_int", "SNwkSIntKey"),
    "nwk_s_enc": ("nwk_s_enc", "NwkSEncKey"),
}
_LABEL = ("KEKLabel", "kekLabel", "kek_label", "label")
_AES_KEY = ("AESKey", "aesKey", "aes_key", "encrypted_key")
_HEX = re.compile(r"(?:0[xX])?(?:[0-9a-fA-F]{2})+")


@dataclass(frozen=True, slots=True)
class Session:
    """Whose keys they are; what is empty is taken from the document."""

    dev_eui: str = ""
    dev_addr: str = ""
    session_id: str = ""


@dataclass(frozen=True, slots=True)
class Rewrapper:
    """`application` opens what comes, `gateway` wraps what goes. `kek` is for bare envelopes."""

    application: KeyRing
    gateway: SoftKek
    kek: str = ""
    tunnel: bool = False  # envelopes of one block, as ThingPark's
    allow_clear: bool = False

    def body(self, document: bytes, session: Session) -> bytes:
        """The JSON for the gateway. Raises SourceError (the document) or EnvelopeRefused."""
        table = fields.json_object(document)
        body: dict[str, object] = _session(table, session)
        for name, elsewhere in self._named(table).items():
            body[name] = self._wrapped(self._envelope(elsewhere, name))
        if not body.keys() & {"app_s_key", "f_nwk_s_int"}:
            raise SourceError("no key: an AppSKey or a KeyEnvelope of KEKLabel and AESKey expected")
        # TS002 has a FNwkSIntKey in 1.1 alone; in 1.0 it is the NwkSKey.
        if "s_nwk_s_int" in body or "FNwkSIntKey" in table:
            body["lorawan"] = "1.1"
        return msgspec.json.encode(body)

    def _named(self, table: fields.Table) -> dict[str, fields.Table]:
        if fields.member(table, *_AES_KEY) is not None:
            return {"app_s_key": table}
        found = {name: fields.member(table, *names) for name, names in KEY_NAMES.items()}
        return {
            name: fields.subtable(value, name) for name, value in found.items() if value is not None
        }

    def _envelope(self, table: fields.Table, name: str) -> Envelope:
        label = fields.text(fields.member(table, *_LABEL), f"{name}.KEKLabel", fields.MAX_LABEL)
        key = _key_bytes(fields.member(table, *_AES_KEY), name)
        if self.tunnel:
            return Envelope(Scheme.CBC0, key, label)
        clear = len(key) == fields.CLEAR_SIZE and not label
        return Envelope(Scheme.CLEAR if clear else Scheme.RFC3394, key, label)

    def _wrapped(self, envelope: Envelope) -> dict[str, str]:
        wrapped = self._rewrap(envelope)
        return {"kek_label": self.gateway.label, "aes_key": wrapped.hex()}

    def _rewrap(self, envelope: Envelope) -> bytes:
        if envelope.scheme is Scheme.CLEAR:
            if not self.allow_clear:
                raise EnvelopeRefused("the key came in clear; --allow-clear takes it all the same")
            return self.gateway.wrap(envelope.wrapped)
        check_size(envelope)
        label = envelope.label or self.kek
        versions = self.application.versions(label) or self.application.versions(self.kek)
        for kek in versions:  # a tunnel's block opens under any: the newest is taken
            try:
                if isinstance(kek, SoftKek):
                    return kek.rewrap(envelope.scheme, envelope.wrapped, self.gateway)
            except EnvelopeError:
                continue
        raise EnvelopeRefused(
            f"KEK {shown(label)}: {'does not open the envelope' if versions else 'is not there'}"
        )


def _session(table: fields.Table, given: Session) -> dict[str, object]:
    dev_eui = given.dev_eui or fields.member(table, "DevEUI", "devEUI", "devEui", "dev_eui")
    body: dict[str, object] = {"dev_eui": fields.eui(dev_eui, "DevEUI")}
    address = fields.dev_addr(
        given.dev_addr or fields.member(table, "DevAddr", "devAddr", "dev_addr"), "DevAddr"
    )
    if address is not None:
        body["dev_addr"] = f"{address:08x}"
    name = given.session_id or fields.member(table, "SessionKeyID", "sessionKeyId", "session_id")
    if name:
        body["session_id"] = fields.from_hex(name, "SessionKeyID", fields.MAX_SESSION_ID).hex()
    lifetime_s = fields.number(fields.member(table, "Lifetime", "lifetime_s"), "Lifetime")
    if lifetime_s:
        body["lifetime_s"] = lifetime_s
    return body


def _key_bytes(value: object, name: str) -> bytes:
    digits = fields.text(value, f"{name}.AESKey", 128)
    if _HEX.fullmatch(digits):
        return fields.from_hex(digits, f"{name}.AESKey", 64)
    return fields.from_base64(digits, f"{name}.AESKey", 64)
