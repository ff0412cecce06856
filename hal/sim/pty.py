"""A pseudo-terminal under a name: what a USB board's serial device is to its host."""

from __future__ import annotations

import errno
import os
import pty
import select
import sys
import tty
from contextlib import suppress
from pathlib import Path

from ..errors import HalError

# macOS gives no sign when the last user leaves, and forgets raw mode with him.
_HOLD_DEVICE = sys.platform == "darwin"
_READ_SIZE = 65536


class Pty:
    """The board's end. `path` is the device, `link` the name under which a host opens it."""

    def __init__(self, link: Path | None) -> None:
        self.fd, device = pty.openpty()
        self.path = os.ttyname(device)
        self._link = link
        tty.setraw(device)
        self._device = device if _HOLD_DEVICE else None
        if not _HOLD_DEVICE:
            os.close(device)
        os.set_blocking(self.fd, False)
        self._poll = select.poll()
        self._poll.register(self.fd, select.POLLIN)
        self._unsent = b""
        if link is not None:
            _point(link, self.path)

    @property
    def in_use(self) -> bool:
        """Whether somebody has the device open."""
        return not any(events & select.POLLHUP for _, events in self._poll.poll(0))

    @property
    def blocked(self) -> bool:
        """Whether answers wait for the host to read."""
        return bool(self._unsent)

    def read(self) -> bytes | None:
        """What the host wrote; None when it has closed the device."""
        try:
            return os.read(self.fd, _READ_SIZE) or None
        except BlockingIOError:
            return b""
        except OSError as error:
            if error.errno == errno.EIO:
                return None
            raise

    def write(self, data: bytes) -> None:
        """In one piece, as a host that reads a header at once expects; the rest when it reads."""
        data = self._unsent + data
        try:
            self._unsent = data[os.write(self.fd, data) :]
        except BlockingIOError:
            self._unsent = data
        except OSError:
            self._unsent = b""  # nobody is there to read it

    def forget(self) -> None:
        """The host has gone; nobody waits for the rest of an answer."""
        self._unsent = b""

    def close(self) -> None:
        """Remove the link, if it is still ours, and the device."""
        if self._link is not None:
            with suppress(OSError):
                if str(self._link.readlink()) == self.path:
                    self._link.unlink()
        for fd in (self.fd, self._device):
            if fd is not None:
                os.close(fd)


def _point(link: Path, device: str) -> None:
    """Make `link` point to `device`; an old link goes, anything else is left alone."""
    if link.is_symlink():
        link.unlink()
    elif link.exists():
        raise HalError(f"{link} is not a link and will not be replaced: choose another --link")
    try:
        link.symlink_to(device)
    except OSError as error:
        raise HalError(f"cannot make the link {link}: {error.strerror}") from error
