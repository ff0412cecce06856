from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hal.errors import DeviceBusy, TransportError
from hal.transport.lock import DeviceLock, holder, is_pty, lock_name, users

HOLD = """
import sys
from hal.transport.lock import DeviceLock
lock = DeviceLock(sys.argv[2], directories=[sys.argv[3]])
print("held", flush=True)
sys.stdin.read()
"""
OPEN = "import sys; f = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


@contextmanager
def process(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that runs `script` until its stdin closes; it has said one line."""
    root = Path(__file__).parent.parent.parent
    with subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        try:
            yield child
        finally:
            child.kill()


def test_another_process_is_told_pid_and_name_of_the_holder(tmp_path: Path) -> None:
    with (
        process(HOLD, "run", "/dev/board", str(tmp_path)) as holder,
        pytest.raises(DeviceBusy, match=rf"/dev/board is in use by -c run \(pid {holder.pid}\)"),
    ):
        DeviceLock("/dev/board", directories=[str(tmp_path)])


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    with process(HOLD, "run", "/dev/board", str(tmp_path)) as holder:
        holder.kill()
        holder.wait()
        DeviceLock("/dev/board", directories=[str(tmp_path)]).close()


def test_a_lock_that_was_closed_is_free_again(tmp_path: Path) -> None:
    for _ in range(2):
        lock = DeviceLock("/dev/board", directories=[str(tmp_path)])
        lock.close()
        lock.close()


def test_two_devices_are_two_locks(tmp_path: Path) -> None:
    first = DeviceLock("/dev/spidev0.0", directories=[str(tmp_path)])
    second = DeviceLock("/dev/spidev0.1", directories=[str(tmp_path)])
    first.close()
    second.close()


def test_a_link_and_its_target_are_one_device(tmp_path: Path) -> None:
    device = tmp_path / "ttyACM0"
    device.touch()
    link = tmp_path / "by-id"
    link.symlink_to(device)
    assert lock_name(str(link)) == lock_name(str(device))
    lock = DeviceLock(str(device), directories=[str(tmp_path)])
    with pytest.raises(DeviceBusy):
        DeviceLock(str(link), directories=[str(tmp_path)])
    lock.close()


def test_a_directory_that_is_not_there_leads_to_the_next(tmp_path: Path) -> None:
    lock = DeviceLock("/dev/board", directories=[str(tmp_path / "none"), str(tmp_path)])
    assert (tmp_path / lock_name("/dev/board")).exists()
    lock.close()


def test_no_directory_at_all_is_an_error_that_lists_them(tmp_path: Path) -> None:
    with pytest.raises(TransportError, match=r"no lock file for /dev/board can be opened.*none"):
        DeviceLock("/dev/board", directories=[str(tmp_path / "none")])


def test_a_link_planted_in_place_of_the_lock_file_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / lock_name("/dev/board")).symlink_to(victim)
    with pytest.raises(TransportError):
        DeviceLock("/dev/board", directories=[str(tmp_path)])
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("text", ["", "nonsense", "999999999 gone", "-1 x", "\x00\xff", "²3 x"])
def test_a_lock_file_with_nonsense_in_it_still_locks(tmp_path: Path, text: str) -> None:
    lock = DeviceLock("/dev/board", directories=[str(tmp_path)])
    (tmp_path / lock_name("/dev/board")).write_text(text)
    with pytest.raises(DeviceBusy, match="another process"):
        DeviceLock("/dev/board", directories=[str(tmp_path)])
    lock.close()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc (Linux)")
def test_whoever_has_the_device_open_without_a_lock_is_found(tmp_path: Path) -> None:
    device = tmp_path / "spidev0.0"
    device.touch()
    assert users(str(device)) == []
    with device.open(), process(OPEN, str(device)) as other:
        (found,) = users(str(device))
        assert f"(pid {other.pid})" in found
    assert os.getpid() != other.pid


def test_a_pseudo_terminal_is_known_as_one() -> None:
    master, slave = os.openpty()
    assert is_pty(os.ttyname(slave))
    assert not is_pty("/dev/ttyACM0")
    os.close(master)
    os.close(slave)


def test_the_holder_is_told_without_taking_the_lock(tmp_path: Path) -> None:
    device, place = "/dev/spidev0.0", [str(tmp_path)]
    assert holder(device, directories=place) is None
    lock = DeviceLock(device, directories=place)
    told = holder(device, directories=place)
    assert told is not None and told.endswith(f"(pid {os.getpid()})")
    lock.close()
    assert holder(device, directories=place) is None
    DeviceLock(device, directories=place).close()


def test_two_who_ask_for_the_holder_do_not_take_each_other_for_it(tmp_path: Path) -> None:
    device, place = "/dev/spidev0.0", [str(tmp_path)]
    DeviceLock(device, directories=place).close()
    with (tmp_path / lock_name(device)).open() as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert holder(device, directories=place) is None
