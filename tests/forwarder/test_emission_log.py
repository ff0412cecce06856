"""What a new process remembers of the one before it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from forwarder.config.model import Limits, TxBand
from forwarder.scheduling.duty_cycle import WINDOW_US, Emission
from forwarder.scheduling.emission_log import (
    HEAD,
    EmissionLog,
    Unreadable,
    directory,
    open_log,
    parse,
)
from forwarder.scheduling.regulation import Regulation
from forwarder.scheduling.shares import Shares

NOW = 50_000_000_000
LAST = Emission(NOW - 5_000_000, 1_200_000, 868_100_000, "lns, with a name")
BAND = TxBand(868_000_000, 868_600_000, 16.15, 0.01)


class Logs:
    """Makes logs of one file, and closes them when the test is over: until then they live on."""

    def __init__(self, place: Path) -> None:
        self.path = place / "run" / "emissions.txt"
        self.made: list[EmissionLog] = []

    def __call__(self, boot: str = "boot") -> EmissionLog:
        self.made.append(EmissionLog(self.path, boot=boot))
        return self.made[-1]

    def open(self, account: Regulation, now_us: int = NOW) -> EmissionLog:
        kept = open_log(self.path.parent, "00ff", account, now_us)
        assert kept is not None
        self.made.append(kept)
        return kept


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Logs]:
    logs = Logs(tmp_path)
    yield logs
    for one in logs.made:
        one.close()


def regulation() -> Regulation:
    return Regulation(Limits((BAND,), enforce_duty_cycle=True), Shares())


def test_a_kill_forgets_nothing_that_was_written(log: Logs) -> None:
    killed = log()
    killed.open(NOW)
    killed.write(LAST, NOW)  # and it is never closed
    assert log().open(NOW + 1_000_000).emissions == (LAST,)


def test_what_is_older_than_an_hour_is_forgotten(log: Logs) -> None:
    kept = log()
    kept.open(NOW)
    kept.write(LAST, NOW)
    assert log().open(NOW + WINDOW_US).emissions == ()


def test_a_start_of_the_system_begins_with_nothing(log: Logs) -> None:
    found = log().open(NOW)
    assert (found.emissions, found.unknown) == ((), "")


def test_what_is_of_another_start_of_the_system_counts_as_sent_just_now(log: Logs) -> None:
    before = log()
    before.open(NOW)
    before.write(LAST, NOW)
    (found,) = log("another").open(3_000_000).emissions
    assert found.start_us + found.airtime_us == 3_000_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "something else\n",
        f"{HEAD} boot\n{NOW} 1000 868100000",
        f"{HEAD} boot\n{NOW} 1000 868100000\n",
        f"{HEAD} boot\nx 1000 868100000 lns\n",
        f"{HEAD} boot\n{NOW} -1 868100000 lns\n",
        f"{HEAD} boot\n{NOW} 9999999999 868100000 lns\n",
        f"{HEAD} boot\n{NOW * 9} 1000 868100000 lns\n",
    ],
    ids=["empty", "other", "cut off", "no link", "words", "negative", "too long", "future"],
)
def test_damage_is_told_and_never_taken_for_silence(text: str) -> None:
    with pytest.raises(Unreadable):
        parse(text, "boot", NOW)


def test_a_damaged_file_counts_as_a_used_up_band_and_so_does_the_next_start(
    log: Logs,
) -> None:
    log.path.parent.mkdir()
    path = log.path.with_name("emissions-00ff.txt")
    path.write_bytes(b"\xff\x00 nonsense")
    for second in range(2):
        after = regulation()
        log.open(after, NOW + second).close()
        (load,) = after.loads(NOW + second)
        assert load.load_tracked_us == load.load_max_us


def test_a_restart_goes_on_with_the_same_account(
    log: Logs,
) -> None:
    log.open(regulation()).write(LAST, NOW)
    after = regulation()
    log.open(after)
    assert after.loads(NOW)[0].load_tracked_us == LAST.airtime_us


def test_a_full_file_is_written_anew_with_what_still_counts(
    log: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forwarder.scheduling.emission_log.MOST_LINES", 3)
    kept = log()
    kept.open(NOW)
    for start_us in (NOW - 2 * WINDOW_US, NOW - 1, NOW, NOW + 1):
        kept.write(Emission(start_us, 1000, 868_100_000, "lns"), NOW)
    lines = log.path.read_text().splitlines()
    assert [line.split()[0] for line in lines[1:]] == [str(NOW - 1), str(NOW), str(NOW + 1)]


def test_a_place_that_cannot_be_written_costs_no_downlink(
    log: Logs, caplog: pytest.LogCaptureFixture
) -> None:
    log.path.parent.write_text("a file, not a directory")
    kept = log()
    with caplog.at_level(logging.WARNING):
        kept.open(NOW)
        kept.write(LAST, NOW)
    assert len([r for r in caplog.records if "forgotten at a restart" in r.message]) == 1


def test_a_simulated_radio_uses_up_no_air(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    assert directory(simulated=True) is None
    assert directory(simulated=False) == Path("/run/user/7/edgemast")
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/edgemast:/run/other")
    assert directory(simulated=True) == Path("/run/edgemast")
