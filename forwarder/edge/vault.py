"""Opens envelopes: which KEK, in which order, and in words why not. Pure. See values.Vault.

Ref: Backend Interfaces 1.0, section "KeyEnvelope" (RFC 3394 with a label, clear without);
ThingPark's tunnel has one CBC block and no label.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .errors import EnvelopeRefused
from .keks import WRAPPED_SIZE, EnvelopeError, Kek, KeyRing, SourceKeys, shown
from .keys import KEY_SIZE, SoftKey
from .values import Envelope, KeyHandle, Scheme


class KekVault:
    """A Vault over a ring of KEKs. A source without a SourceKeys has no default and no clear."""

    def __init__(self, ring: KeyRing, sources: Mapping[str, SourceKeys] | None = None) -> None:
        self.ring = ring
        self._sources = dict(sources or {})

    def allow(self, source: str, keys: SourceKeys) -> None:
        """Set what `source` may do."""
        self._sources[source] = keys

    def open(self, envelope: Envelope, source: str) -> KeyHandle:
        """The session key inside, ready for use. Raises EnvelopeRefused with label and reason.

        A TokenError is one of them: the token does not answer, the envelope may open later.
        """
        if envelope.scheme is Scheme.CLEAR:
            return SoftKey(self._clear(envelope, source))
        check_size(envelope)
        tried = self._candidates(envelope, source)
        for kek in tried:
            try:
                return kek.open(envelope.scheme, envelope.wrapped)
            except EnvelopeError:
                continue
        raise EnvelopeRefused(_wrong_kek(envelope, tried))

    def pinned(self, envelope: Envelope, source: str) -> Envelope:
        """`envelope` with the KEK that opens it now named exactly ("label@2"), for storing.

        A CBC0 envelope needs the version too: it cannot tell which it was wrapped under, so after a
        change of KEK a stored one would open to a wrong key and nobody would notice.
        """
        if envelope.scheme is Scheme.RFC3394 and not envelope.label:
            return replace(envelope, label=self._of(source).kek)
        if envelope.scheme is not Scheme.CBC0:
            return envelope
        kek = self._candidates(envelope, source)[0]
        return replace(envelope, label=f"{kek.label}@{kek.version}")

    def _candidates(self, envelope: Envelope, source: str) -> list[Kek]:
        found = self._labelled(envelope, source)
        # Without integrity the first answer looks as good as the right one: only one may be asked.
        return found[:1] if envelope.scheme is Scheme.CBC0 else found

    def _labelled(self, envelope: Envelope, source: str) -> list[Kek]:
        label, default = envelope.label, self._of(source).kek
        if label and (found := self.ring.versions(label)):
            return found
        # An unknown label may be an algorithm's name; RFC 3394 says whether the default was right.
        if default and (not label or envelope.scheme is Scheme.RFC3394):
            if found := self.ring.versions(default):
                return found
            raise EnvelopeRefused(f"{_no_kek(default)} (it is the default of source {source!r})")
        if label:
            raise EnvelopeRefused(_no_kek(label))
        raise EnvelopeRefused(
            f"the {envelope.scheme.value} envelope names no KEK and source {source!r} has no "
            "default: set its kek to a label"
        )

    def _clear(self, envelope: Envelope, source: str) -> bytes:
        if not self._of(source).allow_clear:
            raise EnvelopeRefused(
                f"source {source!r} brought a key in clear; it is not used unless the source's "
                "allow_clear is set. Better: give the Join Server a KEK, so that nobody reads it"
            )
        if len(envelope.wrapped) != KEY_SIZE:
            raise EnvelopeRefused(_size(envelope, KEY_SIZE))
        if envelope.label:
            raise EnvelopeRefused(_label_on_clear(envelope))
        return envelope.wrapped

    def _of(self, source: str) -> SourceKeys:
        return self._sources.get(source, _NOTHING)


_NOTHING = SourceKeys()


def check_size(envelope: Envelope) -> None:
    """Raises EnvelopeRefused if a wrapped key cannot be one by its length and label."""
    size, label = len(envelope.wrapped), envelope.label
    if envelope.scheme is Scheme.CBC0:
        if size != KEY_SIZE:
            raise EnvelopeRefused(_size(envelope, KEY_SIZE))
    elif size == KEY_SIZE:
        raise EnvelopeRefused(_label_on_clear(envelope) if label else _clear_as_rfc3394())
    elif size != WRAPPED_SIZE:
        raise EnvelopeRefused(_size(envelope, WRAPPED_SIZE))


def _size(envelope: Envelope, wanted: int) -> str:
    size = len(envelope.wrapped)
    return (
        f"a {envelope.scheme.value} envelope has {wanted} bytes ({2 * wanted} hexadecimal digits), "
        f"this one {size}{_named(envelope.label)}"
    )


def _label_on_clear(envelope: Envelope) -> str:
    return (
        f"16 bytes (32 hexadecimal digits) with a KEK label{_named(envelope.label)} is not TS002: "
        "a wrapped key has 48 digits, a clear one no label. If it is ThingPark's tunnel, set the "
        "source's scheme to cbc0"
    )


def _clear_as_rfc3394() -> str:
    return (
        "16 bytes (32 hexadecimal digits) without a KEK label are a key in clear, not an "
        "rfc3394 envelope, which has 48 digits"
    )


def _named(label: str) -> str:
    return f" (label {shown(label)})" if label else ""


def _no_kek(label: str) -> str:
    return f"no KEK with label {shown(label)}: bring it with edgemast edge import-kek"


def _wrong_kek(envelope: Envelope, tried: list[Kek]) -> str:
    kek, versions = tried[0], ", ".join(str(each.version) for each in tried)
    foreign = envelope.label and f"{kek.label}@{kek.version}" != envelope.label != kek.label
    said = f" (the envelope says {shown(envelope.label)})" if foreign else ""
    return (
        f"the {envelope.scheme.value} envelope does not open under KEK {kek.label!r}{said}, "
        f"version {versions} tried: it is damaged, or the other side has another KEK; compare "
        "check values (edgemast edge list)"
    )
