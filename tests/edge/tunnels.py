"""One device's session as each make of network server reports it. Written from their references.

ChirpStack: api/proto/integration/integration.proto and chirpstack/src/test/class_a_test.rs, whose
end-to-end cases these follow. The Things Stack: api/ttn/lorawan/v3/messages.proto, keys.proto.
ThingPark: docs.thingpark.com, LRC-AS tunnel interface. LORIOT: docs.loriot.io, AppSKey answer.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

from forwarder.edge.keys import SoftKey
from forwarder.edge.values import Envelope, Scheme
from forwarder.lorawan.crypto import UP, crypt_payload, data_mic

LABEL = "as:edge-as.example"
KEK = bytes.fromhex("f07e9a4640fcec057cfa546d7396fdf5")
APP_S_KEY = bytes.fromhex("b338253af2441d03957ba85b5abd9eed")
NWK_S_KEY = bytes.fromhex("fc98e8c616785c696c3c47583acf9c28")
SESSION_ID = bytes.fromhex("f90326efb4aa51701ce379b230eec451")
DEV_EUI, JOIN_EUI = "fd4706f1288e96a0", "77cfd2ffbd3e1497"
DEV_ADDR = 0x26C3D3AB
FCNT = 70_000
CLEAR = b"12.5C/61%"
CIPHERTEXT = crypt_payload(APP_S_KEY, UP, DEV_ADDR, FCNT, CLEAR)
MIC = data_mic(NWK_S_KEY, b"any body", UP, DEV_ADDR, FCNT)
WRAPPED = aes_key_wrap(KEK, APP_S_KEY)
CBC0 = Cipher(algorithms.AES(KEK), modes.CBC(bytes(16))).encryptor().update(APP_S_KEY)


class TestVault:
    """Opens envelopes under the one KEK there is, whatever they call it."""

    __test__ = False

    def open(self, envelope: Envelope, source: str) -> SoftKey:
        match envelope.scheme:
            case Scheme.RFC3394:
                return SoftKey(aes_key_unwrap(KEK, envelope.wrapped))
            case Scheme.CBC0:
                cipher = Cipher(algorithms.AES(KEK), modes.CBC(bytes(16))).decryptor()
                return SoftKey(cipher.update(envelope.wrapped) + cipher.finalize())
            case Scheme.CLEAR:
                return SoftKey(envelope.wrapped)


def base64(data: bytes) -> str:
    return b64encode(data).decode()


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()


def chirpstack_up(context: object = ..., **changes: object) -> bytes:
    envelope = {"kekLabel": LABEL, "aesKey": base64(WRAPPED)}
    if context is ...:
        context = {"sessionKeyId": SESSION_ID.hex(), "appSKey": envelope}
    event = {
        "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
        "time": "2026-07-18T09:34:15.775023242+00:00",
        "deviceInfo": {
            "tenantId": "52f14cd4-c6f1-4fbd-8f87-4025e1d49242",
            "tenantName": "A site",
            "applicationId": "17c82e96-be03-4f38-aef3-f83d48582d97",
            "applicationName": "Cold store",
            "deviceProfileId": "14855bf7-d10d-4aee-b618-ebfcb64dc7ad",
            "deviceProfileName": "Sensor",
            "deviceName": "door-3",
            "devEui": DEV_EUI,
            "tags": {},
        },
        "devAddr": f"{DEV_ADDR:08x}",
        "adr": True,
        "dr": 5,
        "fCnt": FCNT,
        "fPort": 2,
        "confirmed": False,
        "data": base64(CIPHERTEXT),
        "rxInfo": [{"gatewayId": "0016c001f153a14c", "uplinkId": 4217106255, "rssi": -36}],
        "txInfo": {"frequency": 868100000},
        "regionConfigId": "eu868",
        "joinServerContext": context,
    }
    return encoded(event | changes)


def chirpstack_join(context: object = ...) -> bytes:
    event = json.loads(chirpstack_up(context))
    for name in ("adr", "dr", "fCnt", "fPort", "confirmed", "data", "rxInfo", "txInfo"):
        del event[name]
    if context is ...:
        del event["joinServerContext"]["sessionKeyId"]
    return encoded(event)


def field(number: int, value: bytes | int) -> bytes:
    """One protobuf field."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def _protobuf_parts(context_field: int) -> bytes:
    envelope = field(1, LABEL.encode()) + field(2, WRAPPED)
    context = field(1, SESSION_ID.hex().encode()) + field(2, envelope)
    info = field(7, b"door-3") + field(8, DEV_EUI.encode()) + field(10, 1)
    return field(1, b"3ac7e3c4") + field(3, info) + field(context_field, context)


