"""What a tunnel delivers and what reads it: the seam between shells and dialects. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from ..values import Envelope, KeyNews, Scheme


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


def without_clear(news: KeyNews) -> KeyNews | None:
    """The news without keys in clear; None if nothing is left that would help."""
    given = (news.app_s_key, news.f_nwk_s_int, news.s_nwk_s_int, news.nwk_s_enc)
    if not any(_is_clear(one) for one in given):
        return news
    app, forwarding, serving, encrypting = (None if _is_clear(one) else one for one in given)
    if not (news.session_id or app or forwarding or serving or encrypting):
        return None
    return replace(
        news, app_s_key=app, f_nwk_s_int=forwarding, s_nwk_s_int=serving, nwk_s_enc=encrypting
    )


def _is_clear(one: Envelope | None) -> bool:
    return one is not None and one.scheme is Scheme.CLEAR
