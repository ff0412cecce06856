"""Examples of what a codec should say, and how a result differs from one. Pure.

Read are our own form, a list of {fPort, bytes, expect}; the examples of TS013 packages and of The
Things Network's device repository, {type, description, input, output}; and objects that hold such
lists. null and a name that is not there are the same: a server drops the one, another the other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import isclose

from .answers import Decoded, Encoded

REL_TOLERANCE = 1e-9  # numbers went through decimal text, maybe twice
_ENVELOPE = {"data", "errors", "warnings"}
_MAX_SHOWN = 20  # differences of one example
# Published files have what JSON has not: 0x1F, comments, a comma before the bracket.
_LOOSE = re.compile(
    r'(?P<text>"(?:\\.|[^"\\])*")|(?P<hex>\b0x[0-9a-fA-F]+\b)'
    r"|(?P<drop>//[^\n]*|/\*.*?\*/|,(?=\s*[\]}]))",
    re.DOTALL,
)
_OPERATIONS = {
    "uplink": "decode",
    "uplinkdecode": "decode",
    "decodeuplink": "decode",
    "decode": "decode",
    "uplinkdecoder": "decode",
    "examples": "decode",
    "downlink": "encode",
    "downlinkencode": "encode",
    "encodedownlink": "encode",
    "downlinkencoder": "encode",
    "encode": "encode",
    "downlinkdecode": "decode-downlink",
    "decodedownlink": "decode-downlink",
    "downlinkdecoder": "decode-downlink",
}


@dataclass(frozen=True, slots=True)
class Expected:
    """`fails` where the codec should report errors; `data` is meaningless then."""

    data: object | None
    fails: bool = False
    fport: int | None = None
    anything: bool = False


@dataclass(frozen=True, slots=True)
class Example:
    """One call of a codec. `readings` are what its answer may mean; one of them has to fit."""

    name: str
    operation: str  # as engine.Call
    fport: int
    payload: bytes
    value: object | None
    variables: dict[str, object]
    recv_time: str | None
    readings: tuple[Expected, ...]


def read(text: str) -> list[Example]:
    """The examples in a file's text. Raises ValueError that says what is wrong with it."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        try:
            document = json.loads(_LOOSE.sub(_strict, text))
        except (ValueError, RecursionError):
            raise ValueError(f"JSON expected, this is none: {error}") from error
    return examples(document)


def _strict(found: re.Match[str]) -> str:
    if found["hex"]:
        return str(int(found["hex"], 16))
    return found["text"] or ""


def examples(document: object) -> list[Example]:
    """The examples in a JSON document. Raises ValueError that says which item is wrong and how."""
    found = list(_items(document, "decode"))
    if not found:
        raise ValueError("a list of {fPort, bytes, expect} expected, there is no example in it")
    made = []
    for number, (item, operation) in enumerate(found, start=1):
        try:
            made.append(_example(item, operation))
        except ValueError as error:
            raise ValueError(f"example {number}: {error}") from error
    return made


def _items(document: object, operation: str) -> Iterator[tuple[object, str]]:
    if isinstance(document, list):
        yield from ((item, operation) for item in document)
    elif isinstance(document, dict):
        for name, inner in document.items():
            if (kind := _operation(name)) is not None:
                held = operation if name == "examples" else kind
                yield from _items(inner, held)


def _operation(name: object) -> str | None:
    word = "".join(letter for letter in str(name).lower() if letter.isalpha())
    return _OPERATIONS.get(word)


def _example(item: object, operation: str) -> Example:
    if not isinstance(item, dict):
        raise ValueError(f"an object expected, not {str(item)[:60]}")
    if "type" in item:
        known = _operation(item["type"])
        if known is None:
            raise ValueError(
                f"type: uplink-decode or downlink-encode expected, not {item['type']!r}"
            )
        operation = known
    given = item.get("input", item)
    if not isinstance(given, dict):
        raise ValueError(f"input: an object expected, not {str(given)[:60]}")
    if operation == "decode" and "bytes" not in given and "data" in given:
        operation = "encode"
    variables = given.get("variables")
    recv_time = given.get("recvTime")
    return Example(
        name=str(item.get("description") or item.get("name") or ""),
        operation=operation,
        fport=_fport(given),
        payload=b"" if operation == "encode" else payload(given.get("bytes")),
        value=given.get("data"),
        variables=variables if isinstance(variables, dict) else {},
        recv_time=recv_time if isinstance(recv_time, str) else None,
        readings=tuple(_readings(item, operation)),
    )


