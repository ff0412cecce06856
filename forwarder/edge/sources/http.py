"""Reports that a network server sends us by HTTP: ThingPark, LORIOT, and webhooks of the others."""

from __future__ import annotations

import asyncio
from hmac import compare_digest

from ...files.token_file import read_token
from .fields import MAX_DOCUMENT
from .http_message import HttpError, Request
from .http_server import DEADLINE_S, HttpServer
from .intake import Intake
from .report import Report
from .settings import ListenSettings


class HttpSource:
    """Any path is taken: what network servers call is what was typed in there."""

    def __init__(
        self, kind: str, settings: ListenSettings, intake: Intake, *, deadline_s: float = DEADLINE_S
    ) -> None:
        self.name = intake.name
        self._kind = kind
        self._intake = intake
        token_file = settings.token_file
        self._token = read_token(token_file, f"{self.name} token") if token_file else ""
        self.server = HttpServer(
            self.name, settings, self._handle, max_body=MAX_DOCUMENT, deadline_s=deadline_s
        )

    async def run(self) -> None:
        await self.server.run()

    def status(self) -> dict[str, object]:
        state = "listening" if self.server.listening.is_set() else "down"
        return {"type": self._kind, "state": state, "answers": dict(self.server.answers)} | dict(
            self._intake.counts
        )

    def _handle(self, request: Request, caller: str) -> None:
        if self._token:
            check_bearer(request, self._token)
        report = Report(request.body, request.query.get("event", ""), request.query)
        refusal = self._intake.take(report, asyncio.get_running_loop().time())
        if refusal:
            raise HttpError(400, refusal)


def check_bearer(request: Request, token: str) -> None:
    """Raise HttpError unless the request carries `token`; takes as long for any wrong one."""
    came = request.headers.get("authorization", "")
    if not compare_digest(came.encode(), f"Bearer {token}".encode()):
        raise HttpError(401, "Authorization: Bearer TOKEN expected, with the token of this gateway")
