"""Log lines to the systemd journal with fields of their own, so that `journalctl` can select them.

    journalctl -u edgemast EDGEMAST_LINK=eu1.cloud.thethings.network:1700
    journalctl -u edgemast -p warning

Source: systemd's "Native Journal Protocol": a datagram of `NAME=value` lines; a value with a
newline in it is written with its length. Fields come from `extra={"fields": {...}}` of a log call.
"""

from __future__ import annotations

import logging
import os
import socket
import struct
from collections.abc import Mapping
from pathlib import Path

SOCKET = Path("/run/systemd/journal/socket")
MOST_BYTES = 60_000  # larger datagrams are refused; a log line is not meant to be one
PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))  # syslog(3)


def in_journal(environ: Mapping[str, str] | None = None, stderr: int = 2) -> bool:
    """Whether stderr goes to the journal, so that its own socket may be used instead."""
    named = (os.environ if environ is None else environ).get("JOURNAL_STREAM", "")
    try:
        found = os.fstat(stderr)
    except OSError:
        return False
    return named == f"{found.st_dev}:{found.st_ino}" and SOCKET.exists()


class JournalHandler(logging.Handler):
    """Sends records to the journal; what cannot be sent goes to stderr as anywhere else."""

    def __init__(self, path: Path = SOCKET) -> None:
        super().__init__()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._path = str(path)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._socket.sendto(datagram(record, self.format(record)), self._path)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        self._socket.close()
        super().close()


def datagram(record: logging.LogRecord, message: str) -> bytes:
    """One record in the journal's protocol."""
    fields: dict[str, object] = {
        "MESSAGE": message[:MOST_BYTES],
        "PRIORITY": next((code for least, code in PRIORITIES if record.levelno >= least), 7),
        "SYSLOG_IDENTIFIER": "edgemast",
        "LOGGER": record.name,
        "CODE_FUNC": record.funcName,
    }
    extra = getattr(record, "fields", None)
    if isinstance(extra, dict):
        fields |= {f"EDGEMAST_{_name(key)}": value for key, value in extra.items()}
    return b"".join(_field(name, str(value)) for name, value in fields.items())


def _name(key: object) -> str:
    """Journal names are capitals, digits and underscores."""
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in str(key)).upper()[:50]


def _field(name: str, value: str) -> bytes:
    data = value.encode("utf-8", errors="replace")
    if b"\n" in data:
        return name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"
    return name.encode() + b"=" + data + b"\n"
