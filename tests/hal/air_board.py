"""A board as the air needs it, and no more: eight EU868 channels, service and FSK, and a FIFO."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hal.sim.air import Air, Report, Rules, Transmission
from hal.sim.values import ChainKind, Emission, HeardFrame, IfChain

CHANNELS_HZ = (868.1e6, 868.3e6, 868.5e6, 867.1e6, 867.3e6, 867.5e6, 867.7e6, 867.9e6)
MS = 1_000_000
S = 1_000_000_000


class FakeBoard:
    def __init__(self, *, dual: frozenset[int] = frozenset(), room: int = 1_000_000) -> None:
        self.on_transmit: list[Callable[[Emission], None]] = []
        self.on_abort: list[Callable[[Emission, int], None]] = []
        self.advance_hooks: list[Callable[[int], None]] = []
        self.stored: list[HeardFrame] = []
        self.dual = dual
        self.room = room
        self.detections: list[int] = []
        self.allocations: list[int] = []
        sfs = tuple(range(5, 13))
        self.channels = [
            IfChain(chan, ChainKind.MULTI, True, 0, hz, 125_000, sfs)
            for chan, hz in enumerate(CHANNELS_HZ)
        ]
        self.channels.append(IfChain(8, ChainKind.LORA_STD, True, 0, 868.3e6, 250_000, (7,)))
        self.channels.append(
            IfChain(9, ChainKind.FSK, True, 0, 868.8e6, 125_000, bitrate_bps=50_000)
        )

    def chains(self) -> list[IfChain]:
        return list(self.channels)

    def store_record(self, frame: HeardFrame) -> bool:
        if len(self.stored) >= self.room:
            return False
        self.stored.append(frame)
        return True

    def dual_sfs(self) -> frozenset[int]:
        return self.dual

    def count_detection(self, chan: int, sf: int) -> None:
        self.detections.append(chan)

    def count_allocation(self, chan: int, sf: int) -> None:
        self.allocations.append(chan)

    def emit(self, start_ns: int, *, airtime_ns: int = 50 * MS, **changes: Any) -> Emission:
        """A downlink of 12 bytes, SF7, on the first channel."""
        emission = an_emission(start_ns, start_ns + airtime_ns)
        emission = replace(emission, **changes)
        for heard in self.on_transmit:
            heard(emission)
        return emission


def an_emission(start_ns: int, end_ns: int) -> Emission:
    return Emission(
        payload=bytes(12),
        start_ns=start_ns,
        end_ns=end_ns,
        rf_chain=0,
        freq_hz=868.1e6,
        sf=7,
        bw_hz=125_000,
        coding_rate=1,
        preamble=8,
        crc=False,
        implicit=False,
        invert=True,
        public=True,
        power_dbm=14.0,
    )


def clear(rules: Rules | None = None) -> Rules:
    """Rules without luck, and a loss of exactly 100 dB from anywhere to anywhere."""
    base = rules or Rules.default()
    return replace(base.quiet(), path_loss=replace(base.path_loss, at_ref_db=100.0, exponent=0.0))


def an_air(
    rules: Rules | None = None, *, seed: int = 1, dual: frozenset[int] = frozenset()
) -> tuple[Air, FakeBoard]:
    """One board at the origin, name "gw"; without `rules`, the `clear` ones."""
    board = FakeBoard(dual=dual)
    air = Air(seed, rules=rules or clear())
    air.attach(board, name="gw")
    air.advance(0)
    return air, board


def a_frame(**changes: Any) -> Transmission:
    """20 bytes at SF7 on 868.1 MHz, -86 dBm at the board of `clear` rules."""
    frame = Transmission(
        who="dev", payload=bytes(range(20)), start_ns=S, freq_hz=868.1e6, sf=7, power_dbm=14.0
    )
    return replace(frame, **changes)


def outcomes(air: Air, *frames: Transmission) -> list[str]:
    """Send all, let them end, and give the (only) board's word for each."""
    reports: dict[int, Report] = {}
    numbers = [air.transmit(f, lambda r: reports.update({r.number: r})) for f in frames]
    air.advance(max(frame.end_ns for frame in frames))
    return [
        reports[number].verdicts[0].outcome.value if reports[number].verdicts else "out of reach"
        for number in numbers
    ]