def _fport(given: dict[str, object]) -> int:
    port = next((given[n] for n in ("fPort", "fport", "port") if given.get(n) is not None), 1)
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 255:
        raise ValueError(f"fPort: a number of 0 to 255 expected, not {port!r}")
    return port


def payload(value: object) -> bytes:
    """Bytes from hexadecimal or a list of numbers (signed ones too). Raises ValueError."""
    if isinstance(value, str):
        bare = "".join(value.split()).replace(":", "").replace("-", "").lower().removeprefix("0x")
        try:
            return bytes.fromhex(bare)
        except ValueError:
            raise ValueError(f"bytes: hexadecimal digits expected, not {value[:60]!r}") from None
    if isinstance(value, list):
        if all(type(item) is int and -128 <= item <= 255 for item in value):
            return bytes(item & 0xFF for item in value)
        raise ValueError(f"bytes: numbers of 0 to 255 expected, not {str(value)[:60]}")
    raise ValueError(f"bytes: hexadecimal or a list of numbers expected, not {str(value)[:60]}")


def _readings(item: dict[str, object], operation: str) -> Iterator[Expected]:
    name = next((n for n in ("output", "expect", "expected") if n in item), None)
    if name is None:
        yield Expected(None, anything=True)
        return
    expected = item[name]
    if operation == "encode":
        yield _encoding(expected)
        return
    enveloped = isinstance(expected, dict) and bool(expected) and set(expected) <= _ENVELOPE
    if not (enveloped and name == "output"):
        # The Things Network's outputs are enveloped always, and say so by `data` or `errors`.
        yield Expected(expected)
    if expected == {}:
        yield Expected(None)
    if enveloped and isinstance(expected, dict):
        fails = bool(expected.get("errors"))
        yield Expected(expected.get("data"), fails)


def _encoding(expected: object) -> Expected:
    port: object = None
    if isinstance(expected, dict):
        if expected.get("errors"):
            return Expected(None, fails=True)
        port, expected = expected.get("fPort"), expected.get("bytes", [])
    return Expected(payload(expected), fport=port if isinstance(port, int) else None)


def differences(example: Example, result: Decoded | Encoded) -> list[str]:
    """How `result` is not what the example says, a line each; empty if it is."""
    found: list[str] = []
    for expected in example.readings:
        found = list(_differences(expected, result))
        if not found:
            return []
    more = len(found) - _MAX_SHOWN
    return found[:_MAX_SHOWN] + ([f"and {more} more"] if more > 0 else [])


def _differences(expected: Expected, result: Decoded | Encoded) -> Iterator[str]:
    if result.errors:
        if not expected.fails:
            yield from (f"error: {error}" for error in result.errors)
    elif expected.fails:
        yield f"errors expected, {_shown(_outcome(result))} came"
    elif expected.anything:
        return
    elif isinstance(result, Encoded):
        yield from _bytes_differ(expected, result)
    else:
        yield from _differ("data", expected.data, result.value)


def _outcome(result: Decoded | Encoded) -> object:
    if isinstance(result, Encoded):
        return (result.payload or b"").hex()
    return result.value


def _bytes_differ(expected: Expected, result: Encoded) -> Iterator[str]:
    wanted = expected.data if isinstance(expected.data, bytes) else b""
    if result.payload != wanted:
        yield f"bytes: {wanted.hex()} expected, {(result.payload or b'').hex()} came"
    if expected.fport is not None and result.fport not in (None, expected.fport):
        yield f"fPort: {expected.fport} expected, {result.fport} came"


def _differ(path: str, wanted: object, came: object) -> Iterator[str]:
    if isinstance(wanted, dict) and isinstance(came, dict):
        for name in [*wanted, *(name for name in came if name not in wanted)]:
            yield from _differ(f"{path}.{name}", wanted.get(name), came.get(name))
    elif isinstance(wanted, list) and isinstance(came, list):
        if len(wanted) != len(came):
            yield f"{path}: {len(wanted)} items expected, {len(came)} came"
        for index, (one, other) in enumerate(zip(wanted, came, strict=False)):
            yield from _differ(f"{path}[{index}]", one, other)
    elif not _same(wanted, came):
        yield f"{path}: {_shown(wanted)} expected, {_shown(came)} came"


def _same(wanted: object, came: object) -> bool:
    if isinstance(wanted, bool) or isinstance(came, bool):
        return wanted is came
    if isinstance(wanted, int | float) and isinstance(came, int | float):
        return isclose(wanted, came, rel_tol=REL_TOLERANCE, abs_tol=1e-12)
    return wanted == came


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
