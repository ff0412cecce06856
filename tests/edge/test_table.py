"""The table under every order of events: no counter of a session is new twice, none is invented."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from forwarder.edge.heard import Heard
from forwarder.edge.lifecycle import Enrolment
from forwarder.edge.local import LocalMode
from forwarder.edge.table import candidate
from forwarder.edge.values import FcntState, FrameMatch, PayloadState
from forwarder.lorawan.counter import LAST, reconstruct
from forwarder.lorawan.frame import DataFrame, FrameError, parse

from .devices import NOW_S, RADIO, Node, PlainVault

SETTINGS = settings(max_examples=100, deadline=None)

# Two devices on one address, each with a session before and one after a rejoin.
SESSIONS = [Node(1), Node(2), Node(1), Node(2)]
counters = st.one_of(
    st.integers(0, 12),
    st.sampled_from([65_534, 65_535, 65_536, 65_537, 131_071, 131_072, 200_000]),
)
events = st.lists(
    st.one_of(
        st.tuples(st.just("frame"), st.integers(0, 3), counters),
        st.tuples(st.just("forged"), st.integers(0, 3), counters),
        st.tuples(st.just("news"), st.integers(0, 3), st.just(0)),
        st.tuples(st.just("renamed"), st.integers(0, 3), st.just(0)),
        st.tuples(st.just("report"), st.integers(0, 3), counters),
        st.tuples(st.just("wait"), st.just(0), st.sampled_from([1, 40, 100])),
    ),
    max_size=40,
)


OLD_SESSION_AGAIN = [
    *(("news", 0, 0), ("frame", 0, 5), ("news", 2, 0), ("frame", 2, 0), ("wait", 0, 100)),
    *(("news", 0, 0), ("frame", 0, 5), ("renamed", 0, 0), ("frame", 0, 5)),
]


@SETTINGS
@given(events, st.booleans())
@example(OLD_SESSION_AGAIN, True)
@example(OLD_SESSION_AGAIN, False)
def test_no_counter_of_a_session_is_new_twice(
    story: list[tuple[str, int, int]], named: bool
) -> None:
    vault = PlainVault()
    mode = LocalMode(Enrolment([Node(1).device(), Node(2).device()], vault), vault)
    now_s, new, sent = NOW_S, [], set()
    for kind, which, fcnt in story:
        node = SESSIONS[which]
        now_s += 1.0
        records = []
        if kind in ("frame", "forged"):
            frame = node.send(fcnt, b"%d/%d" % (which, fcnt))
            if kind == "forged":
                frame = frame[:-1] + bytes([frame[-1] ^ 0x55])
            else:
                sent.add((which, fcnt))
            record = mode.frame(frame, RADIO, 0, now_s)
            records = [record] if record is not None else []
        elif kind == "wait":
            now_s += fcnt
            records = mode.tick(now_s)
        else:
            match = FrameMatch(fcnt, mic=node.send(fcnt)[-4:]) if kind == "report" else None
            news = node.news(named=named and kind != "renamed", match=match)
            records = mode.news(news, now_s)
        new += [r for r in records if r.fcnt_state is FcntState.NEW and r.payload is not None]
    read = [r.payload for r in new]
    assert len(read) == len(set(read))
    for record in new:
        assert record.payload_state is PayloadState.DECRYPTED and record.payload is not None
        which, fcnt = map(int, record.payload.split(b"/"))
        assert (which, fcnt) in sent and record.fcnt == fcnt
        assert record.dev_eui == SESSIONS[which].dev_eui


@given(st.one_of(st.none(), st.integers(0, LAST)), st.integers(0, 0xFFFF))
def test_the_quick_candidate_is_the_one_of_the_standard(last: int | None, wire: int) -> None:
    full = reconstruct(last, wire)
    quick = candidate(last, wire)
    if full.full is None:
        assert quick is None
    else:
        assert quick == (full.full, FcntState(full.step.value))


@given(st.binary(max_size=60))
def test_the_quick_reader_takes_what_the_whole_one_takes(raw: bytes) -> None:
    try:
        whole = parse(raw)
    except FrameError:
        whole = None
    if not isinstance(whole, DataFrame):
        with pytest.raises(ValueError):
            Heard(raw)
        return
    quick = Heard(raw)
    assert (quick.dev_addr, quick.wire, quick.fport) == (whole.dev_addr, whole.fcnt, whole.fport)
    assert (quick.payload, quick.mic, quick.body) == (whole.payload, whole.mic, whole.body())
    assert quick.confirmed is whole.header.mtype.confirmed
    assert (quick.direction == 0) is whole.header.mtype.uplink


@given(st.binary(min_size=4, max_size=40), st.sampled_from([0x40, 0x60, 0x80, 0xA0]))
def test_the_quick_reader_agrees_on_data_frames(rest: bytes, mhdr: int) -> None:
    test_the_quick_reader_takes_what_the_whole_one_takes.hypothesis.inner_test(  # type: ignore[attr-defined]
        bytes([mhdr]) + rest
    )
