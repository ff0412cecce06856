"""Names to addresses, whether somebody listens, how long a certificate is good. Blocking."""

from __future__ import annotations

import socket

from .values import Finding, fail, ok, warn

CONNECT_S = 3.0
FEW_DAYS, MANY_DAYS = 14, 45
DAY_S = 86_400


def resolves(host: str) -> Finding:
    """Whether a name server knows `host`."""
    try:
        rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return fail(
            f"{host}: {error}",
            "an address",
            "no network, or no name server reached",
            "the name is misspelt",
            next=f"getent hosts {host}; cat /etc/resolv.conf",
        )
    addresses = sorted({str(row[4][0]) for row in rows})
    shown = ", ".join(addresses[:3]) + (", ..." if len(addresses) > 3 else "")
    return ok(f"{host} is {shown}")


def tcp_opens(host: str, port: int) -> Finding:
    """Whether somebody listens there."""
    try:
        with socket.create_connection((host, port), CONNECT_S):
            return ok(f"{host}:{port} takes connections")
    except OSError as error:
        return _not_connected(host, port, error)


def lifetime(whose: str, days: float | None) -> Finding:
    """How long a certificate is good for, in words."""
    if days is None:
        return ok(f"{whose} is verified")
    if days < 0:
        return fail(
            f"the certificate of {whose} ended {-days:.0f} days ago",
            "a certificate that is still good",
            "it was not renewed",
            "this machine's clock is wrong",
            next="date; renew the certificate",
        )
    if days < FEW_DAYS:
        return warn(f"the certificate of {whose} ends in {days:.0f} days", f"{MANY_DAYS} days")
    return ok(f"the certificate of {whose} is good for {days:.0f} days")


def _not_connected(host: str, port: int, error: Exception) -> Finding:
    return fail(
        f"{host}:{port}: {error}",
        "a connection",
        "a firewall between, or none of it listens there",
        "the port is another one",
        next=f"nc -vz {host} {port}",
    )
