"""`edgemast codec decode|encode|test`: a codec tried by hand, run as the gateway runs it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError

if TYPE_CHECKING:
    from ..edge.codec.answers import Decoded, Encoded
    from ..edge.codec.examples import Example
    from ..edge.codec.host import CodecHost
    from ..edge.codec.script import Script

HELP = (
    "try a payload codec in JavaScript: TS013 (decodeUplink, encodeDownlink; The Things Stack and "
    "ChirpStack v4 too), ChirpStack v3 (Decode, Encode) or The Things Network v2 (Decoder, Encoder)"
)
EXAMPLE = "edgemast codec decode sensor.js --fport 2 0367f0"
MAX_EXAMPLES = 20_000_000  # bytes of an examples file
PATIENCE_MS = 2000  # a person's machine may be busy; the gateway waits less


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    decode = _action(actions, "decode", "what the codec makes of a payload", "--fport 2 0367f0")
    _add_call(decode)
    decode.add_argument("--downlink", action="store_true", help="decodeDownlink, not decodeUplink")
    decode.add_argument("--recv-time", metavar="ISO", help="when it was heard; else now")
    decode.add_argument("payload", metavar="HEX", help="the FRMPayload, decrypted")
    encode = _action(
        actions,
        "encode",
        "the downlink the codec makes of an object",
        "--fport 2 '{\"led\": true}'",
    )
    _add_call(encode)
    encode.add_argument("object", metavar="JSON", help="what the codec is given as data")
    test = _action(actions, "test", "compare with examples; 1 if any differs", "examples.json")
    test.add_argument(
        "examples",
        metavar="EXAMPLES.json",
        help="a list of {fPort, bytes, expect}, or of TS013's {type, input, output}",
    )
    test.add_argument("--json", action="store_true", help="print one JSON object")


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str, rest: str
) -> argparse.ArgumentParser:
    example = f"example: edgemast codec {name} sensor.js {rest}".replace("%", "%%")
    parser = actions.add_parser(name, help=text, description=text, epilog=example)
    parser.add_argument("file", metavar="FILE.js", help="the codec's script")
    return parser


def _add_call(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fport", type=_fport, default=1, metavar="N", help="0 to 255; else 1")
    parser.add_argument(
        "--variable",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a variable of the device, as ChirpStack has them; may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _fport(text: str) -> int:
    if text.isdecimal() and int(text) <= 255:
        return int(text)
    raise argparse.ArgumentTypeError(f"a number of 0 to 255 expected, not {text!r}")


def run(args: argparse.Namespace) -> int:
    import asyncio

    from ..edge.codec.host import missing
    from ..edge.codec.script import CodecError, Script

    if why := missing():
        raise CodecError(why)
    try:
        script = Script.read(args.file)
    except CodecError as error:
        raise ConfigError(str(error)) from error
    actions = {"decode": _decode, "encode": _encode, "test": _test}
    return asyncio.run(actions[args.action](args, script))


def _host() -> CodecHost:
    from ..edge.codec.host import CodecHost, Limits

    return CodecHost(Limits(margin_ms=PATIENCE_MS))


# decode and encode


async def _decode(args: argparse.Namespace, script: Script) -> int:
    data = _payload(args.payload)
    host = _host()
    try:
        result = await host.decode(
            script,
            args.fport,
            data,
            variables=_variables(args.variable),
            downlink=args.downlink,
            recv_time_text=_recv_time(args.recv_time),
        )
    finally:
        await host.close()
    said: dict[str, object] = {"data": result.value}
    return _report(args, script, result, said, _pretty(result.value))


async def _encode(args: argparse.Namespace, script: Script) -> int:
    value = _json(args.object, "an object as JSON")
    host = _host()
    try:
        result = await host.encode(script, args.fport, value, _variables(args.variable))
    finally:
        await host.close()
    fport = args.fport if result.fport is None else result.fport
    payload = result.payload or b""
    said: dict[str, object] = {"fPort": fport, "bytes": list(payload), "hex": payload.hex()}
    if result.payload is None:
        said = {"fPort": None, "bytes": None, "hex": None}
    if result.fport not in (None, args.fport) and not args.json:
        print(f"the codec chose FPort {result.fport}", file=sys.stderr)
    return _report(args, script, result, said, payload.hex())


def _report(
    args: argparse.Namespace,
    script: Script,
    result: Decoded | Encoded,
    said: dict[str, object],
    text: str,
) -> int:
    if args.json:
        more = {name: getattr(result, name) for name in ("warnings", "errors", "log", "function")}
        print(_pretty({**said, **more, "script": script.sha256}))
        return 1 if result.errors else 0
    for line in result.log:
        print(f"console: {line}", file=sys.stderr)
    for warning in result.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for error in result.errors:
        print(f"edgemast: {script.name}: {error}", file=sys.stderr)
    if result.errors:
        return 1
    print(text)
    return 0


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _payload(text: str) -> bytes:
    from ..edge.codec.examples import payload

    try:
        data = payload(text)
    except ValueError as error:
        raise ConfigError(f"payload: {error}") from error
    if len(data) > 255:
        raise ConfigError(f"a payload of at most 255 bytes expected, not {len(data)}")
    return data


def _recv_time(text: str | None) -> str | None:
    from datetime import datetime

    if text is not None:
        try:
            datetime.fromisoformat(text)
        except ValueError as error:
            raise ConfigError(
                f"--recv-time: a time as 2026-05-01T12:00:00Z expected, not {text!r}"
            ) from error
    return text


def _variables(pairs: list[str]) -> dict[str, object]:
    for pair in pairs:
        if "=" not in pair:
            raise ConfigError(f"--variable: NAME=VALUE expected, not {pair!r}")
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def _json(text: str, what: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{what} expected, this is none: {error}") from error


# test


async def _test(args: argparse.Namespace, script: Script) -> int:
    examples = _examples(args.examples)
    host = _host()
    failed = 0
    results = []
    try:
        for number, example in enumerate(examples, start=1):
            found, result = await _try(host, script, example)
            failed += bool(found)
            results.append({"example": number, "name": example.name, "differences": found})
            if not args.json:
                print("\n".join(_lines(number, example, result, found)))
    finally:
        await host.close()
    passed = len(examples) - failed
    if args.json:
        report = {"passed": passed, "failed": failed, "results": results, "script": script.sha256}
        print(_pretty(report))
    else:
        print(f"{script.name}: {passed} of {len(examples)} examples as expected")
    return 1 if failed else 0


async def _try(
    host: CodecHost, script: Script, example: Example
) -> tuple[list[str], Decoded | Encoded]:
    from ..edge.codec.examples import differences

    result: Decoded | Encoded
    if example.operation == "encode":
        result = await host.encode(script, example.fport, example.value, example.variables)
    else:
        result = await host.decode(
            script,
            example.fport,
            example.payload,
            variables=example.variables,
            downlink=example.operation == "decode-downlink",
            recv_time_text=example.recv_time,
        )
    return differences(example, result), result


def _lines(number: int, example: Example, result: Decoded | Encoded, found: list[str]) -> list[str]:
    state = "FAIL" if found else "ok  "
    what = json.dumps(example.value) if example.operation == "encode" else example.payload.hex()
    short = what if len(what) <= 60 else f"{what[:57]}..."
    head = f"{state} {number:>3}  FPort {example.fport:<3} {short}  {example.name}".rstrip()
    log = [f"          console: {line}" for line in result.log] if found else []
    return [head, *(f"          {line}" for line in found), *log]


def _examples(path: str) -> list[Example]:
    from ..edge.codec.examples import read

    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_EXAMPLES)
    except OSError as error:
        raise ConfigError(f"{path}: the examples cannot be read: {error.strerror}") from error
    try:
        return read(data.decode("utf-8-sig", "replace"))
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error
