"""Sessions that never change: ABP devices and multicast groups, from a file of the owner's.

    [[session]]
    dev_eui = "0011223344556677"
    dev_addr = "26011bda"
    app_s_key = { kek_label = "gateway-7", aes_key = "48 hex digits" }
    nwk_s_key = { kek_label = "gateway-7", aes_key = "48 hex digits" }

    [[multicast]]
    dev_addr = "fe0000aa"
    app_s_key = { kek_label = "gateway-7", aes_key = "48 hex digits" }

`edgemast edge rewrap` makes the wrapped form. Keys in clear need `allow_clear` and are not advised.
"""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from ...errors import ConfigError
from ..errors import KekError, SourceError
from ..secret_files import read_private
from ..values import KeyNews, KeyOrigin
from .report import without_clear
from .session_body import GroupBody, SessionBody
from .settings import SourceSettings

MAX_FILE = 64 * 1024 * 1024  # bytes; some 100 000 sessions have 30 million


class StaticSettings(SourceSettings, frozen=True, kw_only=True, tag="static"):
    """`file` must belong to us or root and be closed to all others, as it holds keys."""

    file: str


class StaticFile(Struct, frozen=True, forbid_unknown_fields=True):
    session: list[SessionBody] = []
    multicast: list[GroupBody] = []


def parse(data: bytes, settings: StaticSettings) -> list[KeyNews]:
    """All sessions of the file. Raises SourceError that names the row and never a value."""
    try:
        held = msgspec.convert(tomllib.loads(data.decode()), StaticFile)
    except UnicodeDecodeError:
        raise SourceError("no TOML: it is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        # Its words may quote a character, not more; the line says where.
        raise SourceError(f"no TOML: {error}") from None
    except (msgspec.ValidationError, RecursionError) as error:
        raise SourceError(str(error)) from None
    sessions = [_row(f"session {n}", row, settings) for n, row in enumerate(held.session, 1)]
    groups = [_row(f"multicast {n}", row, settings) for n, row in enumerate(held.multicast, 1)]
    return sessions + groups


def _row(where: str, row: SessionBody | GroupBody, settings: StaticSettings) -> KeyNews:
    try:
        if isinstance(row, SessionBody):
            news = row.news(settings.name, KeyOrigin.STATIC)
        else:
            news = row.news(settings.name)
    except SourceError as error:
        raise SourceError(f"{where}: {error}") from None
    if news.dev_addr is None:
        raise SourceError(f"{where}: dev_addr expected; a static session has one")
    if not settings.allow_clear and without_clear(news) is not news:
        raise SourceError(f"{where}: a key in clear; wrap it, or set allow_clear = true")
    return news


class StaticSource:
    """Reads the file when it is made, so that a mistake is a mistake of the configuration."""

    def __init__(self, settings: StaticSettings, tell: Callable[[KeyNews], None]) -> None:
        self.name = settings.name
        self._tell = tell
        try:
            data = read_private(Path(settings.file), most=MAX_FILE)
            self._news = parse(data, settings)
        except KekError as error:
            raise ConfigError(str(error)) from None
        except SourceError as error:
            raise ConfigError(f"{settings.file}: {error}") from None

    async def run(self) -> None:
        for news in self._news:
            self._tell(news)
        await asyncio.Event().wait()

    def status(self) -> dict[str, object]:
        return {"type": "static", "state": "read", "sessions": len(self._news)}
