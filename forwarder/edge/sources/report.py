"""What a tunnel delivers and what reads it: the seam between shells and dialects. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from ..values import Envelope, KeyNews, Scheme

# LORIOT's manual shows the name of an algorithm where a KEK's label belongs.
NO_LABELS = frozenset({"", "id-aes128-wrap", "id-aes192-wrap", "id-aes256-wrap"})


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """One message of a broker, or the body of one HTTP request. No repr: it may hold a key.

    `event` is the last part of an MQTT topic, or the query's `event`.
    """

    data: bytes
    event: str = ""
    query: Mapping[str, str] = field(default_factory=dict)


class Dialect(Protocol):
    """Reads what one make of network server sends."""

    def topics(self) -> tuple[str, ...]:
        """What to subscribe to where the settings do not say; empty where it has no convention."""
        ...

    def read(self, report: Report) -> list[KeyNews]:
        """What `report` tells about keys, often nothing. Raises SourceError and nothing else."""
        ...


@dataclass(frozen=True, slots=True)
class Policy:
    """What a source is let to bring. `kek` is for envelopes whose label names no key."""

    kek: str = ""
    allow_clear: bool = False

    def admit(self, news: KeyNews) -> tuple[KeyNews | None, bool]:
        """The news without what is not allowed, None if nothing is left; whether any was not."""
        given = (news.app_s_key, news.f_nwk_s_int, news.s_nwk_s_int, news.nwk_s_enc)
        kept = tuple(self._envelope(one) for one in given)
        refused = any(old is not None and new is None for old, new in zip(given, kept, strict=True))
        app, forwarding, serving, encrypting = kept
        if refused and not news.session_id and not any(kept):
            return None, True
        kept_news = replace(
            news, app_s_key=app, f_nwk_s_int=forwarding, s_nwk_s_int=serving, nwk_s_enc=encrypting
        )
        return kept_news, refused

    def _envelope(self, one: Envelope | None) -> Envelope | None:
        if one is None:
            return None
        if one.scheme is Scheme.CLEAR:
            return one if self.allow_clear else None
        if self.kek and one.label in NO_LABELS:
            return replace(one, label=self.kek)
        return one
