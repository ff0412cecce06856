"""Where log lines go: stderr, with the time unless the journal adds its own."""

from __future__ import annotations

import logging
import os
import sys


def set_up_logging(level: str = "info") -> None:
    """Log `level` ("debug" to "error") and above to stderr."""
    in_journal = "JOURNAL_STREAM" in os.environ
    prefix = "" if in_journal else "%(asctime)s.%(msecs)03d "
    logging.basicConfig(
        stream=sys.stderr,
        level=level.upper(),
        format=prefix + "%(levelname)-7s %(message)s",
        datefmt="%H:%M:%S",
        force=True,
    )
