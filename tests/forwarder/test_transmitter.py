"""What becomes of accepted downlinks on their way to the chip."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from forwarder.packets import AsSoonAsPossible, Downlink, RadioCounters
from forwarder.radio.radio_thread import TxDone
from forwarder.scheduling.downlinks import Job, Scheduler
from forwarder.scheduling.transmitter import Transmitter
from hal.frames import TxFrame, TxReceipt
from hal.modulation import LoRa
from tests.hal.configs import EU868


class Radio:
    """Takes what it is given, and says that it leaves in five milliseconds for fifty."""

    line_us: int | None = 0

    def now_us(self) -> int | None:
        return self.line_us

    def send(self, frame: TxFrame, done: TxDone) -> None:
        done(TxReceipt(14.0, 5_000, 50_000))


def in_the_loop(test: Callable[[], None]) -> None:
    async def run() -> None:
        test()

    asyncio.run(run())


@pytest.mark.parametrize(("failed_us", "cut"), [(0, 1), (54_999, 1), (55_000, 0), (None, 0)])
def test_a_frame_that_had_not_left_when_the_radio_failed_is_told_cut_once(
    failed_us: int | None, cut: int
) -> None:
    def test() -> None:
        radio, counters, told = Radio(), RadioCounters(), []
        scheduler = Scheduler(EU868)

        def ended(job: Job, outcome: TxReceipt | str) -> None:
            told.append(outcome)

        transmitter = Transmitter(scheduler, radio, counters, ended=ended)
        scheduler.schedule(
            Downlink("one", 1, AsSoonAsPossible(), b"x", 869_525_000, LoRa(9), power_dbm=14), 0
        )
        radio.line_us = scheduler.next_us()
        transmitter.wake()
        radio.line_us = failed_us
        transmitter.radio_failed()
        transmitter.radio_failed()
        assert counters.tx_ok == 1 and counters.tx_cut == cut
        assert len(told) == 1 + cut

    in_the_loop(test)
