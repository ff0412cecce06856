"""What a local broker sees of a gateway: topics, and downlinks as they are asked for. Pure.

edgemast/<gateway>/state            {"state": "online"}, retained; the last will says offline
edgemast/<gateway>/<DevEUI>/up      a record (docs/local-mode.md)
edgemast/<gateway>/<DevEUI>/down    what somebody on site wants sent
edgemast/<gateway>/<DevEUI>/down/state   what became of it
"""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64

import msgspec

from ..values import LocalDownlink, Record

LARGEST_DOWN = 16_384
MOST_BYTES = 242  # of application payload
_DEV_EUI = re.compile(r"[0-9a-f]{16}")


class Topics:
    """Topic names under `prefix` for one gateway (16 hex digits)."""

    def __init__(self, prefix: str, gateway: str) -> None:
        self._base = f"{prefix}/{gateway}"
        self.state = f"{self._base}/state"
        self.downs = f"{self._base}/+/down"

    def up(self, record: Record) -> str:
        """Frames of nobody we know stand under their DevAddr."""
        return f"{self._base}/{record.dev_eui or record.dev_addr}/up"

    def down_state(self, dev_eui: str) -> str:
        return f"{self._base}/{dev_eui}/down/state"

    def device(self, topic: str) -> str:
        """The DevEUI in the topic of a downlink; empty if what stands there is none."""
        name = topic.removeprefix(self._base + "/").partition("/")[0].lower()
        return name if _DEV_EUI.fullmatch(name) else ""


class DownBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of `payload` (base64), `payload_hex` and `object` (for the device's codec)."""

    fport: int
    payload: str | None = None
    payload_hex: str | None = None
    value: object = msgspec.field(default=msgspec.UNSET, name="object")
    confirmed: bool = False
    reference: str = ""


def read_down(dev_eui: str, data: bytes) -> LocalDownlink:
    """A downlink as it was asked for. Raises ValueError with what was expected."""
    if len(data) > LARGEST_DOWN:
        raise ValueError(f"{len(data)} bytes; at most {LARGEST_DOWN} expected")
    try:
        body = msgspec.json.decode(data, type=DownBody)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f'{{"fport": 1, "payload_hex": "..."}} expected: {error}') from error
    if not 1 <= body.fport <= 223:
        raise ValueError(f"fport is {body.fport}; 1 to 223 expected")
    given = [body.payload is not None, body.payload_hex is not None]
    given.append(body.value is not msgspec.UNSET)
    if sum(given) != 1:
        raise ValueError("exactly one of payload, payload_hex and object expected")
    payload = _payload(body)
    if payload is not None and len(payload) > MOST_BYTES:
        raise ValueError(f"{len(payload)} bytes of payload; at most {MOST_BYTES} expected")
    decoded = None if body.value is msgspec.UNSET else body.value
    return LocalDownlink(dev_eui, body.fport, payload, decoded, body.confirmed, body.reference)


def _payload(body: DownBody) -> bytes | None:
    try:
        if body.payload is not None:
            return a2b_base64(body.payload.encode("ascii"), strict_mode=True)
        if body.payload_hex is not None:
            return bytes.fromhex(body.payload_hex)
    except (Base64Error, UnicodeEncodeError, ValueError) as error:
        raise ValueError(f"the payload cannot be read: {error}") from error
    return None
