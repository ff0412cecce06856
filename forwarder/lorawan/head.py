"""Who sent a frame and who it is for, as far as it says so in clear. Pure.

What `frame.parse` says, without the rest: this is asked of every frame that is filtered.
"""

from __future__ import annotations

from dataclasses import dataclass

from .frame import DATA, FHDR, MIC_SIZE, FrameError, JoinRequest, MType, RejoinRequest, parse

_MTYPES = tuple(MType(bits) for bits in range(8))


@dataclass(frozen=True, slots=True)
class Head:
    """The addresses of one frame; None for what it does not carry.

    `mtype` is None for bytes that are no LoRaWAN frame. `net_id` is what a rejoin-request of type 0
    or 2 says, not what a DevAddr implies.
    """

    mtype: MType | None = None
    dev_addr: int | None = None
    net_id: int | None = None
    join_eui: int | None = None
    dev_eui: int | None = None

    @classmethod
    def of(cls, payload: bytes) -> Head:
        """Read a PHYPayload; never raises, whatever the bytes."""
        if payload and payload[0] & 3 == 0 and _MTYPES[payload[0] >> 5] in DATA:
            return cls._of_data(payload)
        try:
            frame = parse(payload)
        except FrameError:
            return NOTHING
        mtype = frame.header.mtype
        if isinstance(frame, JoinRequest):
            return cls(mtype, None, None, frame.join_eui, frame.dev_eui)
        if isinstance(frame, RejoinRequest):
            return cls(mtype, None, frame.net_id, frame.join_eui, frame.dev_eui)
        return cls(mtype)

    @classmethod
    def _of_data(cls, payload: bytes) -> Head:
        """Most frames are data: their address, if what surrounds it can be."""
        if len(payload) < FHDR.size + MIC_SIZE:
            return NOTHING
        mhdr, dev_addr, fctrl, _ = FHDR.unpack_from(payload)
        options = fctrl & 15
        port_at, mic_at = FHDR.size + options, len(payload) - MIC_SIZE
        if port_at > mic_at or (options and port_at < mic_at and payload[port_at] == 0):
            return NOTHING
        return cls(_MTYPES[mhdr >> 5], dev_addr)


NOTHING = Head()
