"""The chip's registers as they are, for a bug report: what a stalled radio looked like. Pure.

Fields that tell a state, not those that hold the configuration alone: that is known already. No
register here changes by being read (sx1302_hal: loragw_reg.c has none that does among them).
"""

from __future__ import annotations

from collections.abc import Sequence

from ..transport.base import Op, Read
from .field import Block
from .registers import TX_TOP, AgcMcu, ArbMcu, ClkCtrl, Common, Gpio, RxTop, Timestamp

Registers = dict[str, int]

BLOCKS: tuple[type[Block], ...] = (
    Common, Gpio, ClkCtrl, AgcMcu, ArbMcu, RxTop, Timestamp, *TX_TOP,
)  # fmt: skip
FIELDS = tuple(field for block in BLOCKS for field in block.fields())
OPS: tuple[Op, ...] = tuple(Read(field.address, field.size) for field in FIELDS)


def read_out(answers: Sequence[bytes]) -> Registers:
    """Every field by its name, from the answers to OPS."""
    return {field.name: field.extract(data) for field, data in zip(FIELDS, answers, strict=True)}
