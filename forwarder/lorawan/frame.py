"""The PHYPayload of every LoRaWAN message type: bytes to values and back. Pure.

Ref: LoRa Alliance TS001-1.0.4 and LoRaWAN 1.1, chapters 4 and 6. Addresses, EUIs and counters are
little-endian on the air and integers here. What was parsed encodes to the same bytes again,
reserved bits included.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum

MIC_SIZE = 4
FHDR = struct.Struct("<BIBH")  # MHDR, DevAddr, FCtrl, FCnt
JOIN_REQUEST = struct.Struct("<BQQH")  # MHDR, JoinEUI, DevEUI, DevNonce
JOIN_ACCEPT_SIZES = (17, 33)  # without and with a CFList
REJOIN_SIZES = {0: 19, 1: 24, 2: 19}  # by rejoin type


class FrameError(ValueError):
    """These bytes are no LoRaWAN frame; says what was expected and what came."""


class MType(Enum):
    """Bits 7 to 5 of the MHDR."""

    JOIN_REQUEST = 0
    JOIN_ACCEPT = 1
    UNCONFIRMED_UP = 2
    UNCONFIRMED_DOWN = 3
    CONFIRMED_UP = 4
    CONFIRMED_DOWN = 5
    REJOIN_REQUEST = 6
    PROPRIETARY = 7

    @property
    def uplink(self) -> bool:
        """Whether a device sends it; of a proprietary frame nobody knows, and it counts as one."""
        return self.value not in (1, 3, 5)

    @property
    def confirmed(self) -> bool:
        return self in (MType.CONFIRMED_UP, MType.CONFIRMED_DOWN)


DATA = (MType.UNCONFIRMED_UP, MType.UNCONFIRMED_DOWN, MType.CONFIRMED_UP, MType.CONFIRMED_DOWN)


@dataclass(frozen=True, slots=True)
class Header:
    """The MHDR; `reserved` is its bits 4 to 2."""

    mtype: MType
    reserved: int = 0
    major: int = 0

    @classmethod
    def parse(cls, byte: int) -> Header:
        return cls(MType(byte >> 5), byte >> 2 & 7, byte & 3)

    def byte(self) -> int:
        return self.mtype.value << 5 | self.reserved << 2 | self.major


@dataclass(frozen=True, slots=True)
class DataFrame:
    """A data frame. `payload` (FRMPayload) and, in 1.1, `fopts` are as on the air: encrypted.

    `adr_ack_req` is the reserved bit of a downlink; `pending` is FPending in a downlink and the
    class B flag in an uplink. `fport` is None where there is none, then `payload` is empty.
    `fcnt` is the low 16 bits.
    """

    header: Header
    dev_addr: int
    fcnt: int
    adr: bool = False
    adr_ack_req: bool = False
    ack: bool = False
    pending: bool = False
    fopts: bytes = b""
    fport: int | None = None
    payload: bytes = b""
    mic: bytes = b"\0\0\0\0"

    def body(self) -> bytes:
        """What the MIC covers: everything before it."""
        flags = self.adr << 7 | self.adr_ack_req << 6 | self.ack << 5 | self.pending << 4
        head = FHDR.pack(
            self.header.byte(), self.dev_addr, flags | len(self.fopts), self.fcnt & 0xFFFF
        )
        port = b"" if self.fport is None else bytes([self.fport])
        return head + self.fopts + port + self.payload

    def encode(self) -> bytes:
        return self.body() + self.mic


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """What a device asks to be let in with; nothing of it is secret."""

    header: Header
    join_eui: int
    dev_eui: int
    dev_nonce: int
    mic: bytes = b"\0\0\0\0"

    def body(self) -> bytes:
        return JOIN_REQUEST.pack(
            self.header.byte(), self.join_eui, self.dev_eui, self.dev_nonce & 0xFFFF
        )

    def encode(self) -> bytes:
        return self.body() + self.mic


@dataclass(frozen=True, slots=True)
class SealedJoinAccept:
    """A join-accept as it is on the air; `sealed` (16 or 32 bytes) hides fields and MIC."""

    header: Header
    sealed: bytes

    def encode(self) -> bytes:
        return bytes([self.header.byte()]) + self.sealed


@dataclass(frozen=True, slots=True)
class RejoinRequest:
    """A 1.1 rejoin-request: types 0 and 2 carry `net_id`, type 1 `join_eui`."""

    header: Header
    rejoin_type: int
    dev_eui: int
    rj_count: int
    net_id: int | None = None
    join_eui: int | None = None
    mic: bytes = b"\0\0\0\0"

    def body(self) -> bytes:
        if self.rejoin_type == 1:
            home = (self.join_eui or 0).to_bytes(8, "little")
        else:
            home = (self.net_id or 0).to_bytes(3, "little")
        tail = struct.pack("<QH", self.dev_eui, self.rj_count)
        return bytes([self.header.byte(), self.rejoin_type]) + home + tail

    def encode(self) -> bytes:
        return self.body() + self.mic


@dataclass(frozen=True, slots=True)
class Proprietary:
    """Opaque; whoever sent it knows."""

    header: Header
    content: bytes

    def encode(self) -> bytes:
        return bytes([self.header.byte()]) + self.content


Frame = DataFrame | JoinRequest | SealedJoinAccept | RejoinRequest | Proprietary


@dataclass(frozen=True, slots=True)
class JoinAccept:
    """The clear fields of a join-accept. `rx_delay` is as sent: 0 and 1 both mean one second."""

    join_nonce: int
    net_id: int
    dev_addr: int
    dl_settings: int = 0
    rx_delay: int = 1
    cf_list: bytes = b""

    @property
    def opt_neg(self) -> bool:
        """Whether the session is LoRaWAN 1.1."""
        return bool(self.dl_settings & 0x80)

    @property
    def rx1_dr_offset(self) -> int:
        return self.dl_settings >> 4 & 7

    @property
    def rx2_dr(self) -> int:
        return self.dl_settings & 15

    def encode(self) -> bytes:
        """The fields in their order, without MHDR and MIC: 12 or 28 bytes."""
        return (
            self.join_nonce.to_bytes(3, "little")
            + self.net_id.to_bytes(3, "little")
            + self.dev_addr.to_bytes(4, "little")
            + bytes([self.dl_settings, self.rx_delay])
            + self.cf_list
        )

    @classmethod
    def parse(cls, clear: bytes) -> JoinAccept:
        """Take 12 or 28 clear bytes. Raises FrameError."""
        if len(clear) not in (12, 28):
            raise FrameError(f"join-accept fields of 12 or 28 bytes expected, not {len(clear)}")
        little = int.from_bytes
        return cls(
            join_nonce=little(clear[0:3], "little"),
            net_id=little(clear[3:6], "little"),
            dev_addr=little(clear[6:10], "little"),
            dl_settings=clear[10],
            rx_delay=clear[11],
            cf_list=clear[12:],
        )


def parse(data: bytes) -> Frame:
    """One PHYPayload. Raises FrameError, and nothing else, whatever the bytes."""
    if not data:
        raise FrameError("a frame of at least one byte expected, not an empty one")
    header = Header.parse(data[0])
    if header.mtype is MType.PROPRIETARY:
        return Proprietary(header, data[1:])
    if header.major != 0:
        raise FrameError(f"major version 0 (LoRaWAN R1) expected, not {header.major}")
    if header.mtype in DATA:
        return _data(header, data)
    if header.mtype is MType.JOIN_REQUEST:
        return _join_request(header, data)
    if header.mtype is MType.JOIN_ACCEPT:
        return _join_accept(header, data)
    return _rejoin(header, data)


def _data(header: Header, data: bytes) -> DataFrame:
    if len(data) < FHDR.size + MIC_SIZE:
        raise FrameError(f"a data frame of 12 bytes or more expected, not {len(data)}")
    _, dev_addr, fctrl, fcnt = FHDR.unpack_from(data)
    body, mic = data[:-MIC_SIZE], data[-MIC_SIZE:]
    end = FHDR.size + (fctrl & 15)
    if end > len(body):
        raise FrameError(
            f"FOptsLen {fctrl & 15} runs past the end: {len(body) - FHDR.size} bytes are left"
        )
    rest = body[end:]
    if fctrl & 15 and rest[:1] == b"\0":
        raise FrameError("FOpts together with FPort 0: MAC commands may stand in one place only")
    return DataFrame(
        header=header,
        dev_addr=dev_addr,
        fcnt=fcnt,
        adr=bool(fctrl & 0x80),
        adr_ack_req=bool(fctrl & 0x40),
        ack=bool(fctrl & 0x20),
        pending=bool(fctrl & 0x10),
        fopts=body[FHDR.size : end],
        fport=rest[0] if rest else None,
        payload=rest[1:],
        mic=mic,
    )


def _join_request(header: Header, data: bytes) -> JoinRequest:
    if len(data) != JOIN_REQUEST.size + MIC_SIZE:
        raise FrameError(f"a join-request of 23 bytes expected, not {len(data)}")
    _, join_eui, dev_eui, dev_nonce = JOIN_REQUEST.unpack_from(data)
    return JoinRequest(header, join_eui, dev_eui, dev_nonce, data[-MIC_SIZE:])


def _join_accept(header: Header, data: bytes) -> SealedJoinAccept:
    if len(data) not in JOIN_ACCEPT_SIZES:
        raise FrameError(f"a join-accept of 17 or 33 bytes expected, not {len(data)}")
    return SealedJoinAccept(header, data[1:])


def _rejoin(header: Header, data: bytes) -> RejoinRequest:
    kind = data[1] if len(data) > 1 else -1
    if kind not in REJOIN_SIZES:
        raise FrameError(f"a rejoin-request of type 0, 1 or 2 expected, not {kind}")
    if len(data) != REJOIN_SIZES[kind]:
        raise FrameError(
            f"a rejoin-request type {kind} of {REJOIN_SIZES[kind]} bytes expected, not {len(data)}"
        )
    home = int.from_bytes(data[2:-14], "little")
    dev_eui, rj_count = struct.unpack("<QH", data[-14:-MIC_SIZE])
    by_eui = kind == 1
    return RejoinRequest(
        header,
        kind,
        dev_eui,
        rj_count,
        net_id=None if by_eui else home,
        join_eui=home if by_eui else None,
        mic=data[-MIC_SIZE:],
    )
