"""Until when a certificate is valid, read from its DER bytes. Pure.

Only the way to one field is known here (RFC 5280 4.1: tbsCertificate, validity, notAfter); whether
a certificate may be trusted is OpenSSL's to say. A library that reads all of X.509 would cost a
gateway ten megabytes of memory for this.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime

SEQUENCE, INTEGER, UTC_TIME, GENERALIZED_TIME, VERSION = 0x30, 0x02, 0x17, 0x18, 0xA0
_PEM = re.compile(
    rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----(.+?)-----END", re.DOTALL | re.ASCII
)


def not_after(der: bytes) -> float:
    """Seconds since 1970 until which the certificate is valid. Raises ValueError."""
    certificate, _ = _element(der, SEQUENCE)
    rest, _ = _element(certificate, SEQUENCE)
    if rest[:1] == bytes([VERSION]):
        _, rest = _element(rest, VERSION)
    _, rest = _element(rest, INTEGER)  # serial number
    _, rest = _element(rest, SEQUENCE)  # signature algorithm
    _, rest = _element(rest, SEQUENCE)  # issuer
    validity, _ = _element(rest, SEQUENCE)
    _, rest = _element(validity, validity[0] if validity else 0)  # notBefore
    if not rest:
        raise ValueError("a certificate without an end of validity")
    text, _ = _element(rest, rest[0])
    return _seconds(rest[0], text)


def first_end(pem: bytes) -> float | None:
    """When the first of the certificates in a PEM file ends; None where none can be read."""
    ends = []
    for found in _PEM.finditer(pem):
        try:
            ends.append(not_after(base64.b64decode(found[1])))
        except (ValueError, binascii.Error):
            continue
    return min(ends, default=None)


def _element(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """The value of the element at the start of `data`, and what follows it."""
    if len(data) < 2 or data[0] != tag:
        raise ValueError(f"not a certificate: element 0x{tag:02x} expected")
    size, at = data[1], 2
    if size & 0x80:
        count = size & 0x7F
        if not 1 <= count <= 4 or len(data) < 2 + count:
            raise ValueError("not a certificate: a length cannot be read")
        size, at = int.from_bytes(data[2 : 2 + count], "big"), 2 + count
    if len(data) < at + size:
        raise ValueError("not a certificate: it is cut short")
    return data[at : at + size], data[at + size :]


def _seconds(tag: int, text: bytes) -> float:
    """A UTCTime (two digits of the year, RFC 5280 4.1.2.5.1) or a GeneralizedTime."""
    digits = text.decode("ascii", "replace").removesuffix("Z")
    if tag == UTC_TIME and len(digits) == 12 and digits.isdecimal():
        digits = ("19" if digits[:2] >= "50" else "20") + digits
    elif tag != GENERALIZED_TIME:
        raise ValueError("not a certificate: a time expected")
    if len(digits) != 14 or not digits.isdecimal():
        raise ValueError(f"a certificate's time cannot be read: {text!r}")
    return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()
