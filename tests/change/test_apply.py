"""`config apply` with a service that is a fake, and with real gateways on the simulated board."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from forwarder.__main__ import main
from forwarder.change import proof
from forwarder.change.pending import Change, ChangeError, Pending
from forwarder.change.proof import State
from forwarder.change.service import Systemd
from forwarder.change.steps import Gateway, make
from forwarder.commands import config_apply
from forwarder.state import state_file
from hal.clock import ManualClock

OLD, NEW = b"old = 1\n", b"new = 1\n"


class Fake:
    """A gateway that does with each configuration what `does` says."""

    def __init__(self, current: Path, does: Callable[[bytes], State | None]) -> None:
        self._current = current
        self._does = does
        self._pid = 1
        self.runs: State | None = does(current.read_bytes())
        self.end = ""

    def restart(self) -> None:
        self._pid += 1
        self.runs = self._does(self._current.read_bytes())

    def ended(self) -> str:
        return self.end if self.runs is None else ""

    def state(self) -> State | None:
        return None if self.runs is None else {"pid": self._pid, **self.runs}


def well(data: bytes) -> State | None:
    return {"radio": {"state": "up"}, "links": [{"name": "a", "state": "up"}]}


def new_is_deaf(data: bytes) -> State | None:
    return {"radio": {"state": "up"}, "links": []} if data == NEW else well(data)


def new_ends(data: bytes) -> State | None:
    return None if data == NEW else well(data)


@pytest.fixture
def current(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_bytes(OLD)
    return path


def attempt(current: Path, fake: Fake) -> None:
    gateway = Gateway(fake, fake.state, ManualClock(), limit_s=30.0)
    with closing(Change(Pending(current))) as change:
        make(change, NEW, gateway, frozenset({"a"}))


def test_a_change_that_is_proved_stays(current: Path) -> None:
    attempt(current, Fake(current, well))
    assert current.read_bytes() == NEW and not Pending(current).marker.exists()


def test_a_change_whose_server_does_not_answer_is_taken_back(current: Path) -> None:
    fake = Fake(current, new_is_deaf)
    with pytest.raises(ChangeError, match=r"no answer from a, after 30 s; .* runs again"):
        attempt(current, fake)
    assert current.read_bytes() == OLD and not Pending(current).marker.exists()


def test_a_gateway_that_ends_is_not_waited_for(current: Path) -> None:
    fake = Fake(current, new_ends)
    fake.end = "code 1"
    with pytest.raises(ChangeError, match=r"because code 1; .* runs again"):
        attempt(current, fake)
    assert current.read_bytes() == OLD


def test_a_bug_in_the_middle_takes_the_change_back(current: Path) -> None:
    def broken(data: bytes) -> State | None:
        if data == NEW:
            raise RuntimeError("a bug")
        return well(data)

    with pytest.raises(RuntimeError, match="a bug"):
        attempt(current, Fake(current, broken))
    assert current.read_bytes() == OLD and not Pending(current).marker.exists()


def test_where_there_was_none_before_nothing_is_left_and_that_is_said(tmp_path: Path) -> None:
    current = tmp_path / "gateway.toml"
    current.write_bytes(b"")
    fake = Fake(current, new_is_deaf)
    current.unlink()
    with pytest.raises(ChangeError, match="there was no configuration before"):
        attempt(current, fake)
    assert not current.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_takes_the_change_back(number: signal.Signals, current: Path) -> None:
    def restarted(data: bytes) -> State | None:
        if data == NEW:
            os.kill(os.getpid(), number)
        return well(data)

    with pytest.raises(ChangeError, match="interrupted"):
        attempt(current, Fake(current, restarted))
    assert current.read_bytes() == OLD


def test_a_service_that_systemd_cannot_restart_is_told_and_the_change_taken_back(
    current: Path,
) -> None:
    def refuse(words: tuple[str, ...]) -> tuple[int, str]:
        return (1, "Access denied") if "restart" in words else (0, "")

    gateway = Gateway(Systemd(refuse), lambda: None, ManualClock(), limit_s=1.0)
    with closing(Change(Pending(current))) as change, pytest.raises(ChangeError, match="denied"):
        make(change, NEW, gateway, frozenset())
    assert current.read_bytes() == OLD


def test_a_service_that_failed_says_why() -> None:
    answers = {
        "show": "ActiveState=failed\nResult=exit-code\nExecMainStatus=2",
        "--unit": "edgemast: region = ...",
    }
    systemd = Systemd(lambda words: (0, answers.get(words[1], "")))
    assert "code 2" in systemd.ended() and "region" in systemd.ended()


# With the real program.


@contextmanager
def a_server() -> Iterator[int]:
    """Acknowledges PULL_DATA; its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.bind(("127.0.0.1", 0))
        threading.Thread(target=_acknowledge, args=(port,), daemon=True).start()
        yield port.getsockname()[1]
        port.sendto(b"", port.getsockname())


