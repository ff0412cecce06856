"""Where log lines go: the systemd journal where stderr ends there, else stderr with the time."""

from __future__ import annotations

import logging
import os
import sys


def set_up_logging(level: str = "info") -> None:
    """Log `level` ("debug" to "error") and above to stderr."""
    from .journal import JournalHandler, in_journal

    if in_journal():
        handler: logging.Handler = JournalHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
        return
    prefix = "" if "JOURNAL_STREAM" in os.environ else "%(asctime)s.%(msecs)03d "
    logging.basicConfig(
        stream=sys.stderr,
        level=level.upper(),
        format=prefix + "%(levelname)-7s %(message)s",
        datefmt="%H:%M:%S",
        force=True,
    )
