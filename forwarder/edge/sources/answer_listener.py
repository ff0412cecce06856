"""Where Join Servers send answers that do not come in the HTTP response (TS002 section 20)."""

from __future__ import annotations

from collections.abc import Callable

from .http_message import HttpError, Request
from .join_server_settings import JoinServerSettings

BODY_MAX = 65_536  # bytes; a JoinAns has about one kilobyte


class AnswerListener:
    """Gives each body to `deliver`, which says whether somebody waits for it."""

    def __init__(self, settings: JoinServerSettings, deliver: Callable[[bytes], bool]) -> None:
        # Not at the top: a gateway whose servers answer at once needs no server of its own.
        from ...files.token_file import read_token
        from .http_server import HttpServer

        if settings.http is None:
            raise ValueError("http: where to listen expected")
        self._deliver = deliver
        place = settings.http.token_file
        self._token = read_token(place, f"{settings.name} token") if place else ""
        self.server = HttpServer(settings.name, settings.http, self._handle, max_body=BODY_MAX)

    async def run(self) -> None:
        await self.server.run()

    def _handle(self, request: Request, caller: str) -> None:
        from .http import check_bearer

        if self._token:
            check_bearer(request, self._token)
        if not self._deliver(request.body):
            raise HttpError(404, "no request of ours waits for this answer")
