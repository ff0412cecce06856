"""Records of frames: made from what was heard and judged, and written as JSON. Pure.

docs/local-mode.md has the schema; a key that is not known is left out, never null.
"""

from __future__ import annotations

from binascii import b2a_base64
from datetime import UTC, datetime, timedelta

import msgspec

from hal.modulation import CODING_RATES, LoRa

from ..packets import Uplink
from .heard import Heard
from .session import IDENT_SIZE, Session
from .table import Verdict
from .values import FcntState, MicState, PayloadState, RadioFacts, Record

SCHEMA = 1  # grows when a field changes its meaning; new fields do not count
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATARATES = {
    (sf, bw): f"SF{sf}BW{bw // 1000}" for sf in range(5, 13) for bw in (125_000, 250_000, 500_000)
}


def radio_facts(uplink: Uplink) -> RadioFacts:
    """How a frame was heard. Levels as Semtech's `rssi` and `lsnr` have them."""
    frame = uplink.frame
    modulation = frame.modulation
    if isinstance(modulation, LoRa):
        datarate = _DATARATES[modulation.sf, modulation.bw_hz]
        coding_rate = CODING_RATES.get(modulation.coding_rate, "OFF")
    else:
        datarate, coding_rate = str(modulation.bitrate_bps), None
    return RadioFacts(
        frame.counter_us & 0xFFFFFFFF,
        frame.freq_hz,
        datarate,
        coding_rate,
        round(frame.rssi_channel_dbm),
        None if frame.snr_db is None else round(frame.snr_db, 1),
        frame.if_chain,
        frame.rf_chain,
    )


def dedup(heard: Heard) -> str:
    """The same at every gateway that hears these bytes: DevAddr, FCtrl, FCnt and MIC as sent."""
    return heard.raw[1:8].hex() + heard.mic.hex()


def judged(
    gateway: str,
    heard: Heard,
    radio: RadioFacts,
    time_ns: int,
    verdict: Verdict,
    payload_state: PayloadState,
    payload: bytes | None,
    note: str,
    late: bool,
) -> Record:
    """A frame of an enrolled device."""
    session = verdict.session
    device = session.device
    # By position and in the order of the fields: this is the way of every frame.
    return Record(
        gateway,
        time_ns,
        f"{heard.dev_addr:08x}",
        verdict.mic,
        payload_state,
        verdict.state,
        heard.raw,
        radio,
        device.dev_eui,
        device.name or None,
        verdict.fcnt,
        heard.fport,
        heard.confirmed,
        payload,
        None,
        None,
        (),
        session.origin,
        session.idents[:IDENT_SIZE].hex(),
        heard.raw[1:8].hex() + heard.mic.hex(),
        note,
        late,
    )


def unjudged(
    gateway: str,
    heard: Heard,
    radio: RadioFacts,
    time_ns: int,
    mic: MicState,
    note: str,
    session: Session | None = None,
) -> Record:
    """A frame that no key fits. `session` is the only one whose frame it claims to be."""
    empty = heard.fport is None or not heard.payload
    return Record(
        gateway=gateway,
        time_ns=time_ns,
        dev_addr=f"{heard.dev_addr:08x}",
        mic=mic,
        payload_state=PayloadState.EMPTY if empty else PayloadState.NO_KEY,
        fcnt_state=FcntState.NEW,
        raw=heard.raw,
        radio=radio,
        dev_eui=session.device.dev_eui if session else None,
        device_name=(session.device.name or None) if session else None,
        fport=heard.fport,
        confirmed=heard.confirmed,
        dedup=dedup(heard),
        note=note,
    )


def as_dict(record: Record) -> dict[str, object]:
    """The JSON object of a record, with what is not known left out."""
    told: dict[str, object] = {
        "schema": SCHEMA,
        "gateway": record.gateway,
        "time": _time(record.time_ns),
        "dev_eui": record.dev_eui,
        "name": record.device_name,
        "dev_addr": record.dev_addr,
        "mic": record.mic.value,
        "payload_state": record.payload_state.value,
        "fcnt_state": record.fcnt_state.value,
        "fcnt": record.fcnt,
        "fport": record.fport,
        "confirmed": record.confirmed,
        "payload": None if record.payload is None else _base64(record.payload),
        "payload_hex": None if record.payload is None else record.payload.hex(),
        "decoded": record.decoded,
        "codec_error": record.codec_error,
        "codec_warnings": list(record.codec_warnings) or None,
        "key_origin": record.key_origin.value if record.key_origin else None,
        "session": record.session,
        "dedup": record.dedup,
        "note": record.note or None,
        "late": record.late,
        "radio": _radio(record.radio),
        "raw": _base64(record.raw),
        **record.extra,
    }
    return {key: value for key, value in told.items() if value is not None}


def to_json(record: Record) -> bytes:
    """One line without its end. A value that JSON does not have (from a codec) becomes text."""
    return msgspec.json.encode(as_dict(record), enc_hook=str)


def _radio(radio: RadioFacts) -> dict[str, object]:
    told: dict[str, object] = {
        "freq_hz": radio.freq_hz,
        "datarate": radio.datarate,
        "coding_rate": radio.coding_rate,
        "rssi_dbm": radio.rssi_dbm,
        "snr_db": radio.snr_db,
        "channel": radio.channel,
        "rf_chain": radio.rf_chain,
        "tmst": radio.tmst,
    }
    return {key: value for key, value in told.items() if value is not None}


def _time(time_ns: int) -> str:
    when = _EPOCH + timedelta(microseconds=time_ns // 1000)
    return f"{when:%Y-%m-%dT%H:%M:%S.%f}Z"


def _base64(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode("ascii")
