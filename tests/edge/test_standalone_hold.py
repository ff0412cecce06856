"""What waits for an AppSKey is bounded, by number and by time."""

from __future__ import annotations

from typing import Any, cast

import pytest
from msgspec.structs import replace

from forwarder.edge.standalone import data
from forwarder.edge.standalone.hold import HELD_S, MOST_PER_SESSION, MOST_SESSIONS, Heard, Hold
from forwarder.edge.values import PayloadState
from tests.edge.test_sinks_pure import RECORD


class Session:
    def __init__(self, number: int) -> None:
        self.ident = number.to_bytes(4, "big")


class Match:
    def __init__(self, number: int, fcnt: int) -> None:
        self.session, self.fcnt = Session(number), fcnt


@pytest.fixture(autouse=True)
def records(monkeypatch: pytest.MonkeyPatch) -> None:
    def record(match: Any, *_: Any, **__: Any) -> Any:
        return replace(RECORD, fcnt=match.fcnt, payload_state=PayloadState.PENDING_KEY)

    monkeypatch.setattr(data, "record", record)


def heard(number: int, fcnt: int = 0) -> Heard:
    return Heard(cast(Any, Match(number, fcnt)), cast(Any, None), RECORD.radio, 0)


def test_the_latest_frames_of_a_session_are_told_once_and_as_late() -> None:
    hold = Hold()
    for fcnt in range(MOST_PER_SESSION + 3):
        assert not hold.tell(heard(1, fcnt), "gw", 0.0).late
    late = hold.opened(heard(1).match.session.ident, "gw", 1.0)
    assert [one.fcnt for one in late] == list(range(3, MOST_PER_SESSION + 3))
    assert all(one.late for one in late)
    assert hold.opened(heard(1).match.session.ident, "gw", 1.0) == []


def test_an_old_reading_is_not_told_as_news() -> None:
    hold = Hold()
    hold.tell(heard(1, 1), "gw", 0.0)
    hold.tell(heard(1, 2), "gw", HELD_S)
    late = hold.opened(heard(1).match.session.ident, "gw", HELD_S + 1)
    assert [one.fcnt for one in late] == [2]
    hold.tell(heard(2), "gw", 0.0)
    hold.forget(HELD_S + 1)
    assert hold.opened(heard(2).match.session.ident, "gw", 1.0) == []


def test_many_sessions_without_a_key_fill_no_memory() -> None:
    hold = Hold()
    for number in range(MOST_SESSIONS + 10):
        hold.tell(heard(number), "gw", 0.0)
    assert hold.opened(heard(0).match.session.ident, "gw", 1.0) == []
    assert hold.opened(heard(MOST_SESSIONS + 9).match.session.ident, "gw", 1.0)
