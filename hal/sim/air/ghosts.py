"""Copies of a near device's frame on other channels (sx1302_hal issue 48); pure.

A signal that overloads the front end shows up on other channels, 34 to 75 dB weaker, with a good
CRC. How often is not published; here each other channel takes a copy with a probability that grows
from 0 at the threshold to 1 at 40 dB over it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..values import ChainKind, IfChain
from .chance import Chance
from .rules import Rules

CERTAIN_ABOVE_DB = 40.0


def ghosts(
    rules: Rules, chance: Chance, name: tuple[str | int, ...], power_dbm: float, sf: int | None,
    heard_on: IfChain, chains: Iterable[IfChain],
) -> Iterator[tuple[IfChain, float]]:  # fmt: skip
    """The channels that take a copy of a frame received with `power_dbm`, and the copy's power."""
    over_db = power_dbm - rules.ghost_above_dbm
    if not rules.ghosts or over_db <= 0 or sf is None:
        return
    least, most = rules.ghost_drop_db
    for chain in chains:
        if chain.kind is ChainKind.MULTI and chain.enabled and chain.chan != heard_on.chan:
            likely, drop, _, _ = chance.draws("ghost", *name, chain.chan)
            if sf in chain.sfs and likely * CERTAIN_ABOVE_DB < over_db:
                yield chain, power_dbm - least - drop * (most - least)
