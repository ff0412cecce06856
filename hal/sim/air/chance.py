"""Random numbers that depend on a seed and a name, and on nothing that was drawn before.

A frame's luck at a board is a function of (seed, board, sender, number of the frame): another
board, another sender or another speed of the simulation leaves it as it was. Pure.
"""

from __future__ import annotations

import math
import struct
from hashlib import blake2b

_FOUR = struct.Struct("<4Q")
_SCALE = 2.0**-64


class Chance:
    """One seed's numbers."""

    def __init__(self, seed: int) -> None:
        self._key = blake2b(repr(seed).encode(), digest_size=32).digest()

    def draws(self, *name: str | int) -> tuple[float, float, float, float]:
        """Four independent numbers, even over 0 to 1 (without 1), that belong to `name`."""
        digest = blake2b(repr(name).encode(), digest_size=32, key=self._key).digest()
        a, b, c, d = _FOUR.unpack(digest)
        return a * _SCALE, b * _SCALE, c * _SCALE, d * _SCALE

    def exponential(self, *name: str | int) -> float:
        """A waiting time with mean 1 that belongs to `name`."""
        return -math.log(1.0 - self.draws(*name)[0])

    def data(self, size: int, *name: str | int) -> bytes:
        """Random bytes that belong to `name`."""
        blocks = (
            blake2b(repr((at, *name)).encode(), key=self._key).digest() for at in range(0, size, 64)
        )
        return b"".join(blocks)[:size]


def normal(a: float, b: float) -> float:
    """Two even numbers to one of the standard normal distribution (Box and Muller)."""
    return math.sqrt(-2.0 * math.log(1.0 - a)) * math.cos(math.tau * b)
