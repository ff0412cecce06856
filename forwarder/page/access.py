"""Who may see the page: the rules, without a socket. Pure.

A token comes as `Authorization: Bearer ...`, or, from a browser, as the cookie that the login form
gave. The cookie is derived from the token, so that it outlives a restart of the gateway and ends
with the token. Compared in constant time. Without a token, whoever reaches the socket may look:
that is this machine (settings.py), and a Host header that names another one means that a page of
somebody else's is behind the request (DNS rebinding).
"""

from __future__ import annotations

from collections.abc import Mapping

COOKIE = "edgemast"
MOST_COOKIE = 4096  # characters that are looked at
NAMES = frozenset(("127.0.0.1", "::1", "localhost"))

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}


class Access:
    """`token` is empty where nobody has to know one; `loopback`: only this machine can reach us."""

    def __init__(self, token: str, *, loopback: bool, secure: bool) -> None:
        self._token = token.encode()
        self._loopback = loopback
        self._secure = secure
        self._ticket = ticket(token) if token else ""

    def knows_host(self, host: str) -> bool:
        """Whether the Host header is one that a viewer of ours would send."""
        return not self._loopback or host_name(host).lower() in NAMES

    def admits(self, headers: Mapping[str, str]) -> bool:
        """Whether a request with these headers (lower-case names) proves who it is from."""
        if not self._token:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and same(given.strip().encode(), self._token):
            return True
        offered = cookies(headers.get("cookie", ""))
        return any(same(value.encode(), self._ticket.encode()) for value in offered)

    def is_token(self, given: str) -> bool:
        """Whether somebody typed the token."""
        return bool(self._token) and same(given.strip().encode(), self._token)

    def cookie(self) -> str:
        """What the browser is to keep, as the value of Set-Cookie."""
        secure = "; Secure" if self._secure else ""
        year_s = 365 * 24 * 3600
        return (
            f"{COOKIE}={self._ticket}; Path=/; Max-Age={year_s}; HttpOnly; SameSite=Strict{secure}"
        )


def ticket(token: str) -> str:
    """The cookie of a token; the token cannot be found from it by anything but guessing."""
    import hmac  # takes OpenSSL along; a page without a token does without

    return hmac.new(token.encode(), b"edgemast status page", "sha256").hexdigest()


def same(given: bytes, expected: bytes) -> bool:
    """Whether two secrets are equal, in a time that does not tell where they differ."""
    import hmac

    return hmac.compare_digest(given, expected)


def cookies(header: str) -> list[str]:
    """The values of our cookie in a Cookie header."""
    pairs = (part.strip().partition("=") for part in header[:MOST_COOKIE].split(";"))
    return [value for name, _, value in pairs if name == COOKIE]


def host_name(host: str) -> str:
    """The name in a Host header, without port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host
