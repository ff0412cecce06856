"""What has to be true before a changed configuration stays."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from forwarder.change.proof import HOLD_S, Proof, State, wanted


@dataclass(frozen=True)
class Server:
    name: str
    address: str = "x"


def state(pid: int = 2, radio: str = "up", **links: str) -> State:
    rows = [{"name": name, "state": found} for name, found in links.items()]
    return {"pid": pid, "radio": {"state": radio}, "links": rows}


A, B = Server("a"), Server("b")


def test_a_server_that_answered_before_must_answer() -> None:
    assert wanted(state(a="up", b="down"), [A, B], [A, B]) == {"a"}


def test_a_server_that_is_removed_need_not() -> None:
    assert wanted(state(a="up", b="up"), [A, B], [A]) == {"a"}


def test_a_new_server_must_answer_unless_it_is_allowed_to_be_silent() -> None:
    assert wanted(state(a="up"), [A], [A, B]) == {"a", "b"}
    assert wanted(state(a="up"), [A], [A, B], trust_new=True) == {"a"}


def test_a_server_whose_address_changes_is_a_new_one() -> None:
    assert wanted(state(a="down"), [A], [Server("a", "y")]) == {"a"}


@pytest.mark.parametrize(
    ("found", "lack"),
    [
        pytest.param(None, "no gateway runs", id="none"),
        pytest.param(state(pid=1, a="up"), "was not restarted", id="the old process"),
        pytest.param(state(radio="starting", a="up"), "the radio is starting", id="no radio yet"),
        pytest.param(state(a="connecting"), "no answer from a", id="a silent server"),
        pytest.param({"pid": 2}, "the radio is not there", id="a state of nothing"),
        pytest.param({"pid": 2, "radio": 1, "links": 2}, "not there", id="another kind of state"),
    ],
)
def test_what_is_lacking_is_said(found: State | None, lack: str) -> None:
    assert lack in Proof(state(pid=1), frozenset({"a"})).lacking(found, 0.0)


def test_it_must_stay_well_for_a_while() -> None:
    proof = Proof(state(pid=1), frozenset({"a"}))
    assert proof.lacking(state(a="up"), 10.0)
    assert proof.lacking(state(a="up"), 10.0 + HOLD_S) == ""


def test_a_process_that_begins_anew_begins_its_proof_anew() -> None:
    proof = Proof(state(pid=1), frozenset())
    proof.lacking(state(pid=2), 10.0)
    assert proof.lacking(state(pid=3), 10.0 + HOLD_S)
    proof.lacking(state(pid=3, radio="down"), 11.0 + HOLD_S)
    assert proof.lacking(state(pid=3), 12.0 + 2 * HOLD_S)
