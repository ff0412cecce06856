"""`edgemast codec`: what it prints, its exit codes, and how results are compared with examples."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.__main__ import main
from forwarder.edge.codec.answers import Decoded, Encoded
from forwarder.edge.codec.examples import differences, examples, payload, read

CODECS = Path(__file__).parent.parent / "data" / "codecs"
CLIMATE = str(CODECS / "climate.js")


@pytest.fixture
def _engine() -> None:
    pytest.importorskip("quickjs", reason="needs quickjs-ng: pip install 'edgemast[codecs]'")


def run(*arguments: str) -> int:
    try:
        return main(["codec", *arguments])
    except SystemExit as ended:
        return int(str(ended.code))


@pytest.mark.usefixtures("_engine")
class TestCommand:
    def test_decode_prints_the_data(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("decode", CLIMATE, "--fport", "2", "0929 64:b4") == 0
        data = json.loads(capsys.readouterr().out)
        assert data == pytest.approx({"temperature": 23.45, "humidity": 50, "battery": 3.6})

    def test_decode_json_has_the_parts_of_a_result(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run("decode", CLIMATE, "--fport", "9", "04", "--json") == 0
        said = json.loads(capsys.readouterr().out)
        assert said["data"] == {"interval": 4} and said["errors"] == []
        assert said["warnings"] == ["interval below 5 min"]
        assert said["function"] == "decodeUplink" and len(said["script"]) == 64

    def test_a_codec_that_reports_errors_is_1(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("decode", CLIMATE, "--fport", "3", "00") == 1
        said = capsys.readouterr()
        assert said.out == "" and "FPort 3 with 1 bytes is unknown" in said.err

    def test_encode_prints_hexadecimal(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("encode", CLIMATE, "--fport", "2", '{"interval": 20}') == 0
        said = capsys.readouterr()
        assert said.out == "14\n" and "FPort 9" in said.err

    def test_encode_json_has_bytes_as_numbers(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("encode", CLIMATE, '{"interval": 255}', "--json") == 0
        said = json.loads(capsys.readouterr().out)
        assert (said["bytes"], said["hex"], said["fPort"]) == ([255], "ff", 9)

    def test_decode_downlink_and_variables(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        assert run("decode", CLIMATE, "--downlink", "14") == 0
        script = tmp_path / "v.js"
        script.write_text("function decodeUplink(i) { return {data: i.variables}; }")
        assert run("decode", str(script), "00", "--variable", "scale=a=b") == 0
        out = "".join(capsys.readouterr().out.split())
        assert out == '{"interval":20}{"scale":"a=b"}'

    def test_the_examples_of_our_codec_hold(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("test", CLIMATE, str(CODECS / "climate.json")) == 0
        assert "7 of 7 examples as expected" in capsys.readouterr().out

    def test_a_difference_is_1_and_shown_with_its_place(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        file = tmp_path / "examples.json"
        file.write_text('[{"fPort": 2, "bytes": "092964b4", "expect": {"humidity": 51}}]')
        assert run("test", CLIMATE, str(file)) == 1
        out = capsys.readouterr().out
        assert "data.humidity: 51 expected, 50 came" in out
        assert "data.temperature: nothing expected, 23.45 came" in out
        assert run("test", CLIMATE, str(file), "--json") == 1
        assert json.loads(capsys.readouterr().out)["failed"] == 1

    def test_a_recv_time_that_is_handed_on_comes_as_it_was_written(self, tmp_path: Path) -> None:
        script, file = tmp_path / "t.js", tmp_path / "t.json"
        script.write_text(
            "function decodeUplink(i) { return {data: {t: i.recvTime, y: i.recvTime.getUTCFullYear()}}; }"
        )
        time = "2023-07-19T07:51:31.598957793Z"
        example = {
            "input": {"bytes": [], "recvTime": time},
            "output": {"data": {"t": time, "y": 2023}},
        }
        file.write_text(json.dumps({"examples": [example]}))
        assert run("test", str(script), str(file)) == 0

    @pytest.mark.parametrize(
        "arguments",
        [
            ["decode", "/nowhere.js", "00"],
            ["decode", CLIMATE, "0g"],
            ["decode", CLIMATE, "00" * 256],
            ["decode", CLIMATE, "--fport", "256", "00"],
            ["decode", CLIMATE, "--recv-time", "noon", "00"],
            ["decode", CLIMATE, "--variable", "x", "00"],
            ["encode", CLIMATE, "{"],
            ["test", CLIMATE, "/nowhere.json"],
            ["test", CLIMATE, CLIMATE],
        ],
    )
    def test_wrong_usage_is_2_and_one_line(
        self, arguments: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(*arguments) == 2
        assert capsys.readouterr().err.count("\n") == 1

    def test_a_broken_script_is_1_and_names_its_line(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        script = tmp_path / "broken.js"
        script.write_text("var a;\nvar b = ;\n")
        assert run("decode", str(script), "00") == 1
        assert "broken.js: SyntaxError" in (err := capsys.readouterr().err) and "line 2" in err


def test_without_the_engine_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("forwarder.edge.codec.host.find_spec", lambda name: None)
    assert run("decode", CLIMATE, "00") == 1
    assert "pip install 'edgemast[codecs]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("expected", "came", "same"),
    [
        (23.4, 23.400000000000002, True),
        (1e9, 1e9 + 2, False),
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        ("1", 1, False),
        ({"a": None}, {}, True),
        ({}, {"a": None}, True),
        ({}, {"a": 0}, False),
        ([1, 2], [1, 2, 3], False),
        ([None], [], False),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, False),
        ({"data": 1}, {"data": 1}, True),
        ({"data": {"x": 1}}, {"x": 1}, True),
    ],
)
def test_what_is_the_same(expected: object, came: object, same: bool) -> None:
    (example,) = examples([{"fPort": 1, "bytes": "", "expect": expected}])
    assert (differences(example, Decoded(came)) == []) is same


def test_errors_are_expected_or_are_differences() -> None:
    good, bad = examples(
        [
            {"bytes": "", "expect": 1},
            {"type": "uplink", "input": {"bytes": ""}, "output": {"errors": ["unknown"]}},
        ]
    )
    failed = Decoded(None, ("other words",))
    assert differences(good, failed) == ["error: other words"] and differences(bad, failed) == []
    assert "errors expected" in differences(bad, Decoded(1))[0]


def test_an_encoding_differs_in_bytes_or_in_a_port_it_chose() -> None:
    (example,) = examples(
        {"downlink": [{"input": {"data": 1}, "output": {"bytes": [1], "fPort": 2}}]}
    )
    assert differences(example, Encoded(b"\x01")) == []
    assert differences(example, Encoded(b"\x01", 3)) == ["fPort: 2 expected, 3 came"]
    assert differences(example, Encoded(b"\x02", 2)) == ["bytes: 01 expected, 02 came"]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "there is no example"),
        ("text", "there is no example"),
        ([5], "example 1: an object expected"),
        ([{"bytes": "zz"}], "example 1: bytes"),
        ([{"bytes": [300]}], "numbers of 0 to 255"),
        ([{"expect": 1}], "bytes: hexadecimal"),
        ([{"bytes": "", "fPort": "x"}], "fPort"),
        ([{"type": "sideways", "input": {}}], "type: uplink-decode"),
        ([{"input": 5}], "input: an object"),
    ],
)
def test_an_example_that_is_none_is_named(document: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        examples(document)


def test_bytes_are_hexadecimal_or_numbers() -> None:
    assert payload("0x01 Ff:0a") == payload([1, 255, 10]) == payload([1, -1, 10])


def test_a_file_may_be_looser_than_json_where_it_is_clear() -> None:
    (example,) = read('[{"bytes": [0x0A, 0xff,], /* two */ "expect": "0x0A, // kept",}] // end')
    assert example.payload == b"\x0a\xff" and example.readings[0].data == "0x0A, // kept"
    with pytest.raises(ValueError, match="JSON expected"):
        read("[" * 100_000)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["input", "output", "type", "bytes", "fPort", "data", "expect", "uplink"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_document_is_examples_or_a_value_error(document: object) -> None:
    try:
        found = examples(document)
    except ValueError:
        return
    assert all(isinstance(differences(one, Decoded(document)), list) for one in found)


@given(st.text(max_size=60))
def test_any_text_is_examples_or_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        read(text + "x")
