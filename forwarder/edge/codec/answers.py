"""What the codec process answered, as values. Pure; nothing in an answer is trusted."""

from __future__ import annotations

from dataclasses import dataclass

from .script import Script

MAX_PAYLOAD = 242  # bytes of FRMPayload that any region's fastest data rate carries

_WANTED = {
    "decode": "decodeUplink (or Decode, Decoder)",
    "decode-downlink": "decodeDownlink",
    "encode": "encodeDownlink (or Encode, Encoder)",
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a codec made of a payload: JSON values, or None and `errors`. `script` is its SHA-256.

    `function` is the name that was called, None if the script has none; `log` what it printed.
    """

    value: object | None
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    script: str = ""
    function: str | None = None
    log: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Encoded:
    """What a codec made of an object: bytes, or None and `errors`. `fport` if it chose one."""

    payload: bytes | None
    fport: int | None = None
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    script: str = ""
    function: str | None = None
    log: tuple[str, ...] = ()


def decoded(answer: dict[str, object], operation: str, script: Script) -> Decoded:
    """The result of decode or decode-downlink."""
    errors = _errors(answer, operation)
    warnings = _texts(answer.get("warnings"))
    value = None if errors else answer.get("value")
    if not errors and answer.get("missing"):
        warnings += (f"{answer.get('function')} returned no data",)
    return Decoded(value, errors, warnings, script.sha256, _name(answer), _texts(answer.get("log")))


def encoded(answer: dict[str, object], script: Script) -> Encoded:
    """The result of encode; what is no list of bytes is an error."""
    errors = _errors(answer, "encode")
    payload: bytes | None = None
    if not errors:
        try:
            payload = _payload(answer.get("value"))
        except ValueError as error:
            errors = (f"{answer.get('function')}: {error}",)
    fport = answer.get("fPort")
    return Encoded(
        payload,
        fport if isinstance(fport, int) and not errors else None,
        errors,
        _texts(answer.get("warnings")),
        script.sha256,
        _name(answer),
        _texts(answer.get("log")),
    )


def _errors(answer: dict[str, object], operation: str) -> tuple[str, ...]:
    if "failed" in answer:
        return (_at(answer["failed"], _line(answer)),)
    if answer.get("function") is None:
        return (f"the script has no function {_WANTED[operation]}",)
    return _texts(answer.get("errors"))


def _line(answer: dict[str, object]) -> int | None:
    line = answer.get("line")
    return line if isinstance(line, int) else None


def _at(message: object, line: int | None) -> str:
    return f"{message} (line {line})" if line else str(message)


def _name(answer: dict[str, object]) -> str | None:
    name = answer.get("function")
    return name if isinstance(name, str) else None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(text) for text in value) if isinstance(value, list) else ()


def _payload(value: object) -> bytes:
    if not isinstance(value, list):
        raise ValueError(f"a list of bytes expected, not {str(value)[:60]}")
    if len(value) > MAX_PAYLOAD:
        raise ValueError(f"at most {MAX_PAYLOAD} bytes expected, not {len(value)}")
    return bytes(_byte(item) for item in value)


def _byte(value: object) -> int:
    # Codecs compute: a negative number means its low eight bits, as in a Uint8Array.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -128 <= value <= 255:
        raise ValueError(f"a byte of 0 to 255 expected, not {str(value)[:60]}")
    return value & 0xFF
