"""Log lines in the journal's own protocol, received by a socket that stands for it."""

from __future__ import annotations

import logging
import os
import socket
import struct
from pathlib import Path

import pytest

from forwarder.service import journal
from forwarder.service.journal import JournalHandler, in_journal


def logged(tmp_path: Path, level: int, text: str, *values: object, **fields: object) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "journal"))
        handler = JournalHandler(tmp_path / "journal")
        logger = logging.Logger("forwarder.app")
        logger.addHandler(handler)
        logger.log(level, text, *values, extra={"fields": fields} if fields else None)
        handler.close()
        return end.recv(65_536)


def test_a_line_has_its_level_its_logger_and_its_own_fields(tmp_path: Path) -> None:
    data = logged(tmp_path, logging.WARNING, "lost %s", "b", link="b", margin_ms=-5)
    lines = data.decode().splitlines()
    assert {"MESSAGE=lost b", "PRIORITY=4", "LOGGER=forwarder.app"} <= set(lines)
    assert {"EDGEMAST_LINK=b", "EDGEMAST_MARGIN_MS=-5", "SYSLOG_IDENTIFIER=edgemast"} <= set(lines)


def test_a_message_of_several_lines_is_one_field(tmp_path: Path) -> None:
    data = logged(tmp_path, logging.INFO, "a\nPRIORITY=0")
    assert b"MESSAGE\n" + struct.pack("<Q", 12) + b"a\nPRIORITY=0\n" in data
    assert b"\nPRIORITY=6\n" in data


def test_a_line_of_any_length_is_sent(tmp_path: Path) -> None:
    assert len(logged(tmp_path, logging.ERROR, "x" * 1_000_000)) < 64_000


def test_names_of_fields_are_made_fit(tmp_path: Path) -> None:
    assert b"EDGEMAST_A_B_C=1\n" in logged(tmp_path, logging.INFO, "m", **{"a-b=c": 1})


def test_the_journal_is_used_only_where_stderr_goes_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stderr"
    path.touch()
    fd = os.open(path, os.O_RDONLY)
    found = os.fstat(fd)
    stream = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
    monkeypatch.setattr(journal, "SOCKET", tmp_path / "none")
    assert not in_journal(stream, fd)
    monkeypatch.setattr(journal, "SOCKET", path)
    assert in_journal(stream, fd) and not in_journal({}, fd)
    assert not in_journal({"JOURNAL_STREAM": "1:1"}, fd)
    os.close(fd)
    assert not in_journal(stream, fd)