def chirpstack_up_protobuf() -> bytes:
    # A float and a fixed64 as rx_info and others hold them, to be stepped over.
    rx_info = field(12, b"\x3d\x00\x00\x80\x3f" + b"\x09" + bytes(8))
    return (
        _protobuf_parts(15)
        + field(4, f"{DEV_ADDR:08x}".encode())
        + field(7, FCNT)
        + field(8, 2)
        + field(10, CIPHERTEXT)
        + rx_info
    )


def chirpstack_join_protobuf() -> bytes:
    return _protobuf_parts(6) + field(4, f"{DEV_ADDR:08x}".encode())


def _tts(kind: str, body: dict[str, object], **changes: object) -> bytes:
    up = {
        "end_device_ids": {
            "device_id": "door-3",
            "application_ids": {"application_id": "cold-store"},
            "dev_eui": DEV_EUI.upper(),
            "join_eui": JOIN_EUI.upper(),
            "dev_addr": f"{DEV_ADDR:08X}",
        },
        "correlation_ids": ["as:up:01E0WZGT6Y7657CPFPE5WEYDSQ"],
        "received_at": "2026-07-18T09:34:15.775Z",
        kind: body,
    }
    return encoded(up | changes)


def tts_key() -> dict[str, object]:
    return {"kek_label": LABEL, "encrypted_key": base64(WRAPPED)}


def tts_up(changes: dict[str, object] | None = None, **outer: object) -> bytes:
    body: dict[str, object] = {
        "session_key_id": base64(SESSION_ID),
        "f_port": 2,
        "f_cnt": FCNT,
        "frm_payload": base64(CIPHERTEXT),
        "rx_metadata": [{"gateway_ids": {"gateway_id": "site"}, "rssi": -36, "snr": 9.5}],
        "settings": {"data_rate": {"lora": {"bandwidth": 125000, "spreading_factor": 7}}},
        "app_s_key": tts_key(),
        "last_a_f_cnt_down": 3,
    }
    return _tts("uplink_message", body | (changes or {}), **outer)


def tts_join(**changes: object) -> bytes:
    body: dict[str, object] = {
        "session_key_id": base64(SESSION_ID),
        "app_s_key": tts_key(),
        "received_at": "2026-07-18T09:34:15.775Z",
    }
    return _tts("join_accept", body | changes)


def thingpark_members(key: bytes) -> dict[str, object]:
    return {
        "Time": "2026-07-18T09:34:15.775+02:00",
        "DevEUI": DEV_EUI.upper(),
        "FPort": "2",
        "FCntUp": str(FCNT),
        "ADRbit": "1",
        "MType": "2",
        "FCntDn": "3",
        "payload_hex": CIPHERTEXT.hex(),
        "mic_hex": MIC.hex(),
        "Lrcid": "00000201",
        "LrrRSSI": "-57.000000",
        "SpFact": "7",
        "CustomerID": "100002293",
        "ModelCfg": "0",
        "DevAddr": f"{DEV_ADDR:08X}",
        "AppSKey": key.hex(),
    }


def thingpark_json(key: bytes = CBC0, **changes: object) -> bytes:
    # Newer releases send numbers as numbers.
    numbers: dict[str, object] = {"FPort": 2, "FCntUp": FCNT, "LrrRSSI": -57.0}
    return encoded({"DevEUI_uplink": thingpark_members(key) | numbers | changes})


def thingpark_xml(key: bytes = CBC0, **changes: object) -> bytes:
    members = thingpark_members(key) | changes
    body = "".join(f"<{name}>{value}</{name}>" for name, value in members.items())
    receivers = "<Lrrs><Lrr><Lrrid>080E004B</Lrrid><DevAddr>ffffffff</DevAddr></Lrr></Lrrs>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<DevEUI_uplink xmlns="http://uri.actility.com/lora">{body}{receivers}</DevEUI_uplink>'
    ).encode()


def loriot_answer(**changes: object) -> bytes:
    message = {
        "cmd": "AppSKeyAns",
        "ProtocolVersion": "1.0",
        "DevEUI": DEV_EUI.upper(),
        "Result": {"ResultCode": "Success"},
        "AppSKey": {"KEKLabel": LABEL, "AESKey": WRAPPED.hex().upper()},
        "SessionKeyID": SESSION_ID.hex(),
    }
    return encoded(message | changes)


DOCUMENTS: dict[str, Callable[[], bytes]] = {
    "chirpstack up": chirpstack_up,
    "chirpstack join": chirpstack_join,
    "chirpstack up protobuf": chirpstack_up_protobuf,
    "chirpstack join protobuf": chirpstack_join_protobuf,
    "tts up": tts_up,
    "tts join": tts_join,
    "thingpark json": thingpark_json,
    "thingpark xml": thingpark_xml,
    "loriot": loriot_answer,
}
