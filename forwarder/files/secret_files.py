"""Files that hold secrets: read with care, written for their owner only.

Whoever may read such a file is who may use the key, so what others can read is refused rather than
warned about. Errors name files and what to type, never contents.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..errors import SecretError

MAX_BYTES = 65_536  # a private key of 4096 bits has 3 300; a device has no end


def read_private(path: Path, *, most: int = MAX_BYTES) -> bytes:
    """A file that nobody but its owner may read. Raises SecretError with the command that helps."""
    with _opened(path) as handle:
        _refuse_foreign(path, os.fstat(handle))  # of what was opened: a name can change meanwhile
        return _read(path, handle, most)


def read_credential(name: str, environ: Mapping[str, str] | None = None) -> bytes:
    """What systemd passed as `LoadCredential=NAME:...` or `LoadCredentialEncrypted=`.

    Its directory is the service's own; mode bits there show systemd's access list and not who may
    read, so they are not judged. Raises SecretError.
    """
    folder = (os.environ if environ is None else environ).get("CREDENTIALS_DIRECTORY", "")
    if "/" in name or name in ("", ".", ".."):
        raise SecretError(f"credential {name!r}: a plain name is expected, as in LoadCredential=")
    if not folder:
        raise SecretError(
            f"credential {name!r}: systemd passed none (no $CREDENTIALS_DIRECTORY); "
            f"add LoadCredentialEncrypted={name} to the service and restart it"
        )
    path = Path(folder) / name
    with _opened(path) as handle:
        return _read(path, handle)


def write_private(path: Path, data: bytes, *, replace: bool = False) -> None:
    """Write with mode 0600 from the first byte on, whole or not at all.

    What is replaced keeps its owner: root may write what a service reads. Raises SecretError if
    `path` exists and `replace` is not set, or if it cannot be written.
    """
    if not replace and path.exists():
        raise SecretError(f"{path} exists: a key is not overwritten; move it away first")
    path = path.resolve()  # of a link its target is replaced
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _write_new(draft, data, owner=path.stat() if path.exists() else None)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise SecretError(f"{path}: cannot be written: {error.strerror or error}") from error


def _write_new(path: Path, data: bytes, owner: os.stat_result | None) -> None:
    # O_EXCL: neither a file nor a link that somebody put there is written through.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        if owner is not None and os.geteuid() == 0:
            os.fchown(handle, owner.st_uid, owner.st_gid)
        os.fsync(handle)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        # O_NONBLOCK: a pipe that nobody writes to would otherwise hold up the start for ever.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise SecretError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        yield handle
    finally:
        os.close(handle)


def _refuse_foreign(path: Path, facts: os.stat_result) -> None:
    quoted = shlex.quote(str(path))
    if facts.st_uid not in (0, os.geteuid()):
        raise SecretError(f"{path}: belongs to user {facts.st_uid}; type: chown root {quoted}")
    mode = stat.S_IMODE(facts.st_mode)
    if mode & 0o077:
        raise SecretError(
            f"{path}: others may read or change it (mode {mode:04o}); type: chmod 600 {quoted}"
        )


def _read(path: Path, handle: int, most: int = MAX_BYTES) -> bytes:
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        raise SecretError(f"{path}: is no file")
    try:
        data = os.read(handle, most + 1)
    except OSError as error:
        raise SecretError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(data) > most:
        raise SecretError(f"{path}: more than {most} bytes; no key file is that long")
    return data
