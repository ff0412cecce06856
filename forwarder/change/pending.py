"""The files of a configuration that is being changed, and which of them a start is to use.

    gateway.toml            what is tried
    gateway.toml.previous   what ran before
    gateway.toml.unproven   is there until the change is proved; locked by whoever is proving it

A start that finds the third without a lock knows that nobody is proving: the power failed, or the
change was killed. It runs on what ran before. It writes nothing, so that it needs no right to and
works where everything is read-only; the next change tidies up.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from ..errors import EdgemastError
from ..files.whole_file import sync_folder, write_whole

BEGUN = b"unproven\n"  # an empty marker: nothing had been changed yet
READABLE = 0o644
FIRST = b"first\n"  # there was no configuration before


class ChangeError(EdgemastError):
    """A change cannot be made, or did not stand its proof."""


def not_written(error: OSError) -> ChangeError:
    """What to do about a place that cannot be written, in words."""
    if error.errno == errno.EROFS:
        advice = "the file system is read-only: mount -o remount,rw / first"
    else:
        advice = "use sudo, or another place with -c FILE"
    return ChangeError(f"{error.filename}: {error.strerror}; {advice}")


class Pending:
    """The files beside the configuration `current`, which need not exist yet."""

    def __init__(self, current: Path) -> None:
        self.current = current.resolve()
        self.previous = self.current.with_name(self.current.name + ".previous")
        self.marker = self.current.with_name(self.current.name + ".unproven")

    def interrupted(self) -> bool:
        """Whether a change was begun and neither proved nor taken back, and nobody is at it."""
        try:
            handle = os.open(self.marker, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return os.read(handle, len(BEGUN)) == BEGUN and self.previous.exists()
        except OSError:
            return False  # locked: it is being proved, by this very start perhaps
        finally:
            os.close(handle)

    def usable(self) -> Path:
        """The file that a start is to read."""
        return self.previous if self.interrupted() else self.current


class Change:
    """One change, from `begin` to `commit` or `restore`; only one at a time.

    Raises ChangeError when another is being proved, OSError where nothing may be written.
    """

    def __init__(self, pending: Pending) -> None:
        self._files = pending
        self.tidied = pending.interrupted()
        self.first = False  # there was no configuration before
        self._lock = os.open(pending.marker, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, READABLE)
        try:
            os.fchmod(self._lock, READABLE)  # whatever the umask: the service's user must see it
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise ChangeError(
                f"another change of {pending.current} is being proved: wait until it has ended"
            ) from error
        if self.tidied:
            self.restore()

    def begin(self, data: bytes) -> None:
        """Put `data` in place; from here on a start that nobody watches goes back."""
        files = self._files
        self.first = not files.current.exists()
        if self.first:
            files.previous.unlink(missing_ok=True)
        else:
            write_whole(files.previous, files.current.read_bytes(), like=files.current)
        self._mark(FIRST if self.first else BEGUN)
        write_whole(files.current, data)

    def restore(self) -> None:
        """Back to what ran before; what was tried is gone."""
        files = self._files
        if files.previous.exists():
            write_whole(files.current, files.previous.read_bytes(), like=files.previous)
        else:
            files.current.unlink(missing_ok=True)
        self._mark(b"")

    def commit(self) -> None:
        """The change stays; what ran before is kept beside it."""
        self._mark(b"")

    def close(self) -> None:
        """Remove the marker, unless a change is still open."""
        if os.fstat(self._lock).st_size == 0:
            self._files.marker.unlink(missing_ok=True)
        os.close(self._lock)

    def _mark(self, text: bytes) -> None:
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, text, 0)
        os.fsync(self._lock)
        sync_folder(self._files.marker.parent)
