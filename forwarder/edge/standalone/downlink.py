"""Data downlinks: encrypted with AppSKey, MICed, and put into a receive window. Pure.

Ref: TS001-1.0.4 and LoRaWAN 1.1, sections 4.3 and 4.4. The counter of a frame is taken here and
nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...lorawan.crypto import DOWN
from ...lorawan.frame import DataFrame, Header, MType
from ..frame_crypto import crypt_fopts, crypt_payload, data_mic
from .queue import Item
from .session import APP_KEY, NetSession


@dataclass(frozen=True, slots=True)
class Content:
    """What a downlink carries. `acked` is the FCntUp that `ack` acknowledges."""

    ack: bool = False
    acked: int = 0
    commands: bytes = b""
    item: Item | None = None
    pending: bool = False

    @property
    def size(self) -> int:
        """Of FOpts and payload: what the region's limit for the payload is about."""
        return len(self.commands) + (0 if self.item is None else len(self.item.payload))


def build(session: NetSession, content: Content) -> bytes | str:
    """The PHYPayload with its counter used up, or why there is none."""
    item = content.item
    fport = None if item is None else item.downlink.fport
    mic_key, app_key = session.downlink_key(), session.key(APP_KEY)
    if mic_key is None or (item is not None and app_key is None):
        return session.fault or "the application session key is not known"
    counter = session.counter(fport)
    fcnt = counter.take()
    if fcnt is None:
        if counter.exhausted:
            return "the downlink counter is at its end: the device must join again"
        return "no counter is reserved on disk: sending could use one twice"
    payload = b""
    if item is not None and app_key is not None:
        payload = crypt_payload(app_key, DOWN, session.dev_addr, fcnt, item.payload)
    confirmed = item is not None and item.downlink.confirmed
    frame = DataFrame(
        Header(MType.CONFIRMED_DOWN if confirmed else MType.UNCONFIRMED_DOWN),
        session.dev_addr,
        fcnt & 0xFFFF,
        adr=True,
        ack=content.ack,
        pending=content.pending,
        fopts=_fopts(session, content.commands, fcnt, application=bool(fport)),
        fport=fport,
        payload=payload,
    )
    if confirmed:
        session.conf_down = fcnt & 0xFFFF
    body = frame.body()
    conf_fcnt = content.acked & 0xFFFF if session.lorawan_1_1 and content.ack else 0
    return body + data_mic(mic_key, body, DOWN, session.dev_addr, fcnt, conf_fcnt=conf_fcnt)


def _fopts(session: NetSession, commands: bytes, fcnt: int, *, application: bool) -> bytes:
    key = session.command_key()
    if not session.lorawan_1_1 or key is None:
        return commands
    return crypt_fopts(key, DOWN, session.dev_addr, fcnt, commands, application=application)
