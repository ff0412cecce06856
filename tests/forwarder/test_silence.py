"""Silence is judged by this site's own history; a canary's is acted on, ever more seldom. Rung 1."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.config.model import HealthSettings
from forwarder.radio.hearing import Hearing
from forwarder.radio.silence import CANARY_MOST_S, LEARN_S, LEAST_S, Canary, SiteHistory
from hal.frames import Crc, RxFrame
from hal.modulation import LoRa

HOUR = 3600.0


def hour_of(now_s: float) -> int:
    return int(now_s // HOUR) % 24


def a_site(every_s: float, days: float = 2.0) -> tuple[SiteHistory, float]:
    """A site that heard a frame every `every_s`, and when it did last."""
    history, now_s = SiteHistory(0.0), 0.0
    while now_s < days * 24 * HOUR:
        now_s += every_s
        history.look(now_s, hour_of(now_s))
        history.heard(now_s, hour_of(now_s))
    return history, now_s


def test_a_busy_site_notices_after_ten_minutes_and_a_quiet_one_after_hours() -> None:
    for every_s, quiet_s, unusual_s in (
        (5.0, LEAST_S, LEAST_S + 1),
        (HOUR, 2.5 * HOUR, 3.1 * HOUR),
    ):
        history, now_s = a_site(every_s)
        assert history.look(now_s + quiet_s, hour_of(now_s + quiet_s)) is None
        silence = history.look(now_s + unusual_s, hour_of(now_s + unusual_s))
        assert silence is not None and silence.silent_s == unusual_s
    assert "3 h 6 min" in str(silence)


def test_nothing_is_unusual_before_a_whole_day_was_heard() -> None:
    history = SiteHistory(0.0)
    history.heard(1.0, 0)
    assert history.look(LEARN_S - 1, 23) is None
    assert history.look(LEARN_S, 0) is not None


def test_a_night_without_a_frame_is_usual_where_every_night_is() -> None:
    history = SiteHistory(0.0)
    for day in range(3):
        for minute in range(8 * 60, 22 * 60, 5):
            now_s = day * 24 * HOUR + minute * 60.0
            history.heard(now_s, hour_of(now_s))
    night_s = 3 * 24 * HOUR + 3 * HOUR  # five hours after the last frame
    assert history.look(night_s, 3) is None
    noon_s = 3 * 24 * HOUR + 12 * HOUR
    for minute in range(8 * 60, 11 * 60, 5):
        history.heard(3 * 24 * HOUR + minute * 60.0, minute // 60)
    assert history.look(noon_s + 2 * HOUR, 14) is not None


def test_what_was_usual_long_ago_fades() -> None:
    history, now_s = a_site(HOUR)
    quiet_s = 2.5 * HOUR
    assert history.look(now_s + quiet_s, 0) is None
    for _ in range(20 * 24 * 12):
        now_s += 300.0
        history.heard(now_s, hour_of(now_s))
        history.look(now_s, hour_of(now_s))
    assert history.look(now_s + quiet_s, hour_of(now_s + quiet_s)) is not None


@given(st.lists(st.tuples(st.floats(0, 1e5), st.integers(0, 23), st.booleans()), max_size=60))
def test_no_course_of_events_takes_a_heard_site_for_a_silent_one(
    steps: list[tuple[float, int, bool]],
) -> None:
    history, now_s = SiteHistory(0.0), 0.0
    for step_s, hour, frame in steps:
        now_s += step_s
        if frame:
            history.heard(now_s, hour)
            assert history.look(now_s, hour) is None
        elif (silence := history.look(now_s, hour)) is not None:
            assert silence.silent_s > LEAST_S and silence.silent_s > silence.usual_s


def test_a_canary_restarts_the_radio_and_waits_twice_as_long_each_time() -> None:
    canary, times = Canary(600.0, 0.0), []
    for now_s in range(0, 100_000, 60):
        if canary.missed(now_s):
            times.append(now_s)
    waits = [after - before for before, after in zip([0, *times], times, strict=False)]
    assert waits[:4] == [2100, 4200, 8400, 16800] and max(waits) <= CANARY_MOST_S
    canary.heard(100_000)
    assert not canary.missed(102_000) and canary.missed(102_100)


class Bench:
    """A Hearing on a clock of its own, and the restarts that it asked for."""

    def __init__(self, **settings: object) -> None:
        self.now_s, self.restarts = 0.0, list[str]()
        self.hearing = Hearing(
            HealthSettings(**settings),  # type: ignore[arg-type]
            self.restarts.append,
            now_s=lambda: self.now_s,
            hour=lambda: hour_of(self.now_s),
        )

    def hears(self, payload: bytes, crc: Crc = Crc.OK) -> None:
        self.hearing.heard(
            [RxFrame(payload, 0, 868_100_000, LoRa(7), crc, 0, 0, 0, -80, -80, 5, 0)]
        )

    def waits(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.now_s += 30.0
            self.hearing.look()


def test_silence_alone_is_told_once_and_restarts_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bench = Bench()
    for _ in range(24 * 13):
        bench.waits(300)
        bench.hears(b"noise", Crc.BAD)
    assert caplog.records == []
    bench.waits(3 * HOUR)
    assert len(caplog.records) == 1 and "nothing is restarted" in caplog.text
    assert bench.restarts == [] and bench.hearing.status()["silent"] is True
    bench.hears(b"")
    assert "heard again" in caplog.text and bench.hearing.status()["silences"] == 1


DATA = bytes.fromhex("40 78563412 00 0100 01 aa 01020304")


def test_only_the_canarys_own_frames_keep_it_alive() -> None:
    bench = Bench(canary_dev_addr="12345678", canary_every_s=600)
    for _ in range(20):
        bench.waits(600)
        bench.hears(DATA)
    assert bench.restarts == []
    for payload in (DATA[:11], b"\x60" + DATA[1:], b"\x40\x79" + DATA[2:]):
        bench.hears(payload)
    bench.waits(2100)
    assert bench.restarts == ["the canary 12345678 is not heard any more"]
    assert bench.hearing.status()["canary_restarts"] == 1
