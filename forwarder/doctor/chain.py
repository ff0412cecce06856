"""The table: every check for this case, in the order in which a fault in one explains the next."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from hal.config import ConcentratorConfig
from hal.transport.base import Transport

from ..commands.radio import eu868, open_radio
from ..config.links import LinkSettings
from ..errors import ConfigError
from ..host import macs, stored_eui
from ..identity import choose
from . import (
    bus,
    certificates,
    chip,
    clock,
    gpio,
    live,
    network,
    power,
    servers,
    setup,
    storage,
)
from .case import Case
from .values import Check, Finding, skipped

NO_RADIO = "no radio to ask: use -c FILE or --radio URI"
CHIP_S = 4.0
IDENTITY = "EUI and model"


def checks(case: Case, session: chip.Session | None = None) -> list[Check]:
    """All of them. `session` is the look at the chip."""
    table = [
        Check("configuration", partial(setup.configuration, case)),
        Check("power supply", partial(power.supply, case)),
        Check("service", partial(bus.service, case)),
    ]
    if case.scheme != "sim":
        table.append(Check("board", partial(bus.board, case)))
    if session is None:
        table.append(Check("radio", partial(skipped, NO_RADIO)))
    else:
        table += _board(case)
        table += _chip(case, session)
    identified = (IDENTITY,) if session else ()
    table += [
        Check("gateway EUI", partial(setup.eui, case), after=identified),
        Check("GPS receiver", partial(clock.gps, case), timeout_s=4.0),
        Check("time", partial(clock.sync, case)),
        *_servers(case, identified),
        Check("disk", partial(storage.root_file_system, case)),
        Check("data folder", partial(storage.data_folder, case)),
    ]
    return table


def new_session(case: Case) -> chip.Session | None:
    """A look at the case's radio; None where nobody said which.

    Without a configuration that can be used, with the channels of EU868: any would do.
    """
    if case.uri is None:
        return None
    config = case.config.concentrator if case.config else eu868()
    return chip.Session(case, config, partial(_open, case, config))


def _open(case: Case, config: ConcentratorConfig) -> Transport:
    assert case.uri is not None
    return open_radio(case.uri, case.lines, config.sx1261)


def _board(case: Case) -> Iterator[Check]:
    """From the setting to the open device, as far as this kind of radio has one."""
    spi = case.scheme == "spi"
    if spi:
        yield Check("SPI enabled", partial(bus.enabled, case))
        yield Check("I2C enabled", partial(bus.i2c, case))
    if case.scheme not in ("spi", "usb"):
        return
    yield Check("device", partial(bus.node, case), ("SPI enabled",) if spi else ())
    yield Check("permission", partial(bus.permission, case), ("device",))
    if spi:
        yield Check("chip select", partial(gpio.chip_select, case))
    yield Check("board free", partial(bus.free, case), ("permission",))
    yield Check("gateway running", partial(live.gateway, case), after=("board free",))
    if spi:
        yield Check("GPIO lines", partial(gpio.lines, case), ("board free", "chip select"))


def _chip(case: Case, session: chip.Session) -> Iterator[Check]:
    # SX1255 and SX1257 are calibrated by a firmware of their own.
    calibrating = () if session.sx1250 else ("firmware files",)
    before = {"spi": ("board free", "GPIO lines"), "usb": ("board free",)}.get(case.scheme, ())
    for name, run, needs in (
        ("open", session.opens, before),
        ("reset", session.reset, ("open",)),
        ("chip version", session.version, ("reset",)),
        (IDENTITY, session.identity, ("chip version",)),
        ("firmware files", session.firmware_files, ()),
        ("radios", session.radios, (IDENTITY, *calibrating)),
        ("SX1261", session.listener, ("radios", "firmware files")),
    ):
        yield Check(name, run, needs, timeout_s=CHIP_S)
    # The gateway receives without the SX1261; only the order matters.
    files = ("radios", "firmware files")
    yield Check("firmware", session.firmware, files, timeout_s=CHIP_S, after=("SX1261",))
    yield Check("receive cycle", session.receiving, ("firmware",), timeout_s=CHIP_S)
    yield Check("temperature", session.temperature, ("open",), CHIP_S, ("receive cycle",))
    yield Check("PPS", session.pps, ("receive cycle",), CHIP_S, ("temperature",))


def _servers(case: Case, identified: tuple[str, ...]) -> Iterator[Check]:
    named: set[str] = set()
    for server in case.config.servers if case.config else ():
        names = [host for host in servers.hosts(server) if not _is_address(host)]
        for host in names:
            if host not in named:
                yield Check(f"name {host}", partial(network.resolves, host))
            named.add(host)
        # Of several addresses one that is not known need not matter.
        needs = (f"name {names[0]}",) if len(servers.hosts(server)) == len(names) == 1 else ()
        ask = partial(_ask, server, case)
        yield Check(f"server {server.name}", ask, needs, servers.PROBE_S, after=identified)
        if files := certificates.named(server):
            look = partial(certificates.good, files, datetime.now(UTC))
            yield Check(f"certificates {server.name}", look)


def _ask(server: LinkSettings, case: Case) -> Finding:
    """A gateway that runs is asked, not its server: a second voice would disturb the first."""
    if case.running:
        return live.server(server.name, case)
    assert case.config is not None
    interfaces = macs(case.machine.path(setup.NET))
    try:
        found = choose(case.config.eui, case.chip_eui, stored_eui(), interfaces)
    except ConfigError:
        return skipped("the gateway has no EUI to ask with: see gateway EUI")
    return servers.probe(server, found.eui, case)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
