"""From a scenario to what lives on the air: devices with places, keys and habits; rules; faults.

Everything random comes from the scenario's seed, each device from its own name, so that one more
device changes nothing for the others.
"""

from __future__ import annotations

import math
import random
import re
from dataclasses import replace

from hal.sim.air import PATH_LOSSES, PathLoss, Rules

from ..config.names import nearest
from ..errors import ConfigError
from ..lorawan.region import REGIONS, Region
from .device_spec import DeviceSpec, Payload, PayloadKind, Traffic, TrafficKind
from .keys import Identity, identity
from .scenario import ChannelPart, Group, Place, Scenario, seconds

NUMBER = re.compile(r"\{n(?::(0?[1-9]))?\}")  # not all of str.format: it reaches into objects
LONGEST_NAME = 60

Position = tuple[float, float, float]

LINK_MARGIN_DB = 10.0  # what "by_link" keeps for shadowing and fading
SENSITIVITY_DBM = {12: -137.0, 11: -134.5, 10: -132.5, 9: -129.0, 8: -126.0, 7: -123.0}


def region_of(scenario: Scenario) -> Region:
    """Raises ConfigError for one that nobody knows."""
    name = scenario.scenario.region
    if name not in REGIONS:
        hint = nearest(name, REGIONS)
        raise ConfigError(
            f"scenario.region is {name!r}; one of {', '.join(REGIONS)} expected{hint}"
        )
    return REGIONS[name]


def rules_of(channel: ChannelPart) -> Rules:
    """The air's rules. Raises ConfigError."""
    ghosts = channel.ghosts
    try:
        rules = Rules(
            matrix=channel.sir_matrix,
            path_loss=_path_loss(channel),
            shadowing_sigma_db=channel.shadowing.sigma,
            fading_sigma_db=channel.fading.sigma,
            noise_figure_db=channel.noise_figure,
            preamble_needed=channel.preamble_needed,
            per_at_floor=channel.per_curve.at_floor,
            per_slope_db=channel.per_curve.slope_db,
            noise_bursts_per_hour=channel.noise_bursts_per_hour,
        )
    except ValueError as error:
        raise ConfigError(f"channel: {error}") from error
    if ghosts is False:
        return replace(rules, ghosts=False)
    return replace(
        rules, ghost_above_dbm=ghosts.above, ghost_drop_db=(ghosts.drop[0], ghosts.drop[1])
    )


def _path_loss(channel: ChannelPart) -> PathLoss:
    asked = channel.path_loss
    if asked.model not in PATH_LOSSES:
        hint = nearest(asked.model, PATH_LOSSES)
        raise ConfigError(
            f"channel.path_loss.model is {asked.model!r}; one of {', '.join(PATH_LOSSES)} "
            f"expected{hint}"
        )
    loss = PATH_LOSSES[asked.model]
    if asked.exponent is not None:
        loss = replace(loss, exponent=asked.exponent)
    if asked.at_1m is not None:
        loss = replace(loss, at_ref_db=asked.at_1m, ref_m=1.0)
    return loss


def devices_of(scenario: Scenario) -> list[DeviceSpec]:
    """Every device of the scenario, in the file's order. Raises ConfigError."""
    region, rules = region_of(scenario), rules_of(scenario.channel)
    gateways = [(gw.at[0], gw.at[1], gw.at[2]) for gw in scenario.gateway]
    specs: list[DeviceSpec] = []
    for group in scenario.devices:
        for number in range(group.count):
            name = _name(group, number)
            who = identity(scenario.scenario.seed, name, len(specs))
            rng = random.Random(f"{scenario.scenario.seed}/{name}/place")
            at = _place(group.place, number, group.count, rng)
            spec = _spec(scenario, region, rules, group, name, who, at, gateways, rng)
            if group.start is not None:
                spec = replace(spec, start_s=seconds(group.start) * (number + 1) / group.count)
            specs.append(spec)
    _check_names(specs)
    return specs


def _name(group: Group, number: int) -> str:
    rest = NUMBER.sub("", group.name)
    if "{" in rest or "}" in rest or len(rest) > LONGEST_NAME:
        raise ConfigError(
            f"devices.name is {group.name[:LONGEST_NAME]!r}; up to {LONGEST_NAME} characters with "
            'a {n} expected, such as "meter-{n:03}"'
        )
    return NUMBER.sub(lambda found: f"{number + 1:{found[1] or ''}}", group.name)