def _acknowledge(port: socket.socket) -> None:
    while True:
        data, sender = port.recvfrom(2048)
        if not data:
            return
        port.sendto(data[:3] + bytes([4 if data[3] == 2 else 1]), sender)


def toml(port: int) -> str:
    return (
        'board = "sim"\nregion = "EU868"\n[gateway]\neui = "0016c001ff1c2d3e"\n'
        f'[[server]]\nname = "ns"\naddress = "127.0.0.1:{port}"\n'
    )


class Runs:
    """What systemd is elsewhere: `edgemast run`, ended and begun anew."""

    def __init__(self, current: Path, runtime: Path) -> None:
        self._words = (sys.executable, "-m", "forwarder", "run", "-c", str(current))
        self._environment = {**os.environ, "RUNTIME_DIRECTORY": str(runtime)}
        self.process: subprocess.Popen[bytes] | None = None

    def runs(self) -> bool:
        return True

    def restart(self) -> None:
        self.end()
        self.process = subprocess.Popen(
            self._words, env=self._environment, stderr=subprocess.DEVNULL
        )

    def end(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()

    def ended(self) -> str:
        code = None if self.process is None else self.process.poll()
        return "" if code is None else f"it ended with code {code}"


def test_a_real_gateway_keeps_what_works_and_goes_back_from_what_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    current, new, runtime = tmp_path / "gateway.toml", tmp_path / "new.toml", tmp_path / "run"
    runs = Runs(current, runtime)
    monkeypatch.setattr(config_apply, "Systemd", lambda: runs)
    monkeypatch.setattr(proof, "HOLD_S", 0.0)
    words = ["config", "apply", str(new), "-c", str(current), "--runtime", str(runtime)]
    with a_server() as port:
        try:
            new.write_text(toml(port))
            assert main(words) == 0
            good = state_file.read(runtime)
            new.write_text(toml(port) + '[concentrator]\nradio = "usb:/dev/no-such-board"\n')
            assert main(words) == 1
            back = state_file.read(runtime)
        finally:
            runs.end()
    assert current.read_text() == toml(port)
    assert good is not None and back is not None and back["pid"] != good["pid"]
    assert "code 1; the configuration before it runs again" in capsys.readouterr().err


def test_where_no_gateway_runs_the_doctor_is_the_proof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Systemd, "runs", lambda self: False)
    current, new = tmp_path / "gateway.toml", tmp_path / "new.toml"
    words = ["config", "apply", str(new), "-c", str(current), "--runtime", str(tmp_path)]
    with a_server() as port:
        new.write_text(toml(port))
        assert main(words) == 0
    new.write_text(toml(1))
    assert main(words) == 1
    assert current.read_text() == toml(port)
    assert "server ns" in capsys.readouterr().err


def test_a_mistake_is_2_and_nothing_is_touched(
    tmp_path: Path, current: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new.toml"
    new.write_text(toml(1).replace("EU868", "EU86"))
    assert main(["config", "apply", str(new), "-c", str(current)]) == 2
    assert "new.toml:2" in capsys.readouterr().err and sorted(tmp_path.iterdir()) == [current, new]


def test_a_start_after_a_power_cut_runs_on_what_ran_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Told by the server's name in what `run` says before it needs a radio."""
    current = tmp_path / "gateway.toml"
    current.write_text('board = "no-such-board"\n')
    change = Change(Pending(current))
    change.begin(toml(1).encode())
    change.close()
    assert main(["run", "-c", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "was being tried when the power failed" in said and "no-such-board" in said
