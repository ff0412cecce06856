"""Semtech's JSON dialect. Rung 1: pure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.config.jsonc import MAX_DEPTH, parse
from forwarder.errors import ConfigError


def test_comments_and_what_follows_the_root_are_not_looked_at() -> None:
    text = '/* a */ { // b\n "x": "/* no comment */", "y": [1, /* c */ 2] } and so { on'
    assert parse(text, "f").value == {"x": "/* no comment */", "y": [1, 2]}


def test_every_value_has_its_line() -> None:
    file = parse('{\n "a": {\n  "b": [1,\n   2]\n }\n}', "f")
    assert file.lines[("a", "b", 1)] == 4 and file.lines[("a",)] == 2


def test_a_comma_too_many_is_taken_with_a_warning_that_names_the_line() -> None:
    file = parse('{"a": [1, 2,],\n "b": 1,\n}', "f")
    assert file.value == {"a": [1, 2], "b": 1}
    assert [warning.split(":")[1] for warning in file.warnings] == ["1", "2"]


def test_a_second_key_of_one_name_is_refused_with_both_lines() -> None:
    with pytest.raises(ConfigError, match=r"f:3: \"a\" .* line 1: remove"):
        parse('{"a": 1,\n "b": 2,\n "a": 3}', "f")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "f:1: expected a value, came the end", id="empty"),
        pytest.param("{\n", r"f:2: expected a \"key\", came the end", id="half an object"),
        pytest.param('{"a" 1}', "f:1: expected ':' after", id="no colon"),
        pytest.param("[1 2]", r"f:1: expected ',' or '\]'", id="no comma"),
        pytest.param("[01]", "f:1: expected", id="leading zero"),
        pytest.param("[0x10]", "f:1: expected", id="hexadecimal"),
        pytest.param("[NaN]", "f:1: expected", id="not a number"),
        pytest.param("[1e999]", "below 1e18", id="infinite"),
        pytest.param("[" + "9" * 5000 + "]", "below 1e18", id="thousands of digits"),
        pytest.param('{"a": "\\ud800"}', "valid escapes", id="half a surrogate"),
        pytest.param('{"a": 1, /* x', "comment without an end", id="comment without an end"),
        pytest.param("[" * 5000, f"at most {MAX_DEPTH}", id="too deep"),
        pytest.param("{,}", "expected a", id="only a comma"),
    ],
)
def test_what_is_no_json_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(text, "f")


@given(st.text(alphabet='{}[]:,"\\/* \n0123456789.eE+-truefalsnux', max_size=60))
def test_any_text_is_a_value_or_a_config_error_with_file_and_line(text: str) -> None:
    try:
        parse(text, "f")
    except ConfigError as error:
        assert str(error).startswith("f:")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=12,
    )
)
def test_what_json_writes_is_read_back(value: object) -> None:
    import json

    assert parse(json.dumps(value), "f").value == value
