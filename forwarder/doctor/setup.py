"""The configuration file, and whether the gateway's EUI is one to register."""

from __future__ import annotations

from ..commands.config import summary
from ..errors import ConfigError
from ..host import macs, stored_eui
from ..identity import choose, refuse_samples
from .case import Case
from .values import Finding, fail, ok, skipped, warn


def configuration(case: Case) -> Finding:
    """Whether there is one, and what it warns of."""
    if case.problem:
        return fail(
            case.problem,
            "a configuration that can be run",
            next=f"edgemast config check {case.path}" if case.path else "",
        )
    if case.config is None:
        return skipped("no file given, and none at /etc/edgemast: use -c FILE")
    text = f"{case.config.path}: {summary(case.config)}"
    if case.config.warnings:
        return warn(f"{text}; " + "; ".join(case.config.warnings), "no warnings")
    return ok(text)


def eui(case: Case) -> Finding:
    """The EUI that would be used; one that many gateways have is refused."""
    if case.config is None:
        return skipped("no configuration says which EUI to use")
    try:
        refuse_samples(case.config)
        found = choose(case.config.eui, case.chip_eui, stored_eui(), macs(case.machine.path(NET)))
    except ConfigError as error:
        if case.chip_eui is None and case.config.eui in ("auto", "chip"):
            return skipped("the chip was not read, and nothing else gives one that stays the same")
        return fail(str(error), "an EUI that no other gateway has", next="edgemast whoami")
    if found.source.startswith("MAC"):
        return warn(
            f"{found.eui}, {found.source}",
            "the chip's own, which goes with the board",
            "the chip was not read in this examination",
            'gateway.eui is "mac"',
        )
    return ok(f"{found.eui}, {found.source}")


NET = "/sys/class/net"
