"""The lines of the log that say how things are, and what a server was answered."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..packets import Answer, Downlink, Refused

if TYPE_CHECKING:
    from ..app import Gateway

log = logging.getLogger(__name__)


def status_line(gateway: Gateway) -> str:
    """Everything that counts, on one line."""
    radio, down = gateway.counters, gateway.scheduler.counters
    links = "; ".join(
        f"{link.name} {link.status()['state']}"
        for link in (*gateway.uplinks.links, *gateway.uplinks.observers)
    )
    return (
        f"received {radio.rx_total} ({radio.rx_ok} ok, {radio.rx_bad} bad CRC, "
        f"{radio.rx_ghosts} ghosts, {radio.damage} damaged), "
        f"sent {radio.tx_ok} of {down.requested} asked, {sum(down.refused.values())} refused, "
        f"{sum(down.lost.values())} lost; {links}"
        f"{_air_line(gateway)}"
    )


def _air_line(gateway: Gateway) -> str:
    """What the listening radio found and what became of beacons, where there are any."""
    found = gateway.radio.listening.values()
    free, busy = sum(n.free for n in found), sum(n.busy for n in found)
    listened = f"listened {free + busy} times, {busy} busy" if free + busy else ""
    beacons = "" if gateway.beacons is None else gateway.beacons.plan.words()
    parts = (listened, gateway.spectrum.line(), beacons)
    return "".join(f"; {part}" for part in parts if part)


def log_answer(downlink: Downlink, answer: Answer) -> None:
    """What a server was told about its downlink."""
    megahertz = downlink.freq_hz / 1e6
    if isinstance(answer, Refused):
        text = f"{answer.reason.name}: {answer.detail or answer.reason.value}"
        told = {"link": downlink.link, "refusal": answer.reason.name}
        log.warning(
            "refused a downlink of %s at %.3f MHz: %s",
            downlink.link,
            megahertz,
            text,
            extra={"fields": told},
        )
    else:
        margin_us = answer.margin_us
        when = "at once" if margin_us is None else f"margin {margin_us / 1000:.0f} ms"
        log.info("downlink of %s at %.3f MHz: %s", downlink.link, megahertz, when)
