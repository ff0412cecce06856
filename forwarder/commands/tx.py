"""`edgemast tx`: sends frames, or a bare carrier, to test a board and its antenna."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hal.clock import Clock, SystemClock
from hal.config import ConcentratorConfig, MultiSfChannel
from hal.frames import TxFrame, TxState
from hal.modulation import BANDWIDTHS_HZ, SPREADING_FACTORS, Cw, LoRa

from ..errors import ConfigError
from .radio import add_config, add_radio, corecell_radio, open_radio, plan, started

if TYPE_CHECKING:
    from hal.concentrator import Concentrator

HELP = "send frames, or a bare carrier; mind the law: dummy load or a band that you may use"
EXAMPLE = "edgemast tx --radio usb:/dev/ttyACM0 --freq 868.1 --sf 7 --power 14 --count 5"

PROPRIETARY = 0xE0  # MHDR of a LoRaWAN frame that no network server takes for one of its own
POLL_S = 0.002
MOST_SECONDS = 86_400
PATIENCE_S = 1.0  # beyond its time on air, before a frame that does not end is an error


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_radio(parser)
    add_config(parser)
    parser.add_argument("--freq", type=float, required=True, metavar="MHZ")
    parser.add_argument("--sf", type=int, default=7, choices=SPREADING_FACTORS, metavar="N")
    parser.add_argument("--bw", type=int, default=125, metavar="KHZ", help="125, 250 or 500")
    parser.add_argument("--power", type=float, default=14, metavar="DBM", help="default 14")
    content = parser.add_mutually_exclusive_group()
    content.add_argument("--size", type=int, default=16, metavar="N", help="bytes, default 16")
    content.add_argument("--hex", metavar="HEX", help="the payload itself")
    content.add_argument("--cw", type=float, metavar="SECONDS", help="a carrier instead of frames")
    parser.add_argument("--count", type=int, default=1, metavar="N", help="frames, default 1")
    parser.add_argument("--period", type=float, default=1.0, metavar="S", help="start to start")
    parser.add_argument("--invert", action="store_true", help="polarity of a downlink")


def run(args: argparse.Namespace) -> int:
    if args.count < 1:
        raise ConfigError(f"--count is {args.count}; 1 or more expected")
    if not 0 <= args.period <= MOST_SECONDS:
        raise ConfigError(f"--period is {args.period:g}; 0 to {MOST_SECONDS} seconds expected")
    if args.cw is not None and not 0 < args.cw <= MOST_SECONDS:
        raise ConfigError(f"--cw is {args.cw:g}; more than 0 to {MOST_SECONDS} seconds expected")
    frame = frame_of(args)
    config, lines = plan(args.config)
    if args.config is None:
        config = tuned(config, frame.freq_hz)
    clock = SystemClock()
    with started(open_radio(args.radio, lines, config.sx1261), config, clock) as radio:
        if args.cw is not None:
            send_carrier(radio, clock, frame, args.cw)
            return 0
        for sent in send(radio, clock, frame, args.count, args.period):
            print(json.dumps(sent) if args.json else _line(sent), flush=True)
    return 0


def frame_of(args: argparse.Namespace) -> TxFrame:
    """The frame that the arguments describe. Raises ConfigError."""
    if args.bw * 1000 not in BANDWIDTHS_HZ:
        raise ConfigError(f"--bw is {args.bw}; 125, 250 or 500 expected")
    if not 100 <= args.freq <= 1000:
        raise ConfigError(f"--freq is {args.freq:g}; megahertz expected, 100 to 1000")
    return TxFrame(
        payload=b"\0" if args.cw is not None else _payload(args),
        freq_hz=round(args.freq * 1e6),
        power_dbm=args.power,
        modulation=Cw() if args.cw is not None else LoRa(args.sf, args.bw * 1000),
        invert_polarity=args.invert,
    )


def _payload(args: argparse.Namespace) -> bytes:
    if args.hex is None:
        if not 1 <= args.size <= 255:
            raise ConfigError(f"--size is {args.size}; 1 to 255 expected")
        return bytes((PROPRIETARY, *range(1, args.size)))
    try:
        payload = bytes.fromhex(args.hex)
    except ValueError as error:
        raise ConfigError(f"--hex: {error}") from error
    if not 1 <= len(payload) <= 255:
        raise ConfigError(f"--hex has {len(payload)} bytes; 1 to 255 expected")
    return payload


def tuned(config: ConcentratorConfig, freq_hz: int) -> ConcentratorConfig:
    """`config` with its radios at `freq_hz`, so that any band can be tried without a file."""
    channels = (MultiSfChannel(True, 0, 0), *(MultiSfChannel(),) * 7)
    return replace(
        config,
        radios=(corecell_radio(freq_hz, transmit=True), replace(config.radios[1], enable=False)),
        multi_sf=channels,
        lora_std=replace(config.lora_std, enable=False),
        fsk=replace(config.fsk, enable=False),
    )


def send(
    radio: Concentrator, clock: Clock, frame: TxFrame, count: int, period_s: float
) -> Iterator[dict[str, Any]]:
    """Send `frame` `count` times; says of each what was programmed, once it is over.

    Raises TxRefused, and TimeoutError for a frame that does not end.
    """
    next_ns = clock.now_ns()
    for number in range(1, count + 1):
        clock.sleep(max(0, next_ns - clock.now_ns()) / 1e9)
        next_ns += round(period_s * 1e9)
        receipt = radio.send(frame)
        wait_until_free(radio, clock, receipt.airtime_us / 1e6 + PATIENCE_S)
        yield {
            "number": number,
            "freq_hz": frame.freq_hz,
            "power_dbm": receipt.power_dbm,
            "start_us": receipt.start_us,
            "airtime_us": receipt.airtime_us,
        }


def send_carrier(radio: Concentrator, clock: Clock, frame: TxFrame, seconds: float) -> None:
    radio.send(frame)
    try:
        clock.sleep(seconds)
    finally:
        radio.abort(frame.rf_chain)


def wait_until_free(radio: Concentrator, clock: Clock, patience_s: float) -> None:
    end_ns = clock.now_ns() + round(patience_s * 1e9)
    while radio.tx_state() is not TxState.FREE:
        if clock.now_ns() > end_ns:
            raise TimeoutError(
                f"the frame did not end within {patience_s:.1f} s; state {radio.tx_state().value}"
            )
        clock.sleep(POLL_S)


def _line(sent: dict[str, Any]) -> str:
    return (
        f"{sent['number']:4}  {sent['freq_hz'] / 1e6:.3f} MHz  {sent['power_dbm']:g} dBm  "
        f"at {sent['start_us'] / 1e6:.6f} s  {sent['airtime_us'] / 1000:.1f} ms"
    )
