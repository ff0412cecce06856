"""Certificates on this machine: those that the gateway shows to servers, and the CAs it trusts."""

from __future__ import annotations

import datetime
from pathlib import Path

from .network import DAY_S, lifetime
from .values import Finding, Verdict, fail, ok


def named(settings: object) -> list[Path]:
    """The certificate files that a server's settings name, whatever its kind."""
    names = (getattr(settings, key, "") for key in ("ca_file", "cert_file"))
    return [Path(name) for name in names if name]


def good(paths: list[Path], now: datetime.datetime) -> Finding:
    """The worst of several files: unreadable, over, soon over, good for some days."""
    findings = [_file(path, now) for path in paths]
    order = (Verdict.FAIL, Verdict.WARN, Verdict.OK)
    worst = min(findings, key=lambda finding: order.index(finding.verdict))
    if worst.verdict is Verdict.OK:
        return ok("; ".join(finding.read for finding in findings))
    return worst


def _file(path: Path, now: datetime.datetime) -> Finding:
    from cryptography import x509  # only gateways with such files need it

    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        return fail(
            f"{path}: {error}",
            "a certificate, PEM",
            "it is DER, or a key",
            "this user may not read it",
            next=f"openssl x509 -in {path} -noout -enddate",
        )
    end = min(_end(certificate) for certificate in found)
    return lifetime(str(path), (end - now).total_seconds() / DAY_S)


def _end(certificate: object) -> datetime.datetime:
    """Its last instant, UTC; cryptography before 42 (Debian 12) gives it without a zone."""
    end = getattr(certificate, "not_valid_after_utc", None)
    if not isinstance(end, datetime.datetime):
        bare = getattr(certificate, "not_valid_after")  # noqa: B009  # deprecated where the other is
        end = bare.replace(tzinfo=datetime.UTC)
    assert isinstance(end, datetime.datetime)
    return end
