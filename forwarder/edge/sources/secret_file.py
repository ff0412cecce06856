"""Files that hold secrets: read only if nobody else can read them."""

from __future__ import annotations

import os
import stat

from ...errors import ConfigError


def read_secret_file(path: str, what: str, *, most: int = 4096) -> str:
    """The text in `path`. Raises ConfigError with what to do; `what` names its content."""
    try:
        # Checked and read through one descriptor: what was checked is what is read. Opening must
        # not wait, as a FIFO would make it.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise ConfigError(f"{what}: cannot read {path}: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        held = os.fstat(descriptor)
        _check(held, path, what)
        data = file.read(most + 1)
    if len(data) > most:
        raise ConfigError(f"{what}: {path} has more than {most} bytes; is it the right file?")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ConfigError(f"{what}: {path} is no UTF-8 text; is it the right file?") from None


def read_token(path: str, what: str) -> str:
    """The one line in `path`: a password, token or key. Raises ConfigError."""
    token = read_secret_file(path, what).strip()
    if not token or not token.isprintable():
        raise ConfigError(f"{what}: one line expected in {path}")
    return token


def _check(held: os.stat_result, path: str, what: str) -> None:
    if not stat.S_ISREG(held.st_mode):
        raise ConfigError(f"{what}: {path} is no regular file")
    if held.st_mode & 0o077:
        mode = stat.S_IMODE(held.st_mode)
        raise ConfigError(f"{what}: others can read {path} (mode {mode:04o}): chmod 600 {path}")
    if held.st_uid not in (0, os.geteuid()):
        raise ConfigError(f"{what}: {path} belongs to user {held.st_uid}, not to us or root")
