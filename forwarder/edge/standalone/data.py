"""Whether a data frame belongs to a session of ours, and what it says. Pure.

Nothing changes here: a counter is a guess until the MIC confirms it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hmac import compare_digest

from ...lorawan import mac_commands
from ...lorawan.counter import Step, reconstruct
from ...lorawan.crypto import UP
from ...lorawan.frame import DataFrame
from ...lorawan.mac_commands import MacCommand
from ...lorawan.region import Region
from ..frame_crypto import crypt_fopts, crypt_payload, data_mic, uplink_mic_1_1
from ..values import FcntState, KeyOrigin, MicState, PayloadState, RadioFacts, Record
from .session import APP_KEY, NetSession
from .windows import channel_index, uplink_dr

RELAY_PORT = 226


@dataclass(frozen=True, slots=True)
class Match:
    session: NetSession
    fcnt: int
    repeat: bool


def owner(
    sessions: Iterable[NetSession], frame: DataFrame, radio: RadioFacts, region: Region
) -> Match | None:
    """Whose frame this is: the session whose keys give its MIC, and the counter that does."""
    for session in sessions:
        candidate = reconstruct(session.up, frame.fcnt)
        if candidate.full is None:
            continue
        mic = _mic(session, frame, candidate.full, radio, region)
        if mic is not None and compare_digest(mic, frame.mic):
            return Match(session, candidate.full, candidate.step is Step.REPEAT)
    return None


def _mic(
    session: NetSession, frame: DataFrame, fcnt: int, radio: RadioFacts, region: Region
) -> bytes | None:
    key = session.key("f_nwk_s_int")
    if key is None:
        return None
    body = frame.body()
    if not session.lorawan_1_1:
        return data_mic(key, body, UP, frame.dev_addr, fcnt)
    serving = session.key("s_nwk_s_int")
    dr, channel = uplink_dr(region, radio), channel_index(session.plan, radio.freq_hz)
    if serving is None or dr is None or channel is None:
        return None
    return uplink_mic_1_1(
        key,
        serving,
        body,
        frame.dev_addr,
        fcnt,
        conf_fcnt=session.conf_down if frame.ack else 0,
        tx_dr=dr,
        tx_ch=channel,
    )


def commands(match: Match, frame: DataFrame) -> list[MacCommand]:
    """The MAC commands in FOpts, or on FPort 0."""
    session, fcnt = match.session, match.fcnt
    key = session.command_key()
    clear = frame.fopts
    if frame.fport == 0 and key is not None:
        clear = crypt_payload(key, UP, frame.dev_addr, fcnt, frame.payload)
    elif session.lorawan_1_1 and key is not None:
        clear = crypt_fopts(key, UP, frame.dev_addr, fcnt, frame.fopts)
    return mac_commands.parse(clear, uplink=True)


def record(
    match: Match,
    frame: DataFrame,
    radio: RadioFacts,
    *,
    gateway: str,
    time_ns: int,
    extra: dict[str, object],
) -> Record:
    """What is published of a new frame."""
    session = match.session
    state, payload, note = _payload(match, frame)
    raw = frame.encode()
    return Record(
        gateway=gateway,
        time_ns=time_ns,
        dev_addr=f"{frame.dev_addr:08x}",
        mic=MicState.OK,
        payload_state=state,
        fcnt_state=FcntState.NEW,
        raw=raw,
        radio=radio,
        dev_eui=session.device.dev_eui,
        device_name=session.device.name or None,
        fcnt=match.fcnt,
        fport=frame.fport,
        confirmed=frame.header.mtype.confirmed,
        payload=payload,
        key_origin=KeyOrigin.JOIN,
        session=session.hash,
        dedup=raw[1:8].hex() + frame.mic.hex(),
        note=note,
        extra=extra,
    )


def _payload(match: Match, frame: DataFrame) -> tuple[PayloadState, bytes | None, str]:
    if not frame.payload:
        return PayloadState.EMPTY, None, ""
    if frame.fport == 0:
        return PayloadState.MAC_ONLY, None, ""
    if frame.fport == RELAY_PORT:
        return PayloadState.RELAY, None, ""
    session = match.session
    key = session.key(APP_KEY)
    if key is None and not session.fault:
        return PayloadState.PENDING_KEY, None, "the AppSKey is not known yet"
    if key is None:
        return PayloadState.NO_KEY, None, session.fault
    clear = crypt_payload(key, UP, frame.dev_addr, match.fcnt, frame.payload)
    return PayloadState.DECRYPTED, clear, ""
