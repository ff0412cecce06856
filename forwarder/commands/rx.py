"""`edgemast rx`: prints what the concentrator receives, frame by frame."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from hal.clock import Clock, SystemClock
from hal.frames import Crc, RxFrame
from hal.modulation import CODING_RATES, LoRa, words

from ..errors import ConfigError
from .radio import add_config, add_radio, open_radio, plan, started

if TYPE_CHECKING:
    from hal.concentrator import Concentrator

HELP = "print received frames; without -c the EU868 channels of a CoreCell board"
EXAMPLE = "edgemast rx --radio usb:/dev/ttyACM0 -c gateway.toml --pcap air.pcap"

Keep = Callable[[RxFrame, "Concentrator"], None]

POLL_S = 0.01
MOST_SECONDS = 10**8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_radio(parser)
    add_config(parser)
    parser.add_argument("--count", type=int, metavar="N", help="end after N frames")
    parser.add_argument("--seconds", type=float, metavar="S", help="end after S seconds")
    parser.add_argument(
        "--pcap", metavar="FILE", help="write a capture for Wireshark (LoRaTap); - is stdout"
    )
    parser.add_argument(
        "--loratap",
        type=int,
        choices=(0, 1),
        default=1,
        help="version of its header; 0 for Wireshark up to 4.0",
    )


def run(args: argparse.Namespace) -> int:
    if args.count is not None and args.count < 1:
        raise ConfigError(f"--count is {args.count}; 1 or more expected")
    if args.seconds is not None and not 0 <= args.seconds <= MOST_SECONDS:
        raise ConfigError(f"--seconds is {args.seconds:g}; 0 to {MOST_SECONDS} expected")
    config, lines = plan(args.config)
    clock = SystemClock()
    seen = 0
    with (
        capture(args.pcap, args.loratap, public=config.public) as keep,
        started(open_radio(args.radio, lines, config.sx1261), config, clock) as radio,
    ):
        print(f"{radio.model} {radio.eui} listens; Ctrl-C ends", file=sys.stderr)
        try:
            for frame in received(radio, clock, args.count, args.seconds):
                keep(frame, radio)
                if args.pcap != "-":
                    print(json.dumps(as_object(frame)) if args.json else as_line(frame), flush=True)
                seen += 1
        except KeyboardInterrupt:
            pass
    print(f"{seen} frames", file=sys.stderr)
    return 0


def received(
    radio: Concentrator, clock: Clock, count: int | None, seconds: float | None
) -> Iterator[RxFrame]:
    """Frames as they come, until there are `count` or `seconds` have passed; None is for ever."""
    end_ns = None if seconds is None else clock.now_ns() + round(seconds * 1e9)
    left = count
    while left != 0 and (end_ns is None or clock.now_ns() < end_ns):
        for frame in radio.receive().frames[:left]:
            yield frame
            left = None if left is None else left - 1
        if left != 0:
            clock.sleep(POLL_S)


@contextmanager
def capture(place: str | None, version: int, *, public: bool) -> Iterator[Keep]:
    """How to keep a frame in a capture file at `place`, at once; nowhere without one.

    Raises ConfigError when the file cannot be made.
    """
    if place is None:
        yield lambda frame, radio: None
        return
    from ..capture import pcap
    from ..capture.loratap import LINK_TYPE, LORAWAN_SYNC_WORD, PRIVATE_SYNC_WORD, encode
    from ..capture.ring import tap_of

    sync_word = LORAWAN_SYNC_WORD if public else PRIVATE_SYNC_WORD
    with _capture_file(place) as file:

        def keep(frame: RxFrame, radio: Concentrator) -> None:
            at_ns = time.time_ns() - (radio.now_us() - frame.counter_us) * 1000
            tap = tap_of(frame, int(radio.eui, 16), sync_word)
            file.write(pcap.record(at_ns, encode(tap, version=version)))
            file.flush()  # whoever reads along sees each frame at once

        file.write(pcap.head(LINK_TYPE))
        file.flush()
        yield keep


@contextmanager
def _capture_file(place: str) -> Iterator[BinaryIO]:
    if place == "-":
        yield sys.stdout.buffer
        return
    try:
        with Path(place).open("wb") as file:
            yield file
    except OSError as error:
        raise ConfigError(f"--pcap {place}: cannot be written: {error.strerror}") from error


def as_object(frame: RxFrame) -> dict[str, Any]:
    return {
        "counter_us": frame.counter_us,
        "freq_hz": frame.freq_hz,
        "modulation": _modulation(frame),
        "crc": frame.crc.name.lower(),
        "channel": frame.if_chain,
        "radio": frame.rf_chain,
        "rssi_dbm": round(frame.rssi_channel_dbm, 1),
        "rssi_signal_dbm": _rounded(frame.rssi_signal_dbm),
        "snr_db": _rounded(frame.snr_db),
        "freq_offset_hz": frame.freq_offset_hz,
        "size": len(frame.payload),
        "payload": frame.payload.hex(),
    }


def as_line(frame: RxFrame) -> str:
    crc = {Crc.OK: "", Crc.BAD: "  CRC BAD", Crc.NONE: "  no CRC"}[frame.crc]
    snr = "" if frame.snr_db is None else f"  {frame.snr_db:+5.1f} dB"
    return (
        f"{frame.counter_us / 1e6:12.6f} s  {frame.freq_hz / 1e6:.3f} MHz  {_modulation(frame):<15}"
        f"  {frame.rssi_channel_dbm:6.1f} dBm{snr}{crc}  {len(frame.payload):3} B  "
        f"{frame.payload.hex()}"
    )


def _modulation(frame: RxFrame) -> str:
    modulation = frame.modulation
    if isinstance(modulation, LoRa):
        return f"{words(modulation)} {CODING_RATES.get(modulation.coding_rate, 'none')}"
    return words(modulation)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
