"""The push API: the owner's Application Server brings session keys that it wrapped for us.

    POST /v1/sessions        Authorization: Bearer TOKEN
    {"dev_eui": ..., "dev_addr": ..., "app_s_key": {"kek_label": ..., "aes_key": ...}, ...}

204 means taken; all else is answered with words. `session_body.py` has the form, `edgemast edge
rewrap` makes it. So no application-wide KEK needs to be on the gateway. To send a session again is
harmless: news of a session that is known changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated

from msgspec import Meta

from ...files.token_file import read_token
from ..errors import SourceError
from ..values import KeyNews
from .http import check_bearer
from .http_message import HttpError, Request
from .http_server import DEADLINE_S, HttpServer
from .rate import RateLimit
from .report import without_clear
from .session_body import parse_push
from .settings import ListenSettings, SourceSettings

PATH = "/v1/sessions"
MAX_BODY = 16 * 1024  # bytes; a session with a long id and four keys has some 6000


class PushSettings(SourceSettings, frozen=True, kw_only=True, tag="push"):
    """TLS, unless only this machine can call; a token always. `per_minute` calls of one address."""

    http: ListenSettings
    per_minute: Annotated[int, Meta(ge=1, le=100_000)] = 600

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.http.token_file:
            raise ValueError(f"source {self.name}: http.token_file expected")


class PushSource:
    def __init__(
        self,
        settings: PushSettings,
        tell: Callable[[KeyNews], None],
        *,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self.name = settings.name
        self._allow_clear = settings.allow_clear
        self._tell = tell
        self._token = read_token(settings.http.token_file, f"{self.name} token")
        self._rate = RateLimit(settings.per_minute)
        self._taken = 0
        self.server = HttpServer(
            self.name, settings.http, self._handle, max_body=MAX_BODY, deadline_s=deadline_s
        )

    async def run(self) -> None:
        await self.server.run()

    def status(self) -> dict[str, object]:
        state = "listening" if self.server.listening.is_set() else "down"
        answers = dict(self.server.answers)
        return {"type": "push", "state": state, "news": self._taken, "answers": answers}

    def _handle(self, request: Request, caller: str) -> None:
        # Before the token is looked at, so that guessing is slow too.
        if not self._rate.take(caller, asyncio.get_running_loop().time()):
            raise HttpError(429, "too many calls from this address; try again in a minute")
        check_bearer(request, self._token)
        if request.path != PATH:
            raise HttpError(404, f"{PATH} expected")
        try:
            news = parse_push(request.body, self.name)
        except SourceError as error:
            raise HttpError(400, str(error)) from None
        if not self._allow_clear and without_clear(news) is not news:
            raise HttpError(400, "a key in clear; wrap it under a KEK of this gateway")
        self._taken += 1
        self._tell(news)
