"""`edgemast bus-test`: writes patterns through the bus and reads them back.

On SPI it raises the clock step by step and says which is the highest clean one; on USB and on the
simulated board it measures how long messages of several sizes take.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from time import perf_counter_ns

from hal.errors import DeviceBusy, TransportError
from hal.gpio import BoardLines
from hal.sx1302.chip import one_by_one
from hal.sx1302.registers import AGC_MEM, AgcMcu, Common
from hal.transport.base import Read, Transport, Write

from ..errors import ConfigError
from .radio import add_board, chosen, open_radio

HELP = "find the highest clean bus speed, or how fast a USB board answers"
EXAMPLE = "edgemast bus-test --board rak2287"

SPEEDS_HZ = (500_000, 1_000_000, 2_000_000, 4_000_000, 6_000_000, 8_000_000, 10_000_000)
SIZES = (1, 16, 256, 1024, 4096)
BLOCK = 1024
SAFE_HZ = 2_000_000  # concentrator.spi_hz by default
FIXED = (0x00, 0xFF, 0x55, 0xAA)


@dataclass(frozen=True, slots=True)
class Result:
    """One speed or one size. Times are of a write and a read together. `fault`: the bus broke."""

    speed_hz: int | None
    size: int
    rounds: int
    wrong_bytes: int
    median_us: float
    p99_us: float
    fault: str = ""

    @property
    def clean(self) -> bool:
        return not self.wrong_bytes and not self.fault


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_board(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--rounds", type=int, default=200, metavar="N", help="default 200")


def run(args: argparse.Namespace) -> int:
    if args.rounds < 1:
        raise ConfigError("--rounds takes 1 or more")
    uri, lines = chosen(args)
    spi = uri.startswith("spi:")
    results = []
    for result in speeds(uri, args.rounds, lines) if spi else sizes(uri, args.rounds):
        print(_json(result) if args.json else _line(result), flush=True)
        results.append(result)
    clean = [result for result in results if result.clean]
    if not args.json:
        for line in _verdict(results, clean, spi=spi):
            print(line)
    return 0 if clean and (spi or len(clean) == len(results)) else 1


def speeds(uri: str, rounds: int, lines: BoardLines | None = None) -> Iterator[Result]:
    """Rising SPI clocks, up to the first that is not clean.

    Raises TransportError from the first only: a bus that fails later fails because of its speed,
    and that is what is asked here. Raises DeviceBusy from any.
    """
    plain = without_speed(uri)
    mark = "&" if "?" in plain else "?"
    for speed_hz in SPEEDS_HZ:
        try:
            with closing(open_radio(f"{plain}{mark}speed={speed_hz}", lines)) as transport:
                take_memory(transport)
                result = measure(transport, BLOCK, rounds, speed_hz=speed_hz)
        except DeviceBusy:
            raise
        except TransportError as error:
            if speed_hz == SPEEDS_HZ[0]:
                raise
            result = Result(speed_hz, BLOCK, 0, 0, 0.0, 0.0, str(error))
        yield result
        if not result.clean:
            return


def without_speed(uri: str) -> str:
    """The radio's URI without the clock that it may ask for."""
    path, _, options = uri.partition("?")
    kept = "&".join(one for one in options.split("&") if one and not one.startswith("speed="))
    return f"{path}?{kept}" if kept else path


def sizes(uri: str, rounds: int) -> Iterator[Result]:
    with closing(open_radio(uri)) as transport:
        take_memory(transport)
        for size in SIZES:
            yield measure(transport, size, rounds)


def take_memory(transport: Transport) -> None:
    """Reset the chip and let the host own 8192 bytes of its memory, which nothing else uses."""
    transport.reset()
    settings = ((AgcMcu.MCU_CLEAR, 1), (AgcMcu.HOST_PROG, 1), (Common.PAGE, 0))
    transport.transfer(one_by_one(settings))


def measure(
    transport: Transport, size: int, rounds: int, *, speed_hz: int | None = None, seed: int = 1
) -> Result:
    """Write and read back `rounds` patterns of `size` bytes. Raises TransportError."""
    chance = random.Random(seed)
    times_ns = []
    wrong = 0
    for number in range(rounds):
        fixed = number < len(FIXED)
        pattern = bytes((FIXED[number],)) * size if fixed else chance.randbytes(size)
        start_ns = perf_counter_ns()
        _, back = transport.transfer((Write(AGC_MEM, pattern), Read(AGC_MEM, size)))
        times_ns.append(perf_counter_ns() - start_ns)
        wrong += sum(a != b for a, b in zip(pattern, back, strict=True))
    times_ns.sort()
    return Result(speed_hz, size, rounds, wrong, _us(times_ns, 0.5), _us(times_ns, 0.99))


def _us(times_ns: list[int], part: float) -> float:
    return times_ns[min(len(times_ns) - 1, int(len(times_ns) * part))] / 1000


def _line(result: Result) -> str:
    speed = "" if result.speed_hz is None else f"{result.speed_hz / 1e6:4.1f} MHz  "
    if result.fault:
        return f"{speed}failed: {result.fault}"
    state = f"{result.wrong_bytes} wrong bytes" if result.wrong_bytes else "clean"
    return (
        f"{speed}{result.size:5} bytes x {result.rounds}  median {result.median_us:.0f} us  "
        f"p99 {result.p99_us:.0f} us  {state}"
    )


def _json(result: Result) -> str:
    names = ("speed_hz", "size", "rounds", "wrong_bytes", "median_us", "p99_us", "fault")
    return json.dumps({name: getattr(result, name) for name in names})


def _verdict(results: list[Result], clean: list[Result], *, spi: bool) -> Iterator[str]:
    if not clean:
        yield "not even the first was clean: look at wires, power and reset lines: edgemast doctor"
    elif not spi:
        whole = len(clean) == len(results)
        yield "clean" if whole else "not clean: look at cable and power"
    else:
        best_hz = clean[-1].speed_hz or 0
        yield f"highest clean speed: {best_hz} Hz; to use it, or less, write in the configuration:"
        yield "[concentrator]"
        yield f"spi_hz = {best_hz:_}"
        if best_hz < SAFE_HZ:
            yield f"{SAFE_HZ} Hz, the default, is too fast here: this setting is needed"
