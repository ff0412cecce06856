"""A data frame as it was heard, read once and no further than local mode needs. Pure.

The rules are those of lorawan/frame.py (a test holds the two together); what is left out is the
cost of its values, which is more than that of the cryptography.
"""

from __future__ import annotations

from struct import Struct

from ..lorawan.crypto import DOWN, UP

_FHDR = Struct("<BIBH")
_SMALLEST = 12
# MHDR bits 7 to 5 of data frames: (direction, confirmed). The major version must be 0.
_KINDS = {2: (UP, False), 3: (DOWN, False), 4: (UP, True), 5: (DOWN, True)}


class Heard:
    """`body` is what the MIC covers; `payload` is FRMPayload as on the air; `wire` 16 bits."""

    __slots__ = (
        "body",
        "confirmed",
        "dev_addr",
        "direction",
        "fport",
        "mic",
        "payload",
        "raw",
        "wire",
    )

    def __init__(self, raw: bytes) -> None:
        """Raises ValueError, without words, for what is no data frame: nobody reads them."""
        if len(raw) < _SMALLEST or raw[0] & 3:
            raise ValueError
        mhdr, self.dev_addr, fctrl, self.wire = _FHDR.unpack_from(raw)
        kind = _KINDS.get(mhdr >> 5)
        end = 8 + (fctrl & 15)
        last = len(raw) - 4
        if kind is None or end > last:
            raise ValueError
        self.direction, self.confirmed = kind
        self.raw = raw
        self.body, self.mic = raw[:last], raw[last:]
        if end == last:
            self.fport: int | None = None
            self.payload = b""
            return
        self.fport = raw[end]
        if self.fport == 0 and end > 8:
            raise ValueError
        self.payload = raw[end + 1 : last]
