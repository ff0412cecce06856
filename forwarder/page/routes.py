"""What can be asked of the page: addresses and answers. Everything but /login is read-only.

The web framework sees only requests that server.py found whole and allowed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from microdot import Microdot, Request, Response

from ..state import metrics
from .access import Access
from .live import Live

if TYPE_CHECKING:
    from ..capture.ring import CaptureRing

STATIC = Path(__file__).parent / "static"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
PCAP = "application/vnd.tcpdump.pcap"
FOLLOWERS = 4  # of the live capture
OPEN = frozenset(("/login", "/page.css", "/icon.svg", "/healthz"))  # to see without a token


@cache
def static(name: str) -> bytes:
    """A file of the page; they are small, and read once."""
    return (STATIC / name).read_bytes()


def is_open(path: str) -> bool:
    """Whether everybody may ask for it: what the login form needs, and whether we live."""
    return path in OPEN


class Routes:
    """`state` is status.snapshot of the gateway."""

    def __init__(
        self,
        live: Live,
        ring: CaptureRing,
        access: Access,
        state: Callable[[], dict[str, object]],
    ) -> None:
        self._live, self._ring, self._access, self._state = live, ring, access, state

    def app(self) -> Microdot:
        """The page's addresses, each with what it answers."""
        app = Microdot()
        for file in sorted(STATIC.iterdir()):
            if file.suffix in TYPES:
                path = "/" if file.name == "index.html" else f"/{file.name}"
                app.get(path)(_file(file.name))
        for path, answer in (
            ("/state.json", self._state_json),
            ("/events", self._events),
            ("/metrics", self._metrics),
            ("/capture.pcap", self._capture),
            ("/healthz", self._health),
            ("/login", self._login_form),
        ):
            app.get(path)(answer)
        app.post("/login")(self._login)
        return app

    async def _state_json(self, request: Request) -> Response:
        return _answer(self._live.state_json(), "application/json")

    async def _events(self, request: Request) -> Response:
        if self._live.is_full:
            return _answer(b"as many viewers as there may be; ask for /state.json\n", status=503)
        return _stream(self._live.follow(), "text/event-stream")

    async def _metrics(self, request: Request) -> Response:
        return _answer(metrics.text(self._state()).encode(), metrics.CONTENT_TYPE)

    async def _capture(self, request: Request) -> Response:
        """The latest frames as a file, or with ?live a file that goes on."""
        if not request.query_string:
            headers = {"Content-Disposition": 'attachment; filename="edgemast.pcap"'}
            return _answer(self._ring.snapshot(), PCAP, headers=headers)
        if self._ring.followers >= FOLLOWERS:
            return _answer(b"as many live captures as there may be\n", status=503)
        return _stream(self._ring.follow(), PCAP)

    async def _health(self, request: Request) -> Response:
        """Nothing that a stranger could use: whether the radio receives."""
        up = _radio_state(self._state()) == "up"
        return _answer(b"ok\n" if up else b"the radio is down\n", status=200 if up else 503)

    async def _login_form(self, request: Request) -> Response:
        return _answer(static("login.html"), TYPES[".html"])

    async def _login(self, request: Request) -> Response:
        given = (request.form or {}).get("token", "")
        if not self._access.is_token(given):
            return _answer(static("login-failed.html"), TYPES[".html"], status=403)
        return Response(b"", 303, {"Location": "/", "Set-Cookie": self._access.cookie()})


def _radio_state(state: dict[str, object]) -> object:
    radio = state.get("radio")
    return radio.get("state") if isinstance(radio, dict) else None


def _file(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return _answer(static(name), TYPES[Path(name).suffix])

    return answer


def _answer(
    body: bytes,
    kind: str = "text/plain; charset=utf-8",
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    return Response(body, status, {"Content-Type": kind, **(headers or {})})


def _stream(parts: AsyncGenerator[bytes, None], kind: str) -> Response:
    return Response(parts, 200, {"Content-Type": kind})
