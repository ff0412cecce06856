"""`edgemast airtime`: how long a LoRa frame is on the air, in whole microseconds."""

from __future__ import annotations

import argparse
import re

from hal.airtime import LORA_PREAMBLE, airtime_us
from hal.modulation import BANDWIDTHS_HZ, CODING_RATES, SPREADING_FACTORS, LoRa

from ..errors import ConfigError

HELP = "how long a LoRa frame is on the air, in microseconds"
EXAMPLE = "edgemast airtime --sf 7 --bw 125 --size 23"
MOST_BYTES = 255
MOST_PREAMBLE = 65_535
BANDWIDTHS = {f"{hz // 1000}": hz for hz in BANDWIDTHS_HZ}
RATES = {text: number for number, text in CODING_RATES.items()}
NUMBER = re.compile(r"[0-9]{1,9}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    # Everything is text here and checked in `run`, so that every mistake is one line of ours.
    parser.add_argument("--sf", required=True, metavar="N", help="spreading factor, 5 to 12")
    parser.add_argument("--bw", required=True, metavar="KHZ", help="bandwidth: 125, 250 or 500")
    parser.add_argument("--size", required=True, metavar="N", help="bytes of PHYPayload, 0 to 255")
    parser.add_argument("--cr", default="4/5", metavar="RATE", help="4/5 (default) to 4/8")
    parser.add_argument(
        "--preamble", default=str(LORA_PREAMBLE), metavar="N", help="symbols, default 8"
    )
    parser.add_argument("--implicit", action="store_true", help="without the explicit header")
    parser.add_argument("--no-crc", action="store_true", help="without the payload CRC")
    parser.add_argument("--json", action="store_true", help="print an object with every parameter")


def run(args: argparse.Namespace) -> int:
    sf = _number("--sf", args.sf, SPREADING_FACTORS[0], SPREADING_FACTORS[-1])
    bw_hz = _choice("--bw", args.bw.upper().removesuffix("KHZ"), BANDWIDTHS)
    modulation = LoRa(sf, bw_hz, _choice("--cr", args.cr, RATES))
    size = _number("--size", args.size, 0, MOST_BYTES)
    preamble = _number("--preamble", args.preamble, 0, MOST_PREAMBLE)
    us = airtime_us(
        modulation, size, preamble=preamble, crc=not args.no_crc, implicit_header=args.implicit
    )
    print(_as_json(modulation, size, preamble, args, us) if args.json else us)
    return 0


def _as_json(modulation: LoRa, size: int, preamble: int, args: argparse.Namespace, us: int) -> str:
    import json

    return json.dumps(
        {
            "airtime_us": us,
            "sf": modulation.sf,
            "bw_hz": modulation.bw_hz,
            "cr": CODING_RATES[modulation.coding_rate],
            "size": size,
            "preamble": preamble,
            "implicit": args.implicit,
            "crc": not args.no_crc,
            "low_data_rate": modulation.low_data_rate,
        }
    )


def _number(name: str, text: str, low: int, high: int) -> int:
    value = int(text) if NUMBER.fullmatch(text) else -1
    if not low <= value <= high:
        raise ConfigError(f"{name} is {text!r}: give a whole number from {low} to {high}")
    return value


def _choice(name: str, text: str, known: dict[str, int]) -> int:
    if text not in known:
        raise ConfigError(f"{name} is {text!r}: give one of {', '.join(known)}")
    return known[text]
