"""The small parts of an MQTT link: windows, repeats, increments, programs, addresses."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.config import loads
from forwarder.errors import ConfigError
from forwarder.links.mqtt import dial, workers
from forwarder.links.mqtt.dialect import Message
from forwarder.links.mqtt.outbox import BESIDE, WINDOW, InFlight, Sent
from forwarder.links.mqtt.programs import MOST_OUTPUT, allowed, run_program, told
from forwarder.links.mqtt.reasons import Trouble, refused, refused_publish, unverified
from forwarder.links.mqtt.repeats import KEPT_S, MOST, Repeats
from forwarder.links.mqtt.reports import Reports, Totals, totals
from forwarder.links.mqtt.settings import broker_address
from forwarder.packets import RadioCounters
from hal.modulation import LoRa

SENT = Sent("purpose", "topic", 0.0, 1)

# What is in flight.


@given(st.one_of(st.none(), st.integers(1, 1000)))
def test_uplinks_leave_room_and_no_quota_is_exceeded(quota: int | None) -> None:
    flight: InFlight[str] = InFlight()
    flight.new_connection(quota)
    numbers = iter(range(10_000))
    while flight.has_room(uplink=True):
        flight.put(next(numbers), SENT)
    uplinks = len(flight)
    while flight.has_room(uplink=False):
        flight.put(next(numbers), SENT)
    most = WINDOW + BESIDE if quota is None else max(1, quota)
    assert 1 <= uplinks <= WINDOW and len(flight) <= most
    assert len(flight) > uplinks or most <= WINDOW + BESIDE
    if quota is None or quota > 10:
        assert len(flight) >= uplinks + 4, "answers have room beside uplinks"


def test_a_number_is_taken_once_and_a_new_connection_forgets_all() -> None:
    flight: InFlight[str] = InFlight()
    flight.put(1, SENT)
    assert (flight.take(1), flight.take(1)) == (SENT, None)
    flight.put(2, SENT)
    flight.new_connection(None)
    assert flight.take(2) is None


# Requests that come again.


def test_an_answer_is_remembered_for_minutes_and_not_for_ever() -> None:
    repeats, answer = Repeats(), Message("t", b"")
    repeats.put(b"one", answer, 0.0)
    repeats.put(b"none", None, 0.0)
    assert repeats.find(b"one", KEPT_S) == (answer,)
    assert repeats.find(b"none", KEPT_S) == (None,)
    assert repeats.find(b"one", KEPT_S + 1) is None
    assert repeats.find(b"other", 0.0) is None


def test_the_oldest_answers_make_room() -> None:
    repeats = Repeats()
    for number in range(MOST + 1):
        repeats.put(b"%d" % number, None, 0.0)
    assert repeats.find(b"0", 0.0) is None
    assert repeats.find(b"1", 0.0) == (None,)


# Increments.


def a_report(reports: Reports, now: Totals) -> Any:
    return reports.make(now, utc_ns=None, boot_utc_ns=None, position=None, metrics={}, metadata={})


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=30))
def test_published_reports_add_up_to_all_that_happened(steps: list[tuple[int, bool]]) -> None:
    radio, told_rx, answers = RadioCounters(), 0, Counter[str]()
    reports = Reports(totals(radio, requested=0, answers=answers))
    told_by: Counter[object] = Counter()
    for count, taken in [*steps, (1, True)]:
        radio.rx_total += count
        for _ in range(count):
            radio.count_rx(868_100_000 + count * 200_000, LoRa(7 + count % 3))
        answers["OK"] += count
        now = totals(radio, requested=answers.total(), answers=answers)
        report = a_report(reports, now)
        if taken:
            reports.published(now)
            told_rx += report.rx_received
            told_by += Counter(report.rx_per_frequency) + Counter(report.tx_per_answer)
            assert sum(report.rx_per_modulation.values()) == report.rx_ok
    assert told_rx == radio.rx_total
    assert told_by == Counter(radio.rx_frequencies) + answers


def test_what_is_told_later_does_not_change_with_the_counters() -> None:
    radio = RadioCounters()
    before = totals(radio, requested=0, answers=Counter())
    radio.count_rx(868_100_000, LoRa(7))
    assert before == totals(RadioCounters(), requested=0, answers=Counter())


# Programs.


def test_a_server_sets_no_variable_that_a_loader_or_shell_acts_upon() -> None:
    words = {
        "LD_PRELOAD": "x", "PATH": "x", "IFS": "x", "BASH_ENV": "x", "PYTHONPATH": "x", "ENV": "x",
        "HOME": "x", "lower": "x", "A=B": "x", "ZERO": "a\0b", "DYLD_X": "x", "": "x",
        "LEVEL": "3", "ENVELOPE": "ok",
    }  # fmt: skip
    assert allowed(words) == {"LEVEL": "3", "ENVELOPE": "ok"}


def run(*words: str, limit_s: float = 10.0, stdin: bytes = b"") -> Any:
    return asyncio.run(run_program(words, limit_s=limit_s, stdin=stdin))


def test_only_so_much_of_an_output_is_kept_and_the_program_is_not_held_up() -> None:
    outcome = run(sys.executable, "-c", f"print('x' * {3 * MOST_OUTPUT})")
    assert (len(outcome.stdout), outcome.error) == (MOST_OUTPUT, "")


def test_what_a_program_is_given_it_can_read_or_leave() -> None:
    assert run("cat", stdin=b"words").stdout == b"words"
    assert run("true", stdin=bytes(60_000)).error == ""
    assert "bytes of input" in run("cat", stdin=bytes(70_000)).error


def test_what_a_program_started_ends_with_it() -> None:
    outcome = run("/bin/sh", "-c", "sleep 60 & echo $!; wait", limit_s=0.3)
    assert "not done after 0.3 s" in outcome.error
    child = int(outcome.stdout)
    try:
        with open(f"/proc/{child}/stat") as stat:  # noqa: PTH123
            assert stat.read().split()[2] in "ZX"
    except OSError:
        pass  # gone, and its parent has seen it


def test_output_becomes_words() -> None:
    assert told("n", b" one \n") == {"n": "one"}
    assert told("n", b"a=1\nb = x=y\n") == {"n_a": "1", "n_b": "x=y"}
    assert told("n", b"") == {}
    assert len(told("n", b"x" * 999)["n"]) == 256


# Words.


def test_every_reason_code_has_words() -> None:
    for code in range(0x80, 0x100):
        failure = refused(code, "Name", protocol="5")
        assert failure.words
        assert refused_publish("t", "user 'x'", code, "Name").words
    assert refused(0x84, "n", protocol="3.1.1").words.count('protocol = "5"') == 1
    assert refused(0x8E, "n", protocol="5").kind is Trouble.TWIN
    assert refused(0x86, "n", protocol="5").kind is Trouble.REFUSED


def test_a_name_that_does_not_fit_is_told_apart_from_a_number() -> None:
    name = unverified(62, "hostname mismatch", host="h", is_address=False)
    number = unverified(62, "IP mismatch", host="192.0.2.1", is_address=True)
    assert "another name" in name.words and "IP address" in number.words


# Dialling.


def test_every_address_of_a_name_is_tried_and_another_one_first_the_next_time() -> None:
    import pytest

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        rows = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))
            for host in ("127.0.0.9", "127.0.0.1")
        ]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)
            for turn in (0, 1, 2):
                address = broker_address(f"name:{port}")
                with dial.dial(address, turn=turn, limit_s=5.0, silence_s=45.0) as tcp:
                    assert tcp.getpeername()[0] == "127.0.0.1"
                    assert tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                    assert tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 45_000


def test_a_label_that_is_too_long_is_no_address() -> None:
    import pytest

    with pytest.raises(socket.gaierror):
        dial.dial(broker_address("x" * 64 + ".example"), turn=0, limit_s=1.0, silence_s=1.0)


def test_no_more_than_so_many_threads_connect_at_once() -> None:
    import threading

    gate, running, most = threading.Event(), [0], [0]
    done = threading.Semaphore(0)
    lock = threading.Lock()

    def work() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        gate.wait(10)
        with lock:
            running[0] -= 1
        done.release()

    for _ in range(3 * workers.MOST):
        workers.start(work)
    gate.set()
    for _ in range(3 * workers.MOST):
        assert done.acquire(timeout=10)
    assert most[0] <= workers.MOST


@pytest.mark.parametrize("port", ["", ":1883"])
def test_a_password_in_an_address_is_refused_and_not_repeated(port: str) -> None:
    text = (
        'board = "sim"\nregion = "EU868"\n[[server]]\ntype = "mqtt"\n'
        f'address = "mqtt://user:secret@a.example{port}"\n'
    )
    with pytest.raises(ConfigError, match="password_file") as caught:
        loads(text, "gateway.toml")
    assert "secret" not in str(caught.value) and "a.example" in str(caught.value)
