"""How long to wait between tries. Pure but for its randomness."""

from __future__ import annotations

import os
from collections.abc import Iterator


def backoff(first_s: float = 1.0, most_s: float = 60.0) -> Iterator[float]:
    """Seconds between tries, doubling, with jitter so that a fleet does not knock in step."""
    delay_s = first_s
    while True:
        # Not `random`: importing it costs a megabyte that a gateway has no other use for.
        yield delay_s * (0.5 + os.urandom(1)[0] / 512)
        delay_s = min(2 * delay_s, most_s)
