from __future__ import annotations

import pytest

from hal.config import FineTimestamp
from hal.errors import StartError
from hal.sx1302 import arbiter, bringup
from hal.transport.base import Op, Read
from tests.hal.boards import brought_up, peek


def test_every_mode_has_its_double_demodulation() -> None:
    assert set(arbiter.DOUBLE_DEMODULATION) == set(FineTimestamp)


def test_the_arbiter_is_configured_as_recorded() -> None:
    bus, _ = brought_up()
    assert [peek(bus, address) for address in range(0x6089, 0x608D)] == [7, 1, 3, 0]


@pytest.mark.parametrize(
    ("read", "answer", "words"),
    [
        pytest.param(Read(0x608D, 1), b"\x01", "ARB firmware version 2, read 1", id="version"),
        pytest.param(Read(0x6081, 1), b"\x01", "ARB status 0x00 after its conf", id="configured"),
        pytest.param(Read(0x6081, 1), b"\x00", "ARB status 0x01 after its start", id="start"),
    ],
)
def test_an_arbiter_that_does_not_follow_ends_the_start(
    read: Op, answer: bytes, words: str
) -> None:
    bus, bench = brought_up()
    bus.reset()
    bus.tamper = lambda op, came: answer if op == read else came
    with pytest.raises(StartError, match=words) as caught:
        bringup.run(bench)
    assert caught.value.step == "start the ARB firmware"
