"""One process a device: a lock that dies with its holder, and says who that is.

The lock is `flock` on a small file named after the device, so nothing is left held by a process
that was killed; the file may stay. It carries the holder's pid and name for whoever comes second.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import DeviceBusy, TransportError

SYSTEM_DIRECTORY = "/run/lock"  # for all users on Debian 12; root's own on some others


class DeviceLock:
    """Held from construction to `close`. Raises DeviceBusy, naming the holder.

    `directories` are tried in order, the first where the file can be made or opened is used.
    """

    def __init__(self, device: str, *, directories: Iterable[str] = ()) -> None:
        self._device = device
        places = tuple(directories) or _usual_directories()
        self._fd = _open_first((Path(place) / lock_name(device) for place in places), device)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            who = _named_in(self._fd)
            self.close()
            raise busy(device, who) from error
        self._write_name()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _write_name(self) -> None:
        try:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()} {_own_name()}\n".encode(), 0)
        except OSError as error:
            # Another user's file, opened for reading: it locks all the same, without a name.
            if error.errno not in (errno.EBADF, errno.EINVAL, errno.EACCES, errno.ENOSPC):
                raise


def holder(device: str, *, directories: Iterable[str] = ()) -> str | None:
    """Who holds the lock of `device`, as "name (pid N)"; None when it is free. Takes nothing."""
    for place in tuple(directories) or _usual_directories():
        try:
            fd = os.open(
                Path(place) / lock_name(device), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
            )
        except OSError:
            continue
        try:
            # Shared, and given back at once: two who only ask do not disturb each other.
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return _named_in(fd)
        finally:
            os.close(fd)
    return None


def lock_name(device: str) -> str:
    """One name for one device, whatever link it was reached by."""
    resolved = os.path.realpath(device)
    return "edgemast" + re.sub(r"[^A-Za-z0-9.]+", "-", resolved)[-180:] + ".lock"


def busy(device: str, who: str) -> DeviceBusy:
    return DeviceBusy(f"{device} is in use by {who}: stop that first, or use another device")


def users(device: str) -> list[str]:
    """Other processes that have `device` open, as "name (pid N)", as far as /proc shows us them."""
    resolved = os.path.realpath(device)
    return [
        _process(pid)
        for pid in sorted(int(entry.name) for entry in _processes())
        if pid != os.getpid() and _has_open(pid, resolved)
    ]


def claim_tty(fd: int, device: str) -> None:
    """Keep everybody else from opening the serial device behind `fd` (TIOCEXCL).

    A pseudo-terminal is left open to all: its other end keeps it alive, so the claim of a process
    that was killed would stay for ever.
    """
    import termios

    if not is_pty(device) and hasattr(termios, "TIOCEXCL"):
        try:
            fcntl.ioctl(fd, termios.TIOCEXCL)
        except OSError as error:
            raise TransportError(f"{device} is not a serial device: {error.strerror}") from error


def is_pty(device: str) -> bool:
    resolved = os.path.realpath(device)
    return resolved.startswith(("/dev/pts/", "/dev/ttys"))


def _usual_directories() -> Iterator[str]:
    yield SYSTEM_DIRECTORY
    from tempfile import gettempdir  # seldom needed, and it loads four compression libraries

    yield gettempdir()


def _open_first(paths: Iterable[Path], device: str) -> int:
    problems = []
    for path in paths:
        try:
            return _open(path)
        except OSError as error:
            problems.append(f"{path}: {error.strerror}")
    raise TransportError(f"no lock file for {device} can be opened: " + "; ".join(problems))


def _open(path: Path) -> int:
    flags = os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        # Without O_CREAT first: in a sticky directory the kernel refuses to "create" a file that
        # another user owns (fs.protected_regular), though it may be opened.
        return _regular(os.open(path, os.O_RDWR | flags))
    except FileNotFoundError:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o666)
        if os.fstat(fd).st_uid == os.geteuid():
            os.fchmod(fd, 0o666)  # past the umask: any user may be the next holder
        return fd
    except PermissionError:
        return _regular(os.open(path, os.O_RDONLY | flags))


def _regular(fd: int) -> int:
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise OSError(errno.EINVAL, "not a regular file")


def _own_name() -> str:
    program = Path(sys.argv[0] if sys.argv else "python")
    name = program.parent.name if program.name == "__main__.py" else program.name
    words = [name, *sys.argv[1:2]]
    return " ".join(words).replace("\n", " ")[:80]


def _named_in(fd: int) -> str:
    text = os.pread(fd, 120, 0).decode("utf-8", "replace").strip()
    pid, _, name = text.partition(" ")
    if not pid.isascii() or not pid.isdigit() or not _alive(int(pid)):
        return "another process"
    return f"{name or 'a process'} (pid {pid})"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def _processes() -> list[Path]:
    try:
        return [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    except OSError:
        return []  # no such file system here (macOS)


def _has_open(pid: int, resolved: str) -> bool:
    try:
        return any(_target(link) == resolved for link in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False  # not ours to see, or gone in the meantime


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return ""  # closed in the meantime


def _process(pid: int) -> str:
    try:
        return f"{Path(f'/proc/{pid}/comm').read_text().strip()} (pid {pid})"
    except OSError:
        return f"a process (pid {pid})"
