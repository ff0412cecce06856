"""`edgemast whoami`: which EUI this gateway has, and why, and what to register with a server."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import closing

from hal.errors import HalError
from hal.gpio import BoardLines

from ..config import GatewayConfig, load
from ..errors import ConfigError
from ..host import macs, stored_eui
from ..identity import Identity, choose
from .chip_id import identify
from .radio import board_radio, open_radio

HELP = "which EUI this gateway has, and why"
EXAMPLE = "edgemast whoami -c /etc/edgemast/global_conf.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", "--config", metavar="FILE", help="TOML or JSON")
    parser.add_argument("--radio", metavar="URI", help="ask this chip: spi:, usb: or sim:")
    parser.add_argument(
        "--board", metavar="NAME", help='bus and lines of this board (edgemast boards), or "auto"'
    )
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    config = load(args.config) if args.config else None
    lines = config.lines if config else None
    if args.board is not None:
        _, args.radio, lines = board_radio(args.board, args.radio)
    chip_eui, why_not = _chip(args.radio, config, lines)
    known = {"chip": chip_eui, "stored": stored_eui(), **macs()}
    try:
        identity = choose(config.eui if config else "auto", chip_eui, known["stored"], macs())
    except ConfigError as error:
        found = ", ".join(f"{name} {value}" for name, value in known.items() if value)
        raise ConfigError(f"{error} (found: {found or 'nothing'})") from error
    if args.json:
        sources = {"chip": chip_eui, "stored": known["stored"], "macs": macs()}
        print(json.dumps({"eui": identity.eui, "source": identity.source, "found": sources}))
    else:
        for line in report(identity, config, chip_eui, why_not):
            print(line)
    return 0


def _chip(
    uri: str | None, config: GatewayConfig | None, lines: BoardLines | None
) -> tuple[str | None, str]:
    """The chip's EUI, or None and why it could not be read."""
    uri = uri or (config.radio_uri if config else None)
    if uri is None:
        return None, "no radio given: use --radio, --board or -c"
    try:
        with closing(open_radio(uri, lines)) as transport:
            transport.reset()
            return identify(transport).eui, ""
    except (HalError, OSError) as error:
        return None, str(error)


def report(
    identity: Identity, config: GatewayConfig | None, chip_eui: str | None, why_not: str
) -> Iterator[str]:
    """What a person reads."""
    yield f"EUI     {identity.eui}"
    yield f"source  {identity.source}"
    if chip_eui is None:
        yield f"chip    not read: {why_not}"
    elif chip_eui != identity.eui:
        yield f"chip    {chip_eui}, not used because the configuration decides otherwise"
    yield ""
    sub_band = config.settings.get("sub_band") if config else None
    yield from registration(identity.eui, config.region if config else None, sub_band)


def registration(eui: str, region: str | None, sub_band: object = None) -> Iterator[str]:
    """Lines to paste: ChirpStack, The Things Stack and AWS IoT Core for LoRaWAN."""
    plan = TTS_PLANS.get(region or "", "<frequency plan>")
    if sub_band is not None:
        plan = f"{plan.rpartition('_')[0]}_{sub_band}"
    yield f"ChirpStack        Gateways > Add gateway > Gateway ID (EUI64): {eui}"
    gateway = {"gatewayId": eui, "name": eui, "tenantId": "<tenant>", "statsInterval": 30}
    body = json.dumps({"gateway": gateway})
    yield (
        "  by its REST API curl -H 'Grpc-Metadata-Authorization: Bearer <API key>' "
        f"-d '{body}' http://<server>:8090/api/gateways"
    )
    yield (
        f"The Things Stack  ttn-lw-cli gateways create eui-{eui} --gateway-eui {eui.upper()} "
        f"--frequency-plan-id {plan} --user-id <user>"
    )
    aws = (region or "<region>").removesuffix("-JP")  # AWS has one AS923-1
    yield (
        "AWS               aws iotwireless create-wireless-gateway "
        f"--lorawan GatewayEui={eui},RfRegion={aws}"
    )


# The Things Stack's names: TheThingsNetwork/lorawan-frequency-plans, frequency-plans.yml.
TTS_PLANS = {
    "EU868": "EU_863_870_TTN",
    "EU433": "EU_433",
    "US915": "US_902_928_FSB_2",
    "AU915": "AU_915_928_FSB_2",
    "AS923-1": "AS_923",
    "AS923-1-JP": "AS_920_923_TTN_JP_1",
    "AS923-2": "AS_923_2",
    "AS923-3": "AS_923_3",
    "AS923-4": "AS_923_4",
    "IN865": "IN_865_867",
    "KR920": "KR_920_923_TTN",
    "CN470": "CN_470_510_FSB_11",
    "RU864": "RU_864_870_TTN",
}
