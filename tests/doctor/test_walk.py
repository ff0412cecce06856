"""Order, dependencies and what is told: the doctor without a machine."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.doctor.examine import examine, within
from forwarder.doctor.text import lines
from forwarder.doctor.values import Check, Finding, Verdict, fail, ok, skipped, warn
from forwarder.doctor.walk import Walk, exit_code

BAD = fail("0x00", "0x10", "no power", "held in reset", next="edgemast boards")


def check(name: str, finding: Finding, *needs: str, after: tuple[str, ...] = ()) -> Check:
    return Check(name, lambda: finding, needs, after=after)


def walked(*checks: Check) -> Walk:
    walk = Walk(checks)
    while begin := walk.ready():
        for one in begin:
            walk.done(one, one.run())
    return walk


def test_what_hangs_on_a_failure_is_not_tried_and_names_the_first_cause() -> None:
    walk = walked(check("a", BAD), check("b", ok("b"), "a"), check("c", ok("c"), "b"))
    assert walk.found["b"] == walk.found["c"] == skipped("not tried, because of: a")


def test_what_hangs_on_nothing_is_tried_whatever_failed() -> None:
    walk = walked(check("a", BAD), check("disk", ok("fine")))
    assert walk.found["disk"].verdict is Verdict.OK


def test_a_warning_stops_nothing() -> None:
    walk = walked(check("a", warn("hm")), check("b", ok("b"), "a"))
    assert walk.found["b"].verdict is Verdict.OK


def test_what_only_comes_after_another_is_tried_when_that_failed() -> None:
    walk = walked(check("a", BAD), check("b", ok("b"), after=("a",)))
    assert walk.found["b"].verdict is Verdict.OK


def test_a_check_waits_until_all_that_it_needs_is_known() -> None:
    walk = Walk([check("a", BAD), check("b", ok("b")), check("c", ok("c"), "b", "a")])
    first, second = walk.ready()
    walk.done(second, ok("b"))
    assert walk.ready() == [] and "c" not in walk.found
    walk.done(first, BAD)
    assert walk.ready() == [] and walk.found["c"].verdict is Verdict.SKIPPED


def test_a_result_that_comes_after_it_was_given_up_does_not_count() -> None:
    walk = Walk([one := check("a", ok("a"))])
    walk.done(one, BAD)
    walk.done(one, ok("late"))
    assert walk.found["a"] == BAD


@pytest.mark.parametrize(
    "checks",
    [[check("a", BAD, "b"), check("b", BAD)], [check("a", BAD), check("a", BAD)]],
    ids=["out of order", "twice the same name"],
)
def test_a_table_that_cannot_be_walked_is_refused(checks: list[Check]) -> None:
    with pytest.raises(ValueError, match="a"):
        Walk(checks)


@given(st.lists(st.tuples(st.sampled_from([ok("x"), BAD, warn("x"), skipped("x")]), st.data())))
def test_every_walk_ends_with_every_check_told(
    table: list[tuple[Finding, st.DataObject]],
) -> None:
    checks: list[Check] = []
    for number, (finding, data) in enumerate(table):
        before = [one.name for one in checks]
        needs = data.draw(st.lists(st.sampled_from(before), unique=True)) if before else []
        checks.append(check(str(number), finding, *needs))
    walk = walked(*checks)
    assert walk.finished and [one for one, _ in walk.results()] == checks


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ({"disk": ok(""), "time": warn("")}, 0),
        ({"disk": BAD}, 1),
        ({"disk": BAD, "configuration": BAD}, 2),
        ({"configuration": skipped("")}, 0),
    ],
)
def test_exit_codes_are_those_of_every_command(found: dict[str, Finding], code: int) -> None:
    assert exit_code(found) == code


def test_a_check_that_hangs_is_left_behind_and_the_others_are_told() -> None:
    stop = threading.Event()

    def hang() -> Finding:
        stop.wait()
        return ok("")

    walk = Walk([Check("slow", hang, timeout_s=0.05), check("b", ok("b"))])
    examine(walk)
    stop.set()
    assert walk.found["b"] == ok("b")
    assert walk.found["slow"].read == "no result within 0.05 s"


def test_a_check_that_breaks_takes_no_other_with_it() -> None:
    def broken() -> Finding:
        raise KeyError("oops")

    walk = Walk([Check("bad", broken), check("b", ok("b"), after=("bad",))])
    examine(walk)
    assert walk.found["bad"].read == "KeyError: 'oops'" and walk.found["b"] == ok("b")


def test_the_limit_holds_for_all_checks_together() -> None:
    stop = threading.Event()

    def hang() -> Finding:
        stop.wait()
        return ok("")

    walk = Walk([Check("a", hang, timeout_s=60), Check("b", hang, after=("a",), timeout_s=60)])
    examine(walk, limit_s=0.05)
    stop.set()
    assert {finding.verdict for finding in walk.found.values()} == {Verdict.FAIL}


def test_letting_go_of_a_bus_that_hangs_does_not_hang_the_doctor() -> None:
    stop = threading.Event()

    def hang() -> None:
        stop.wait()

    within(hang, 0.02)  # returns, though nobody has said stop
    stop.set()
    done: list[int] = []
    within(lambda: done.append(1), 5.0)
    assert done == [1]


def test_a_failure_is_told_with_causes_and_what_to_do_and_where_to_start() -> None:
    walk = walked(check("chip version", BAD), check("radios", ok(""), "chip version"))
    assert list(lines(walk.results())) == [
        "FAIL  chip version      0x00",
        "        expected  0x10",
        "        likely    no power",
        "        or        held in reset",
        "        next      edgemast boards",
        "-     radios            not tried, because of: chip version",
        "",
        "1 failed, 1 not tried; start with: chip version",
    ]
