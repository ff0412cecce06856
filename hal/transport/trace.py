"""Transports that record what another did, or play a recording back.

A trace is JSON lines in the words of the recorded start-ups that the tests use: `op` is w, r, rmw,
cmd, reset or temperature, data are hex, `m` numbers the transfers. A call that failed is recorded
with its `error`.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO, assert_never

from ..errors import HalError, TransportError
from .base import Amplifier, Command, Modify, Op, Read, Target, Transport, Write

MOST_BYTES = 256 << 20  # of a recording; a start-up has a quarter of one

Line = dict[str, Any]


class TraceMismatch(HalError):
    """The driver asked for something else than what was recorded."""


class RecordingTransport:
    """Passes everything on to `inner` and appends it to the file at `path`."""

    def __init__(self, inner: Transport, path: str | Path) -> None:
        self.uri = inner.uri
        self._inner = inner
        self._file: TextIO = Path(path).open("w", encoding="utf-8")  # noqa: SIM115 - until close()
        self._transfers = 0

    def transfer(self, ops: Sequence[Op]) -> list[bytes]:
        self._transfers += 1
        lines = [describe_op(op) | {"m": self._transfers} for op in ops]
        try:
            results = self._inner.transfer(ops)
        except TransportError as error:
            self._write([*lines[:-1], *(line | {"error": str(error)} for line in lines[-1:])])
            raise
        for line, op, result in zip(lines, ops, results, strict=True):
            if not isinstance(op, Write):
                line["got"] = result.hex()
        self._write(lines)
        return results

    def reset(self, hold_s: float = 0.1) -> None:
        self._inner.reset(hold_s)
        self._write([{"op": "reset"}])

    def temperature_c(self) -> float | None:
        value = self._inner.temperature_c()
        self._write([{"op": "temperature", "got": value}])
        return value

    def bias_amplifier(self, volts: float) -> bool:
        """Not recorded: a replay has no amplifier."""
        return isinstance(self._inner, Amplifier) and self._inner.bias_amplifier(volts)

    def close(self) -> None:
        self._inner.close()
        self._file.close()

    def _write(self, lines: Sequence[Line]) -> None:
        self._file.writelines(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
        self._file.flush()


class ReplayTransport:
    """Plays the trace at `path`: the same calls get the same answers, another call TraceMismatch.

    The operations must come in the recorded order; how they are grouped into transfers is free.
    Raises ValueError for a file that is no trace.
    """

    def __init__(self, path: str | Path) -> None:
        self.uri = f"trace:{path}"
        self._lines = _load(Path(path))
        self._at = 0

    @property
    def left(self) -> int:
        """Recorded operations that were not asked for yet."""
        return len(self._lines) - self._at

    def transfer(self, ops: Sequence[Op]) -> list[bytes]:
        return [self._next(op) for op in ops]

    def reset(self, hold_s: float = 0.1) -> None:
        self._take({"op": "reset"})

    def temperature_c(self) -> float | None:
        got = self._take({"op": "temperature"}).get("got")
        if got is not None and not isinstance(got, int | float):
            raise self._damaged(f"a temperature expected, {_brief(got)} stands there")
        return None if got is None else float(got)

    def close(self) -> None:
        pass

    def _next(self, op: Op) -> bytes:
        size = _answer_size(op)
        # What was read before the operation that failed is not recorded; nobody sees it.
        got = self._take(describe_op(op)).get("got", "00" * size)
        answer = bytes.fromhex(got) if isinstance(got, str) else None
        if answer is None or len(answer) != size:
            raise self._damaged(f"{size} bytes of answer expected, {_brief(got)} stands there")
        return answer

    def _damaged(self, why: str) -> TraceMismatch:
        return TraceMismatch(f"{self.uri}, line {self._at}: {why}")

    def _take(self, asked: Line) -> Line:
        if self._at == len(self._lines):
            raise TraceMismatch(f"{self.uri} ends after {self._at} lines; asked for {_show(asked)}")
        line = self._lines[self._at]
        recorded = {key: value for key, value in line.items() if key not in ("m", "got", "error")}
        if recorded != asked:
            raise TraceMismatch(
                f"{self.uri}, line {self._at + 1}: recorded {_show(recorded)}, "
                f"asked for {_show(asked)}"
            )
        self._at += 1
        if "error" in line:
            error = line["error"]
            raise TransportError(error if isinstance(error, str) else _brief(error))
        return line


def describe_op(op: Op) -> Line:
    """`op` as a trace writes it, without its result."""
    match op:
        case Write(address, data):
            return {"op": "w", "addr": f"{address:#06x}", "data": data.hex()}
        case Read(address, size):
            return {"op": "r", "addr": f"{address:#06x}", "len": size}
        case Modify(address, mask, value):
            line = {"op": "rmw", "addr": f"{address:#06x}"}
            return line | {"mask": f"{mask:02x}", "value": f"{value:02x}"}
        case Command(target, opcode, args):
            line = {"op": "cmd", "tgt": Target(target).name.lower()}
            return line | {"code": f"{opcode:#04x}", "tx": args.hex()}
        case _:
            assert_never(op)


def _answer_size(op: Op) -> int:
    match op:
        case Write():
            return 0
        case Read(_, size):
            return size
        case Modify():
            return 1
        case Command(_, _, args):
            return len(args)
        case _:
            assert_never(op)


def _load(path: Path) -> list[Line]:
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError(f"{path}: more than {MOST_BYTES >> 20} MB: record less at a time")
    lines = []
    for number, text in enumerate(data.decode(errors="replace").splitlines(), start=1):
        try:
            line = json.loads(text)
            bytes.fromhex(line["got"] if isinstance(line.get("got"), str) else "")
            lines.append({"op": line["op"]} | line)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"{path}, line {number}: not a line of a trace: {error}") from error
    return lines


def _brief(value: object) -> str:
    """Whatever stands in a file, short and however deep it is."""
    return value[:40] if isinstance(value, str) else reprlib.repr(value)


def _show(line: Line) -> str:
    text = " ".join(_brief(value) for value in line.values())
    return text if len(text) <= 80 else f"{text[:77]}..."
