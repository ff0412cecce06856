"""`edgemast spectrum`: how loud a band is, measured by the board's SX1261.

The counterpart of Semtech's util_spectral_scan: channels of 125 kHz, 200 kHz apart.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace

from hal.clock import SystemClock
from hal.config import ConcentratorConfig, ScanConfig, Sx1261Config
from hal.spectrum import STEP_HZ, SpectrumReport

from ..errors import ConfigError
from ..radio.spectrum import BUSY_DBM, as_json
from .radio import add_config, add_radio, open_radio, plan, started

HELP = "measure how loud a band is (boards with an SX1261)"
EXAMPLE = "edgemast spectrum --radio usb:/dev/ttyACM0 --freq-start 863.1 --channels 35"
BARS = " .:-=+*#%@"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_radio(parser)
    add_config(parser)
    parser.add_argument(
        "--freq-start",
        type=float,
        default=863.1,
        metavar="MHZ",
        help="middle of the first channel (default 863.1); the next ones are 0.2 MHz apart",
    )
    parser.add_argument(
        "--channels", type=int, default=35, metavar="N", help="1 to 255 (default 35)"
    )
    parser.add_argument(
        "--scans",
        type=int,
        default=2000,
        metavar="N",
        help="readings a channel, 8.2 us each, 1 to 65535 (default 2000)",
    )
    parser.add_argument(
        "--rssi-offset",
        type=int,
        metavar="DB",
        help="of the path to the SX1261; from the configuration, else 0",
    )


def run(args: argparse.Namespace) -> int:
    config, lines = plan(args.config)
    config = _with_scan(config, args)
    failed = 0
    transport = open_radio(args.radio, lines, config.sx1261)
    with started(transport, config, SystemClock()) as radio:
        if not args.json:
            print(f"   MHz  median  > {BUSY_DBM} dBm  {_scale(config)}")
        for freq_hz in _frequencies(config):
            report = radio.spectrum(freq_hz, args.scans)
            failed += report is None
            print(_failed(freq_hz, args.json) if report is None else _text(report, args.json))
    return 1 if failed else 0


def _with_scan(config: ConcentratorConfig, args: argparse.Namespace) -> ConcentratorConfig:
    """The same board, with a scan and without listening. Raises ConfigError for a wrong number."""
    if not 0 < args.freq_start < 10_000:
        raise ConfigError(f"--freq-start {args.freq_start}: megahertz expected, such as 863.1")
    sx1261 = config.sx1261 or Sx1261Config()
    offset_db = sx1261.rssi_offset_db if args.rssi_offset is None else args.rssi_offset
    if not -128 <= offset_db <= 127:
        raise ConfigError(f"--rssi-offset {offset_db}: -128 to 127 expected")
    plan = ScanConfig(round(args.freq_start * 1e6), args.channels, args.scans)
    return replace(
        config, sx1261=replace(sx1261, rssi_offset_db=offset_db, lbt_enable=False, scan=plan)
    )


def _frequencies(config: ConcentratorConfig) -> Iterator[int]:
    assert config.sx1261 is not None and config.sx1261.scan is not None
    scan = config.sx1261.scan
    yield from (scan.freq_start_hz + i * STEP_HZ for i in range(scan.channels))


def _text(report: SpectrumReport, as_object: bool) -> str:
    if as_object:
        return json.dumps(as_json(report))
    share = report.share_above(BUSY_DBM)
    return (
        f"{report.freq_hz / 1e6:7.2f}  {report.median_dbm():>4} dBm  {share:>7.1%}  {_bar(report)}"
    )


def _failed(freq_hz: int, as_object: bool) -> str:
    if as_object:
        return json.dumps({"freq_hz": freq_hz, "error": "the scan gave no result"})
    return f"{freq_hz / 1e6:7.2f}  no result"


def _bar(report: SpectrumReport) -> str:
    """The histogram, weakest level first; darker is more often."""
    most = max(report.counts) or 1
    marks = [BARS[-(-(len(BARS) - 1) * count // most)] for count in reversed(report.counts)]
    return "".join(marks).rstrip()


def _scale(config: ConcentratorConfig) -> str:
    offset_db = config.sx1261.rssi_offset_db if config.sx1261 else 0
    return f"histogram, from {offset_db - 128} dBm in steps of 4 dB"
