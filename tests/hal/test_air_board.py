"""The shipping driver on the simulated chip under the air: from a frame sent to a frame received."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hal.clock import ManualClock
from hal.concentrator import Concentrator
from hal.config import FineTimestamp
from hal.frames import Crc, Immediate, RxFrame, TxFrame
from hal.modulation import LoRa
from hal.sim.air import Air, Downlink, Listen, Rules, Transmission
from hal.sim.air.verdict import Outcome
from hal.sim.board import SimBoard
from hal.sim.transport import SimTransport

from .air_board import CHANNELS_HZ, MS, S, a_frame, clear
from .configs import EU868

ARB_DEBUG_STATUS = 0x608D


class Site:
    """One gateway under an air without luck; `now_ns` is its clock's."""

    def __init__(
        self, rules: Rules | None = None, *, fine: FineTimestamp = FineTimestamp.OFF
    ) -> None:
        model = "sx1302" if fine is FineTimestamp.OFF else "sx1303"
        self.clock = ManualClock(S)
        self.board = SimBoard(self.clock, model=model)
        self.air = Air(1, rules=rules or clear())
        self.air.attach(self.board, name="gw")
        config = replace(EU868, fine_timestamp=fine)
        transport = SimTransport(self.board, clock=self.clock)
        self.radio = Concentrator(transport, config, clock=self.clock)
        self.radio.start()

    @property
    def now_ns(self) -> int:
        return self.clock.now_ns()

    def sent(self, count: int, *sfs: int) -> list[Transmission]:
        """`count` frames that start together a second from now, spread over the channels."""
        frames = [
            a_frame(
                who=f"d{i}",
                payload=bytes([i]) * 20,
                freq_hz=CHANNELS_HZ[i % 8],
                sf=sfs[i // 8 % len(sfs)],
                start_ns=self.now_ns + S,
            )
            for i in range(count)
        ]
        for frame in frames:
            self.air.transmit(frame)
        return frames

    def received(self, seconds: float) -> list[RxFrame]:
        frames = []
        for _ in range(round(seconds * 20)):
            self.clock.sleep(0.05)
            frames += self.radio.receive().frames
        return frames


def test_a_frame_comes_out_with_what_the_air_did_to_it() -> None:
    site = Site()
    (sent,) = site.sent(1, 9)
    line_us = site.radio.now_us() - site.now_ns // 1000
    (frame,) = site.received(2)
    assert frame.payload == sent.payload and frame.crc is Crc.OK
    assert frame.modulation == LoRa(9) and frame.freq_hz == 868_100_000
    assert abs(frame.counter_us - (sent.end_ns // 1000 + line_us)) <= 6
    assert frame.rssi_signal_dbm is not None and abs(frame.rssi_signal_dbm + 86.0) <= 1.0


def test_sixteen_of_twenty_come_out_and_the_arbiter_counted_them() -> None:
    site = Site()
    before = [site.board.registers.peek(ARB_DEBUG_STATUS + i) for i in range(16)]
    site.sent(20, 7, 8, 9, 10)
    frames = site.received(3)
    assert len(frames) == 16
    assert {frame.modem for frame in frames} == set(range(16))
    after = [site.board.registers.peek(ARB_DEBUG_STATUS + i) for i in range(16)]
    assert [b - a for a, b in zip(before, after, strict=True)] == [
        1
    ] * 16  # SF7's detections, then its allocations, by channel


def test_eight_of_twenty_slow_ones_come_out() -> None:
    site = Site()
    site.sent(20, 11, 12)
    assert len(site.received(4)) == 8


def test_precision_timestamps_halve_the_capacity_without_duplicates() -> None:
    site = Site(fine=FineTimestamp.ALL_SF)
    site.received(20)  # sixteen seconds of PPS before the first fine time
    site.sent(20, 7, 8, 9, 10)
    frames = site.received(3)
    assert len(frames) == 8 and len({frame.payload for frame in frames}) == 8
    assert all(frame.fine_time_ns is not None for frame in frames)


def test_a_downlink_reaches_a_window_and_costs_the_uplink_under_it() -> None:
    site = Site()
    caught: list[Downlink | None] = []
    start_ns = site.now_ns
    site.air.listen(
        Listen("dev", (0.0, 0.0, 0.0), 868.1e6, 7, start_ns, start_ns + S, caught.append)
    )
    down = TxFrame(b"hello", 868_100_000, 14.0, LoRa(7), Immediate(), invert_polarity=True)
    site.radio.send(down)
    site.air.transmit(a_frame(start_ns=site.now_ns - 5 * MS, freq_hz=867.1e6))
    later = site.now_ns + 200 * MS
    site.air.transmit(a_frame(who="later", start_ns=later, payload=b"later"))
    frames = site.received(2)
    assert [frame.payload for frame in frames] == [b"later"]
    assert caught[0] is not None and caught[0].payload == b"hello"
    assert "gateway transmitting" in site.air.explain(lambda frame: frame.who == "dev")


def test_an_abort_gives_the_air_back() -> None:
    site = Site()
    down = TxFrame(bytes(200), 868_100_000, 14.0, LoRa(12), Immediate(), invert_polarity=True)
    site.radio.send(down)
    site.received(0.5)
    site.radio.abort()
    site.sent(1, 7)
    assert len(site.received(2)) == 1


def test_a_fifo_that_nobody_reads_overflows_and_says_so() -> None:
    site = Site()
    for i in range(30):
        frame = a_frame(payload=bytes(200), start_ns=site.now_ns + (i + 1) * S)
        site.air.transmit(frame)
    site.clock.sleep(40)
    site.board.advance()
    stored = [i for i in range(1, 31) if site.air.verdicts(i)[0].outcome.stored]
    assert len(stored) == 4096 // 223
    assert "FIFO overflow" in site.air.explain(30)


@pytest.mark.parametrize("into_ms", [100, 700], ids=["in the preamble", "in the payload"])
def test_a_chip_that_is_reset_forgets_the_frame_that_it_was_receiving(into_ms: int) -> None:
    site = Site()
    frame = a_frame(payload=bytes(40), sf=12, start_ns=site.now_ns + S)
    number = site.air.transmit(frame)
    site.clock.advance_to_ns(frame.start_ns + into_ms * MS)
    site.board.advance()
    site.board.reset()
    site.radio.start()
    assert site.now_ns < frame.end_ns
    assert site.received(3.0) == []
    assert [one.outcome for one in site.air.verdicts(number)] == [Outcome.RESET]
