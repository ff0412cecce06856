"""MAC commands: what a device asks and is answered, and what it is asked (ADR, status). Pure.

Ref: TS001-1.0.4 chapter 5, LoRaWAN 1.1 section 5.11 (RekeyInd).
"""

from __future__ import annotations

from ...lorawan.mac_commands import MacCommand
from ...lorawan.region import Region
from ..values import RadioFacts
from .session import SNRS_KEPT, NetSession
from .windows import margin_db, uplink_dr

LINK_CHECK, LINK_ADR, DEV_STATUS, REKEY, DEVICE_TIME = 0x02, 0x03, 0x06, 0x0B, 0x0D
DEVICE_MODE = 0x20
FOPTS_SIZE = 15
ACCEPTED = {"ch_mask_ack": 1, "data_rate_ack": 1, "power_ack": 1}
STEP_DB = 3.0


def answers(commands: list[MacCommand], radio: RadioFacts, gps_ns: int | None) -> bytes:
    """What is due to a device's requests, as many as fit FOpts.

    `gps_ns` is when the frame ended, nanoseconds since 1980-01-06 without leap seconds; None where
    nobody knows: better no time than a wrong one.
    """
    found = b""
    for command in commands:
        answer = _answer(command, radio, gps_ns)
        if len(found) + len(answer) <= FOPTS_SIZE:
            found += answer
    return found


def _answer(command: MacCommand, radio: RadioFacts, gps_ns: int | None) -> bytes:
    match command.cid:
        case 0x02 if len(command.raw) == 1:
            return bytes([LINK_CHECK, max(0, min(254, int(margin_db(radio)))), 1])
        case 0x0D if gps_ns is not None:
            whole, rest = divmod(gps_ns, 1_000_000_000)
            fraction = rest * 256 // 1_000_000_000
            return (
                bytes([DEVICE_TIME])
                + (whole & 0xFFFFFFFF).to_bytes(4, "little")
                + bytes([fraction])
            )
        case 0x0B if command.fields:
            return bytes([REKEY, 1])  # LoRaWAN 1.1
        case 0x20 if command.fields:
            return bytes([DEVICE_MODE, command.fields["device_class"]])
    return b""


def heard(session: NetSession, commands: list[MacCommand]) -> dict[str, object]:
    """Take a device's answers; what of them a record should tell."""
    told: dict[str, object] = {}
    for command in commands:
        if command.cid == LINK_ADR and command.fields:
            _adr_answered(session, accepted=command.fields == ACCEPTED)
        elif command.cid == DEV_STATUS and command.fields:
            told["battery"] = command.fields["battery"]
            told["device_margin_db"] = command.fields["margin_db"]
    return told


def _adr_answered(session: NetSession, *, accepted: bool) -> None:
    if session.adr_asked is None:
        return
    if accepted:
        _, session.power_index = session.adr_asked
        session.snrs.clear()
    session.adr_refused = not accepted
    session.adr_asked = None


def adr(session: NetSession, region: Region, radio: RadioFacts, keep_db: float) -> bytes:
    """LinkADRReq that would serve this device better; empty if nothing would.

    First faster, then weaker, by the best of the last frames, `keep_db` in hand. Never slower: a
    device that is not heard notices by itself (ADRACKReq), and one that is needs no help.
    """
    dr = uplink_dr(region, radio)
    if dr is None or session.adr_refused or len(session.snrs) < SNRS_KEPT:
        return b""
    steps = int((max(session.snrs) - keep_db) // STEP_DB)
    fastest = max(session.plan[i].max_dr for i in session.plan if session.plan[i].min_dr <= dr)
    fastest = min(fastest, max(region.uplink_rates()))
    wanted = min(dr + max(steps, 0), max(fastest, dr))
    steps -= wanted - dr
    power = max(0, min(session.power_index + steps, region.max_power_index))
    if wanted == dr and power == session.power_index:
        return b""
    session.adr_asked = (wanted, power)
    return _link_adr(session, region, wanted, power)


def _link_adr(session: NetSession, region: Region, dr: int, power: int) -> bytes:
    """The channels stay as the join-accept left them: masks repeat it."""
    first = bytes([LINK_ADR, dr << 4 | power])
    once = 1  # NbTrans
    if not region.fixed_channels:
        mask = sum(1 << index for index in session.plan if index < 16)
        return first + mask.to_bytes(2, "little") + bytes([once])
    if len(session.plan) == len(region.channels):
        return first + b"\xff\x00" + bytes([6 << 4 | once])
    narrow = [index for index in session.plan if index < len(region.channels) // 16 * 16]
    blocks = sorted({index // 16 for index in narrow})
    masks = [
        (block, sum(1 << index % 16 for index in narrow if index // 16 == block))
        for block in blocks
    ]
    wide = sum(1 << index - 64 for index in session.plan if 64 <= index < 72)
    if len(region.channels) % 16:
        masks.insert(0, (7, wide))  # all narrow ones off, then those of the plan on
    else:
        masks = [(block, dict(masks).get(block, 0)) for block in range(len(region.channels) // 16)]
    request = b"".join(
        first + mask.to_bytes(2, "little") + bytes([block << 4 | once]) for block, mask in masks
    )
    return request if len(request) <= FOPTS_SIZE else b""
