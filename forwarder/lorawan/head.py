"""Who sent a frame and who it is for, as far as it says so in clear. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from .frame import DataFrame, FrameError, JoinRequest, MType, RejoinRequest, parse


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
        try:
            frame = parse(payload)
        except FrameError:
            return NOTHING
        mtype = frame.header.mtype
        if isinstance(frame, DataFrame):
            return cls(mtype, dev_addr=frame.dev_addr)
        if isinstance(frame, JoinRequest):
            return cls(mtype, join_eui=frame.join_eui, dev_eui=frame.dev_eui)
        if isinstance(frame, RejoinRequest):
            return cls(mtype, net_id=frame.net_id, join_eui=frame.join_eui, dev_eui=frame.dev_eui)
        return cls(mtype)


NOTHING = Head()
