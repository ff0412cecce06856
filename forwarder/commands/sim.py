"""`edgemast sim`: the simulated board alone, as a USB board on a pseudo-terminal."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import time
from pathlib import Path

from hal.sim.board import DEFAULT_EUI, RADIO_KINDS, SimBoard
from hal.sim.gps import gps_ns_of
from hal.sim.gps_pty import GpsOnPty
from hal.sim.otp import MODEL_IDS
from hal.sim.pty import Pty
from hal.sim.server import SimServer

from ..errors import ConfigError

HELP = (
    "the simulated board alone, published as a CoreCell USB board on a pseudo-terminal: any "
    "forwarder that speaks to such a board runs on it. The first line on stdout is a JSON object "
    "with the device and the control port; SIGINT and SIGTERM end it."
)
EXAMPLE = "edgemast sim --link /tmp/concentrator --control 7777"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--link", required=True, metavar="PATH", help="name for the serial device")
    parser.add_argument(
        "--control", type=int, metavar="PORT", help="TCP on 127.0.0.1; 0 is any free port"
    )
    parser.add_argument("--model", default="sx1302", help=" or ".join(MODEL_IDS))
    parser.add_argument("--radios", default="SX1250", help=" or ".join(RADIO_KINDS))
    parser.add_argument("--eui", default=DEFAULT_EUI, metavar="HEX", help=f"default {DEFAULT_EUI}")
    parser.add_argument(
        "--start-ticks", type=int, default=0, metavar="N", help="32 MHz counter after a reset"
    )
    parser.add_argument(
        "--latency-us", type=int, default=0, metavar="N", help="delay of every bridge message"
    )
    parser.add_argument(
        "--gps", metavar="PATH", help="a GPS receiver with PPS too; name for its serial device"
    )


def run(args: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="sim: %(message)s")
    board = _board(args)
    pty = Pty(Path(args.link))
    gps = None
    try:
        if args.gps is not None:
            gps = GpsOnPty(board, Path(args.gps), gps_ns=gps_ns_of(time.time_ns()))
        server = SimServer(board, pty, args.control, gps.gps if gps else None)
    except BaseException:
        pty.close()
        if gps is not None:
            gps.close()
        raise
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: server.stop())
    try:
        told = {"pty": pty.path, "control": server.control_port}
        print(json.dumps(told if gps is None else told | {"gps": gps.path}), flush=True)
        server.serve()
    finally:
        server.close()
        if gps is not None:
            gps.close()
    return 0


def _board(args: argparse.Namespace) -> SimBoard:
    if args.start_ticks < 0 or args.latency_us < 0:
        raise ConfigError("--start-ticks and --latency-us: give 0 or more")
    try:
        board = SimBoard(
            eui=args.eui,
            model=args.model,
            start_ticks=args.start_ticks,
            radios=args.radios,
        )
    except ValueError as error:
        raise ConfigError(str(error)) from error
    board.faults.latency_us = args.latency_us
    return board
