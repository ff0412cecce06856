"""Whether an answer is true: the doctor's checks, on a configuration that is not written yet."""

from __future__ import annotations

from dataclasses import dataclass

from ..config import GatewayConfig, LinkSettings
from ..doctor import servers
from ..doctor.case import Case
from ..doctor.chain import checks, new_session
from ..doctor.examine import examine
from ..doctor.text import lines
from ..doctor.values import Check, Finding, Verdict
from ..doctor.walk import Walk
from ..errors import ConfigError
from ..host import macs, stored_eui
from ..identity import choose

# What a setup does not ask about: it would only frighten.
LEAVE_OUT = ("service", "disk", "data folder", "GPS receiver", "time", "configuration")


@dataclass(frozen=True, slots=True)
class Trial:
    """`text` is for a person: what is not well and what to do, or that all is."""

    good: bool
    text: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RadioTrial:
    """How the radio started. `eui` is None where nothing gives one."""

    trial: Trial
    eui: str | None
    case: Case


def radio(config: GatewayConfig) -> RadioTrial:
    """Start the chip, as far as one receive cycle, and read its EUI."""
    case = Case(path=config.path, config=config, uri=config.radio_uri)
    session = new_session(case)
    table = [check for check in checks(case, session) if _is_wanted(check)]
    walk = Walk(table)
    try:
        examine(walk)
    finally:
        if session is not None:
            session.close()
    results = list(walk.results())
    bad = [row for row in results if row[1].verdict is Verdict.FAIL]
    return RadioTrial(Trial(not bad, _shown(bad) or (_well(case, results),)), _eui(case), case)


def server(settings: LinkSettings, eui: str, case: Case) -> Trial:
    """Does it answer, let us in and let us listen?"""
    asked = servers.probe(settings, eui, case)
    check = Check(settings.name, lambda: asked)
    good = asked.verdict is not Verdict.FAIL
    return Trial(good, (asked.read,) if good else _shown([(check, asked)]))


def _is_wanted(check: Check) -> bool:
    return check.name not in LEAVE_OUT and not check.name.startswith(("server ", "name "))


def _shown(bad: list[tuple[Check, Finding]]) -> tuple[str, ...]:
    return tuple(list(lines(bad))[:-2]) if bad else ()


def _well(case: Case, results: list[tuple[Check, Finding]]) -> str:
    if case.running:
        return f"{case.running} has the board already: it was not started again"
    read = {check.name: finding.read for check, finding in results}
    return f"the radio receives: {read.get('EUI and model', case.uri)}"


def _eui(case: Case) -> str | None:
    assert case.config is not None
    try:
        return choose(case.config.eui, case.chip_eui, stored_eui(), macs()).eui
    except ConfigError:
        return None