def _check_names(specs: list[DeviceSpec]) -> None:
    seen: set[str] = set()
    for spec in specs:
        if spec.name in seen:
            raise ConfigError(f"two devices are named {spec.name!r}: put {{n}} into devices.name")
        seen.add(spec.name)


def _place(place: Place, number: int, count: int, rng: random.Random) -> Position:
    x, y, height = place.at
    match place.kind:
        case "points":
            if number >= len(place.points):
                raise ConfigError(
                    f"devices.place.points has {len(place.points)} points for {count} devices"
                )
            px, py, pz = place.points[number]
            return px, py, pz
        case "line":
            return x + place.inner + (place.radius - place.inner) * (number + 1) / count, y, height
        case "grid":
            side = math.ceil(math.sqrt(count))
            row, column = divmod(number, side)
            middle = (side - 1) / 2
            return (
                x + (column - middle) * place.spacing,
                y + (row - middle) * place.spacing,
                height,
            )
        case _:
            low, high = place.inner**2, place.radius**2
            distance = math.sqrt(rng.uniform(min(low, high), high))
            angle = rng.uniform(0, 2 * math.pi)
            return x + distance * math.cos(angle), y + distance * math.sin(angle), height


def _spec(
    scenario: Scenario,
    region: Region,
    rules: Rules,
    group: Group,
    name: str,
    who: Identity,
    at: Position,
    gateways: list[Position],
    rng: random.Random,
) -> DeviceSpec:
    channels = _sub_band(region, scenario.scenario.sub_band)
    rates = region.uplink_rates()
    if isinstance(group.dr, int):
        if group.dr not in rates:
            raise ConfigError(
                f"devices.dr is {group.dr}; {rates[0]} to {rates[-1]} expected in {region.name}"
            )
        rate = group.dr
    else:
        rate = _by_link(region, rules, group.tx_power, at, gateways)
    traffic, payload = group.traffic, group.payload
    return DeviceSpec(
        name=name,
        dev_eui=who.dev_eui,
        join_eui=who.join_eui,
        app_key=who.app_key,
        region=region,
        at=at,
        dev_addr=who.dev_addr if group.activation == "abp" else 0,
        session=who.session if group.activation == "abp" else None,
        mac_version=group.mac,
        channels=channels,
        dr=rate,
        adr=group.dr == "adr",
        tx_power_dbm=group.tx_power,
        confirmed=group.confirmed,
        payload=Payload(PayloadKind(payload.kind), payload.bytes, payload.port),
        traffic=Traffic(
            TrafficKind(traffic.kind),
            every_s=seconds(traffic.every),
            jitter_s=min(seconds(traffic.jitter), seconds(traffic.every) / 2),
            frames=traffic.frames,
            gap_s=seconds(traffic.gap),
        ),
        crystal_ppm=rng.gauss(0.0, group.crystal_ppm.sigma),
        duty_cycle=group.duty_cycle,
    )


def _sub_band(region: Region, sub_band: int) -> frozenset[int] | None:
    """Eight channels and, where there is one, the wide channel beside them."""
    if not region.fixed_channels:
        return None
    first = 8 * (sub_band - 1)
    indices = set(range(first, first + 8))
    if region.name != "CN470":
        indices.add(64 + sub_band - 1)
    if not indices <= set(range(len(region.channels))):
        last = len(region.channels) // (8 if region.name == "CN470" else 9)
        raise ConfigError(f"scenario.sub_band is {sub_band}; 1 to {last} expected in {region.name}")
    return frozenset(indices)


def _by_link(
    region: Region, rules: Rules, power_dbm: float, at: Position, gateways: list[Position]
) -> int:
    """The fastest data rate that the mean path loss to the nearest gateway leaves room for."""
    loss = rules.path_loss
    distance = max(1.0, min((math.dist(at, gateway) for gateway in gateways), default=1.0))
    loss_db = loss.at_ref_db + 10 * loss.exponent * math.log10(distance / loss.ref_m)
    for rate in reversed(region.uplink_rates()):
        sf = region.data_rates[rate].sf
        if region.data_rates[rate].bw_hz != 125_000 or sf not in SENSITIVITY_DBM:
            continue
        if power_dbm - loss_db - LINK_MARGIN_DB >= SENSITIVITY_DBM[sf]:
            return rate
    return region.uplink_rates()[0]
