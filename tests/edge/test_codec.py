"""Payload codecs: what they may do, what they may not, and what it costs whom."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forwarder.edge.codec.answers import Decoded, Encoded
from forwarder.edge.codec.host import CodecHost, Limits
from forwarder.edge.codec.script import Script, as_plain_script

pytest.importorskip("quickjs", reason="needs quickjs-ng: pip install 'edgemast[codecs]'")

GOOD = "function decodeUplink(input) { return {data: {n: input.bytes.length}}; }"
LIMITS = Limits(time_ms=50, margin_ms=300)


class Bench:
    """A host in a loop of its own, for tests that are not about asyncio."""

    def __init__(self, runner: asyncio.Runner, host: CodecHost) -> None:
        self.runner = runner
        self.host = host

    def decode(self, text: str, payload: bytes = b"\x01\xff", fport: int = 1) -> Decoded:
        return self.runner.run(self.host.decode(Script.of(text), fport, payload, 0))

    def returns(self, expression: str) -> object:
        """What becomes of a value that a codec returns as its data."""
        result = self.decode(f"function decodeUplink(input) {{ return {{data: {expression}}}; }}")
        assert result.errors == ()
        return result.value

    def encode(self, text: str, value: object) -> Encoded:
        return self.runner.run(self.host.encode(Script.of(text), 7, value))


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with asyncio.Runner() as runner:
        host = CodecHost(LIMITS)
        yield Bench(runner, host)
        runner.run(host.close())


# Interfaces


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("function decodeUplink(i) { return {data: [i.fPort, i.bytes]}; }", id="TS013"),
        pytest.param("const decodeUplink = (i) => ({data: [i.fPort, i.bytes]})", id="const"),
        pytest.param("exports.decodeUplink = (i) => ({data: [i.fPort, i.bytes]})", id="exports"),
        pytest.param(
            "module.exports = {decodeUplink(i) { return {data: [i.fPort, i.bytes]}; }}", id="module"
        ),
        pytest.param(
            "exports.driver = {decodeUplink: (i) => ({data: [i.fPort, i.bytes]})}", id="driver"
        ),
        pytest.param(
            "export function decodeUplink(i) { return {data: [i.fPort, i.bytes]} }", id="ES"
        ),
        pytest.param("function Decode(port, bytes, variables) { return [port, bytes]; }", id="CS3"),
        pytest.param("function Decoder(bytes, port) { return [port, bytes]; }", id="TTN2"),
    ],
)
def test_every_interface_gets_port_and_bytes(bench: Bench, text: str) -> None:
    assert bench.decode(text, b"\x00\x80\xff", 10).value == [10, [0, 128, 255]]


@pytest.mark.parametrize(
    "text",
    [
        "function encodeDownlink(i) { return {bytes: [i.data.on, 255], fPort: i.fPort}; }",
        "function encodeDownlink(i) { return {bytes: new Uint8Array([i.data.on, 255])}; }",
        "function Encode(port, data) { return [data.on, 255]; }",
        "function Encoder(data, port) { return [data.on, -1]; }",
    ],
)
def test_every_interface_makes_bytes(bench: Bench, text: str) -> None:
    result = bench.encode(text, {"on": 1})
    assert result.payload == b"\x01\xff" and result.fport in (None, 7)


@pytest.mark.parametrize(
    "bytes_", ["'a string'", "[256]", "[1.5]", "['1']", "[null]", "{}", "Array(243).fill(0)"]
)
def test_what_is_no_payload_is_an_error(bench: Bench, bytes_: str) -> None:
    result = bench.encode(f"function encodeDownlink() {{ return {{bytes: {bytes_}}}; }}", {})
    assert result.payload is None and "expected" in result.errors[0]


def test_recv_time_is_a_date_and_variables_are_there(bench: Bench) -> None:
    text = "function decodeUplink(i) { return {data: [i.recvTime.getTime(), i.recvTime, i.variables.k]}; }"
    call = bench.host.decode(Script.of(text), 1, b"", 1_700_000_000_123_456_789, {"k": "v"})
    result = bench.runner.run(call)
    assert result.value == [1_700_000_000_123, "2023-11-14T22:13:20.123Z", "v"]


def test_errors_and_warnings_are_told_and_data_with_errors_is_dropped(bench: Bench) -> None:
    result = bench.decode(
        "function decodeUplink() { return {data: 1, errors: ['e', 2], warnings: 'w'}; }"
    )
    assert (result.value, result.errors, result.warnings) == (None, ("e", "2"), ("w",))


def test_console_and_buffer_are_there(bench: Bench) -> None:
    result = bench.decode(
        "const {Buffer: B} = require('buffer');"
        "function decodeUplink(i) { console.log('got', i.bytes); const b = Buffer.from(i.bytes);"
        "return {data: [b.readUInt16BE(0), b.readInt8(1), b.readUIntLE(0, 2), b.toString('hex'),"
        "B.from('4142', 'hex').toString(), B.from('é').length, B.concat([b, b]).length,"
        "B.from('AQI=', 'base64').readUInt16LE()]}; }"
    )
    assert result.value == [0x01FF, -1, 0xFF01, "01ff", "AB", 2, 4, 0x0201]
    assert result.log == ("got [1,255]",)


def test_a_script_that_ends_in_any_value_is_a_script(bench: Bench) -> None:
    assert bench.decode(f"{GOOD}\nSymbol('the binding cannot take this')").value == {"n": 2}


def test_nul_and_byte_order_mark_in_a_script_harm_nothing(bench: Bench) -> None:
    script = Script.of(b"\xef\xbb\xbffunction Decoder(b) { return 'a\0b' /* \xe9 */; }")
    assert bench.runner.run(bench.host.decode(script, 1, b"")).value == "a\0b"


def test_taking_exports_off_keeps_the_lines() -> None:
    text = "export const a = 1;\nexport {\n  a,\n};\nexport default function f() {}\n// export it"
    assert as_plain_script(text) == "const a = 1;\n\n\n\nfunction f() {}\n// export it"


# Values


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("{a: NaN, b: Infinity, c: -Infinity}", {"a": None, "b": None, "c": None}),
        ("{a: undefined, b: () => 1, c: Symbol('x')}", {}),
        ("[undefined, () => 1, , null]", [None] * 4),
        ("[new Date(0), new Date(NaN)]", ["1970-01-01T00:00:00.000Z", None]),
        ("[2**53, 2**53 + 2, -(2**53), 10**20, 1e300]", [2**53, 2**53 + 2, -(2**53), 1e20, 1e300]),
        ("[5n, 2n**64n]", [5, "18446744073709551616"]),
        ("[new Number(1), new String('s'), new Boolean(false)]", [1, "s", False]),
        ("[new Uint8Array([1, 255]), new Float32Array([0.5])]", [[1, 255], [0.5]]),
        ("[-0, 0.1 + 0.2, '']", [0, 0.1 + 0.2, ""]),
        ("'\\ud83d\\ude00 é €' + '\\ud800'", "😀 é €\ufffd"),
        ("{'\\udfff': 1}", {"\ufffd": 1}),
        ("new Map([[1, 2]])", {}),
    ],
)
def test_values_become_json(bench: Bench, expression: str, value: object) -> None:
    assert bench.returns(expression) == value


def test_whole_numbers_that_fit_no_64_bits_come_as_floats(bench: Bench) -> None:
    assert isinstance(bench.returns("10**20"), float)
    assert isinstance(bench.returns("2**53"), int)


def test_a_long_result_comes_whole(bench: Bench) -> None:
    value = bench.returns("Array.from({length: 2000}, (_, i) => ({i, t: 'reading ' + i}))")
    assert isinstance(value, list) and value[1999] == {"i": 1999, "t": "reading 1999"}


@pytest.mark.parametrize(
    "expression",
    [
        "'x'.repeat(1e6)",
        "new Array(1e9)",
        "Object.fromEntries(Array.from({length: 9e3}, (_, i) => ['k' + i, i]))",
        "(() => { let x = [1]; for (let i = 0; i < 30; i++) x = [x, x]; return x; })()",
    ],
)
def test_a_huge_result_is_refused(bench: Bench, expression: str) -> None:
    result = bench.decode(f"function decodeUplink() {{ return {{data: {expression}}}; }}")
    assert result.value is None and "65536 characters" in result.errors[0]


def test_a_circle_and_a_deep_result_are_refused(bench: Bench) -> None:
    for build in ("let x = {}; x.x = x;", "let x = []; for (let i = 0; i < 99; i++) x = [x];"):
        result = bench.decode(f"function decodeUplink() {{ {build} return {{data: x}}; }}")
        assert "32 deep" in result.errors[0]


# Faults


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("const a = 1;\n\nvar b = {;", "SyntaxError: .* \\(line 3\\)"),
        (
            "\nfunction decodeUplink() {\n  return x;\n}",
            "ReferenceError: x is not defined \\(line 3\\)",
        ),
        ("function decodeUplink() { throw 'words'; }", "^words$"),
        ("function decodeUplink() { throw null; }", "^null$"),
        ("null.x", "TypeError: .*\\(line 1\\)"),
        ("const a = 1;", "no function decodeUplink \\(or Decode, Decoder\\)"),
        ("const decodeUplink = 5;", "no function decodeUplink"),
        ("function decodeUplink() {}", "decodeUplink returned undefined"),
        ("function decodeUplink() { return 5; }", "a number; {data: ...} expected"),
        ("async function decodeUplink() { return {data: 1}; }", "Promise"),
        ("require('fs')", "no modules"),
        (
            "function decodeUplink() { return {data: {get a() { throw Error('getter'); }}}; }",
            "getter",
        ),
        ("function f() { f(); } f();", "call stack"),
        ("function decodeUplink() { const f = () => f() + 1; f(); }", "call stack"),
        ("while (true);", "more than 50 ms"),
        ("function decodeUplink() { for (;;) try { for (;;); } catch (e) {} }", "more than 50 ms"),
        ("function decodeUplink() { return {data: {get a() { for (;;); }}}; }", "more than 50 ms"),
        ("/(a+)+$/.test('a'.repeat(40) + 'b')", "more than 50 ms"),
        ("const a = []; for (;;) a.push('x'.repeat(1e5) + a.length);", "more than 32 MB"),
        ("function decodeUplink() { new ArrayBuffer(1e9); }", "more than 32 MB|length"),
    ],
)
def test_a_fault_is_told_and_the_next_call_works(bench: Bench, text: str, error: str) -> None:
    result = bench.decode(text)
    assert result.value is None and len(result.errors) == 1
    assert re.search(error, result.errors[0])
    assert bench.decode(GOOD).value == {"n": 2}


def test_what_the_engine_does_not_interrupt_is_killed_and_costs_its_own_record(
    bench: Bench,
) -> None:
    killed = bench.host.status()["killed"]
    result = bench.decode("throw {toString() { for (;;); }}")
    assert result.errors == ("stopped: no answer within 0.4 s",)
    assert bench.host.status()["killed"] == int(str(killed)) + 1
    assert bench.decode(GOOD).value == {"n": 2}


@pytest.mark.parametrize(
    "trick",
    [
        "Object.prototype.toJSON = () => 'tricked';",
        "JSON.stringify = JSON.parse = () => 'tricked';",
        "Object.keys = Array.isArray = () => { throw Error('tricked'); };",
        "Array.prototype.push = Array.prototype.join = String.prototype.slice = null;",
        "String.prototype.toWellFormed = Function.prototype.call = Function.prototype.bind = null;",
        "globalThis.module = null; globalThis.exports = undefined; globalThis.Date = null;",
        "Object.defineProperty(Object.prototype, 'errors', {value: undefined});",
    ],
)
def test_what_a_script_does_to_the_language_changes_no_answer(bench: Bench, trick: str) -> None:
    assert bench.decode(trick + GOOD).value == {"n": 2}


def test_proto_is_a_name_like_another(bench: Bench) -> None:
    assert bench.returns('JSON.parse(\'{"__proto__": 1, "constructor": 2}\')') == {
        "__proto__": 1,
        "constructor": 2,
    }


def test_nothing_stays_between_calls(bench: Bench) -> None:
    text = (
        "globalThis.count = (globalThis.count || 0) + 1; Array.prototype.mark = count;"
        "var seen = Array.prototype.mark; function decodeUplink() { return {data: [count, seen]}; }"
    )
    assert [bench.decode(text).value for _ in range(3)] == [[1, 1]] * 3
    assert bench.decode("function Decoder() { return typeof count; }").value == "undefined"


def test_a_codec_reaches_nothing_outside(bench: Bench) -> None:
    for name in ["process", "std", "os", "fetch", "XMLHttpRequest", "setTimeout"]:
        assert bench.decode(f"function Decoder() {{ return typeof {name}; }}").value == "undefined"
    assert "SyntaxError" in bench.decode("import os from 'os';").errors[0]


@settings(max_examples=40, deadline=None)
@given(
    text=st.text(alphabet='abcdefx(){}[];:.,=+`"\\/ \n\0é0123', max_size=60),
    payload=st.binary(max_size=20),
)
def test_any_text_is_a_script_or_an_error(bench: Bench, text: str, payload: bytes) -> None:
    result = bench.decode(text, payload)
    assert result.value is None and result.errors


# The process


def _child_pid(bench: Bench) -> int:
    bench.decode(GOOD)
    child = bench.host._child
    assert child is not None
    return child.pid


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="needs Linux's /proc")
def test_the_child_has_no_environment_no_files_and_limits(bench: Bench) -> None:
    proc = Path(f"/proc/{_child_pid(bench)}")
    assert (proc / "environ").read_text() == "TZ=UTC\0"
    assert sorted(path.name for path in (proc / "fd").iterdir()) == ["0", "1", "2"]
    lines = (proc / "limits").read_text().splitlines()
    limits = {line[:26].strip(): line[26:].split()[0] for line in lines}
    assert limits["Max open files"] == "3" and limits["Max core file size"] == "0"
    assert limits["Max file size"] == "0" and limits["Max address space"] != "unlimited"
    assert limits["Max cpu time"] != "unlimited"


def test_a_child_that_dies_costs_one_call_at_most(bench: Bench) -> None:
    os.kill(_child_pid(bench), 9)
    first = bench.decode(GOOD)
    assert first.value == {"n": 2} or "SIGKILL" in first.errors[0]
    assert bench.decode(GOOD).value == {"n": 2}


def test_a_thousand_decodes_are_soon_done(bench: Bench) -> None:
    async def many() -> list[Decoded]:
        script = Script.of(GOOD)
        return [await bench.host.decode(script, 1, b"abc") for _ in range(1000)]

    assert all(result.value == {"n": 3} for result in bench.runner.run(many()))


def test_the_queue_is_bounded_and_what_finds_it_full_is_told() -> None:
    async def crowd() -> list[Decoded]:
        host = CodecHost(LIMITS, waiting=2)
        try:
            calls = [host.decode(Script.of(GOOD), 1, b"") for _ in range(5)]
            return await asyncio.gather(*calls)
        finally:
            await host.close()

    results = asyncio.run(crowd())
    assert [result.value for result in results[:2]] == [{"n": 0}] * 2
    assert all("wait for their codecs" in result.errors[0] for result in results[2:])


def test_a_cancelled_call_leaves_its_answer_to_nobody() -> None:
    async def cancelled() -> Decoded:
        host = CodecHost(LIMITS)
        try:
            await host.decode(Script.of(GOOD), 1, b"")
            slow = asyncio.ensure_future(host.decode(Script.of("for (;;);"), 1, b""))
            await asyncio.wait([slow], timeout=0.02)
            slow.cancel()
            await asyncio.wait([slow])
            return await host.decode(Script.of(GOOD), 1, b"1234")
        finally:
            await host.close()

    assert asyncio.run(cancelled()).value == {"n": 4}


def test_the_hash_is_of_the_file_as_it_was(bench: Bench) -> None:
    from hashlib import sha256

    assert bench.decode(GOOD).script == sha256(GOOD.encode()).hexdigest()


def test_without_the_engine_the_record_goes_out_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("forwarder.edge.codec.host.find_spec", lambda name: None)

    async def decode() -> Decoded:
        return await CodecHost().decode(Script.of(GOOD), 1, b"")

    result = asyncio.run(decode())
    assert result.value is None and "pip install 'edgemast[codecs]'" in result.errors[0]


def test_values_are_json_that_can_be_written_again(bench: Bench) -> None:
    value = bench.returns("{a: '\\ud800', b: 10**20, c: [NaN], d: '\\u0000'}")
    assert json.loads(json.dumps(value).encode()) == value
