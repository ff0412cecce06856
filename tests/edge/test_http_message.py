"""Heads of HTTP requests, strictly; and how often a caller may call."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.edge.sources.http_message import HttpError, body_size, parse_head
from forwarder.edge.sources.rate import MAX_CALLERS, RateLimit


@pytest.mark.parametrize(
    ("head", "status"),
    [
        pytest.param(b"\r\n\r\n", 400, id="no request line"),
        pytest.param(b"GET / HTTP/2.0\r\n\r\n", 400, id="another version"),
        pytest.param(b"POST / HTTP/1.1\r\nA : b\r\n\r\n", 400, id="a space before the colon"),
        pytest.param(b"POST / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", 400, id="folded"),
        pytest.param(b"POST / HTTP/1.1\nA: b\r\n\r\n", 400, id="a bare line feed"),
        pytest.param(b"POST / HTTP/1.1\r\nA: \xff\r\n\r\n", 400, id="no ASCII"),
        pytest.param(b"POST / HTTP/1.1\r\n" + b"A: b\r\n" * 65 + b"\r\n", 431, id="many headers"),
        pytest.param(
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            400,
            id="two lengths",
        ),
        pytest.param(b"POST / HTTP/1.1\r\n\r\n", 411, id="no length"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, id="below zero"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: 9999\r\n\r\n", 413, id="too long"),
        pytest.param(
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
            411,
            id="chunked",
        ),
    ],
)
def test_what_leaves_room_for_doubt_is_refused(head: bytes, status: int) -> None:
    with pytest.raises(HttpError) as caught:
        body_size(parse_head(head), 1000)
    assert caught.value.status == status and caught.value.words


@given(st.binary(max_size=400) | st.text("POST /HT1.\r\n: aC%?&=+").map(str.encode))
def test_any_head_is_a_request_or_an_error_with_words(head: bytes) -> None:
    try:
        body_size(parse_head(head), 1000)
    except HttpError as error:
        assert error.words and error.status in (400, 411, 413, 431)


# Rates


def test_a_rate_allows_a_burst_and_then_its_pace() -> None:
    limit = RateLimit(60)
    assert [limit.take("a", 0.0) for _ in range(61)] == [True] * 60 + [False]
    assert [limit.take("a", 2.0) for _ in range(3)] == [True, True, False]
    assert limit.take("b", 2.0)


@given(st.lists(st.tuples(st.integers(0, 400), st.floats(0, 60)), max_size=600))
def test_a_rate_never_lets_more_through_than_it_says(calls: list[tuple[int, float]]) -> None:
    limit, now_s, passed = RateLimit(5), 0.0, 0
    for caller, later_s in calls:
        now_s += later_s
        limit.take(str(caller), now_s)
        passed += limit.take("same", now_s)
        if len({caller for caller, _ in calls}) < MAX_CALLERS:
            assert passed <= 5 + now_s * 5 / 60 + 1e-6
