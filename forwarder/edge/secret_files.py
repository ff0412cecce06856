"""Files that hold keys, with local mode's error; see forwarder/files/secret_files.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..errors import SecretError
from ..files import secret_files
from ..files.secret_files import MAX_BYTES
from .errors import KekError

__all__ = ["MAX_BYTES", "read_credential", "read_private", "write_private"]


def read_private(path: Path, *, most: int = MAX_BYTES) -> bytes:
    """A file that nobody but its owner may read. Raises KekError with the command that helps."""
    with _as_kek_error():
        return secret_files.read_private(path, most=most)


def read_credential(name: str, environ: Mapping[str, str] | None = None) -> bytes:
    """What systemd passed as `LoadCredential=NAME:...`. Raises KekError."""
    with _as_kek_error():
        return secret_files.read_credential(name, environ)


def write_private(path: Path, data: bytes, *, replace: bool = False) -> None:
    """Write for the owner only, whole or not at all. Raises KekError."""
    with _as_kek_error():
        secret_files.write_private(path, data, replace=replace)


@contextmanager
def _as_kek_error() -> Iterator[None]:
    try:
        yield
    except SecretError as error:
        raise KekError(str(error)) from error.__cause__
