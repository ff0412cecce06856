"""`edgemast frame`: one PHYPayload explained. Reads arguments and prints."""

from __future__ import annotations

import argparse
import base64
import binascii
from typing import TYPE_CHECKING

from ..errors import ConfigError

if TYPE_CHECKING:
    from ..lorawan.explain import ExplainKeys
    from ..lorawan.explain_join import JoinFacts

HELP = (
    "explain a LoRaWAN frame (PHYPayload in hexadecimal or base64): every field in words; "
    "with keys the MIC is checked and the payload decrypted. Keys are never printed."
)
EXAMPLE = (
    "edgemast frame 408618c92600000001719e805c69 "
    "--nwkskey fc51582dc1c65f0f2533d98b381b90af --appskey eea7171f8b19f17864f43aa4d1cfbdd6"
)
MAX_TEXT = 4096  # characters; a PHYPayload has 255 bytes

KEYS = {
    "nwkskey": "network session key: LoRaWAN 1.0.x",
    "appskey": "application session key: decrypts FPort 1 to 225",
    "fnwksintkey": "1.1 forwarding network session integrity key",
    "snwksintkey": "1.1 serving network session integrity key",
    "nwksenckey": "1.1 network session encryption key",
    "appkey": "root key: join-request and join-accept of 1.0.x",
    "nwkkey": "1.1 root network key",
    "jsintkey": "1.1 Join Server integrity key (else derived from NwkKey and DevEUI)",
    "jsenckey": "1.1 Join Server encryption key (else derived from NwkKey and DevEUI)",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("frame", metavar="HEX", help="the PHYPayload; base64 is understood too")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    for name, text in KEYS.items():
        parser.add_argument(f"--{name}", metavar="HEX", help=text)
    parser.add_argument("--fcnt", metavar="N", help="the 32-bit counter, if above 65535")
    parser.add_argument("--conf-fcnt", metavar="N", help="1.1: counter of what it acknowledges")
    parser.add_argument("--tx-dr", metavar="N", help="1.1 uplinks: data rate index")
    parser.add_argument("--tx-ch", metavar="N", help="1.1 uplinks: index in the device's channels")
    parser.add_argument("--join-request", metavar="HEX", help="the frame a join-accept answers")
    parser.add_argument("--join-eui", metavar="HEX", help="of the join-request")
    parser.add_argument("--dev-eui", metavar="HEX", help="of the join-request")
    parser.add_argument("--dev-nonce", metavar="N", help="of the join-request; RJcount of a rejoin")
    parser.add_argument(
        "--join-req-type", metavar="HEX", help="ff for a join, 00 01 02 for rejoins"
    )
    parser.add_argument(
        "--show-derived-keys",
        action="store_true",
        help="print the session keys that a join-accept leads to",
    )


def run(args: argparse.Namespace) -> int:
    from ..lorawan.explain import explain
    from ..lorawan.frame import FrameError

    data = frame_bytes(args.frame)
    keys = _keys(args)
    try:
        story = explain(data, keys)
    except FrameError as error:
        raise ConfigError(f"this is no LoRaWAN frame: {error}") from error
    _check_counter(keys, story.json)
    if args.json:
        import msgspec

        print(msgspec.json.format(msgspec.json.encode(story.json), indent=2).decode())
    else:
        print("\n".join(story.lines()))
    return 0


def frame_bytes(text: str) -> bytes:
    """Hexadecimal with or without 0x, blanks, colons or dashes; else base64. Raises ConfigError."""
    if len(text) > MAX_TEXT:
        raise ConfigError(f"a frame of up to 255 bytes expected, not {len(text)} characters")
    data = _from_hex(text)
    if data is None:
        data = _from_base64(text)
    if data is None:
        raise ConfigError(
            f"a frame in hexadecimal or base64 expected, not {text[:40]!r}; "
            'take the "data" of an rxpk, or the bytes as hexadecimal digits'
        )
    if not 1 <= len(data) <= 255:
        raise ConfigError(f"a frame of 1 to 255 bytes expected, not {len(data)}")
    return data


def _from_hex(text: str) -> bytes | None:
    bare = "".join(text.split()).replace(":", "").replace("-", "").lower().removeprefix("0x")
    try:
        return bytes.fromhex(bare)
    except ValueError:
        return None


def _from_base64(text: str) -> bytes | None:
    bare = "".join(text.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _keys(args: argparse.Namespace) -> ExplainKeys:
    from ..lorawan.explain import ExplainKeys
    from ..lorawan.mic_check import UplinkFacts

    key = {name: _secret(name, getattr(args, name)) for name in KEYS}
    return ExplainKeys(
        nwk_s=key["nwkskey"],
        app_s=key["appskey"],
        f_nwk_s_int=key["fnwksintkey"],
        s_nwk_s_int=key["snwksintkey"],
        nwk_s_enc=key["nwksenckey"],
        fcnt=_number("fcnt", args.fcnt, 0xFFFFFFFF),
        uplink=UplinkFacts(
            _number("conf-fcnt", args.conf_fcnt, 0xFFFFFFFF),
            _number("tx-dr", args.tx_dr, 15),
            _number("tx-ch", args.tx_ch, 255),
        ),
        join=_join(args, key),
        show_derived=args.show_derived_keys,
    )


def _join(args: argparse.Namespace, key: dict[str, bytes | None]) -> JoinFacts:
    from ..lorawan.explain_join import JoinFacts
    from ..lorawan.frame import FrameError, JoinRequest, parse

    join_eui = _hex_number("join-eui", args.join_eui, 8)
    dev_eui = _hex_number("dev-eui", args.dev_eui, 8)
    dev_nonce = _number("dev-nonce", args.dev_nonce, 0xFFFF)
    if args.join_request is not None:
        try:
            request = parse(frame_bytes(args.join_request))
        except FrameError as error:
            raise ConfigError(f"--join-request: {error}") from error
        if not isinstance(request, JoinRequest):
            raise ConfigError("--join-request: a join-request (23 bytes, 00...) expected")
        join_eui, dev_eui, dev_nonce = request.join_eui, request.dev_eui, request.dev_nonce
    return JoinFacts(
        app_key=key["appkey"],
        nwk_key=key["nwkkey"],
        js_int_key=key["jsintkey"],
        js_enc_key=key["jsenckey"],
        join_eui=join_eui,
        dev_eui=dev_eui,
        dev_nonce=dev_nonce,
        request=_hex_number("join-req-type", args.join_req_type, 1),
    )


def _secret(name: str, text: str | None) -> bytes | None:
    if text is None:
        return None
    data = _from_hex(text)
    if data is None or len(data) != 16:
        # The value itself stays out of the message: it may be a key with one digit missing.
        raise ConfigError(f"--{name}: 32 hexadecimal digits (16 bytes) expected, as in the LNS")
    return data


def _hex_number(name: str, text: str | None, size: int) -> int | None:
    if text is None:
        return None
    data = _from_hex(text)
    if data is None or len(data) != size:
        raise ConfigError(f"--{name}: {2 * size} hexadecimal digits expected, not {text!r}")
    return int.from_bytes(data, "big")


def _number(name: str, text: str | None, most: int) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 10 or int(text) > most:
        raise ConfigError(f"--{name}: a number from 0 to {most} expected, not {text!r}")
    return int(text)


def _check_counter(keys: ExplainKeys, found: dict[str, object]) -> None:
    sent = found.get("fcnt16")
    if keys.fcnt is not None and isinstance(sent, int) and keys.fcnt & 0xFFFF != sent:
        raise ConfigError(
            f"--fcnt {keys.fcnt} cannot belong to this frame: its low 16 bits are "
            f"{keys.fcnt & 0xFFFF} and the frame carries {sent}"
        )
