"""What a statistics message tells: the increments since the last one that was published. Pure.

Increments that were not published are not lost: the next report counts from the last one that was
(`Reports.published`), so an outage ends in one report with all that happened in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hal.modulation import Modulation

from ...packets import Position, RadioCounters
from ...scheduling.regulation import BandLoad
from .dialect import Report


@dataclass(frozen=True, slots=True)
class Totals:
    """Everything countable at one moment; only ever grows."""

    rx_total: int = 0
    rx_ok: int = 0
    tx_ok: int = 0
    requested: int = 0
    rx_frequencies: Counter[int] = field(default_factory=Counter)
    rx_modulations: Counter[Modulation] = field(default_factory=Counter)
    tx_frequencies: Counter[int] = field(default_factory=Counter)
    tx_modulations: Counter[Modulation] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)


def totals(radio: RadioCounters, *, requested: int, answers: Counter[str]) -> Totals:
    """`requested` and `answers` are of one link's downlinks, the rest is the radio's."""
    return Totals(
        rx_total=radio.rx_total,
        rx_ok=radio.rx_ok,
        tx_ok=radio.tx_ok,
        requested=requested,
        rx_frequencies=radio.rx_frequencies.copy(),
        rx_modulations=radio.rx_modulations.copy(),
        tx_frequencies=radio.tx_frequencies.copy(),
        tx_modulations=radio.tx_modulations.copy(),
        answers=answers.copy(),
    )


class Reports:
    """Reports that follow each other; `first` is where the first one counts from."""

    def __init__(self, first: Totals) -> None:
        self._published = first

    def make(
        self,
        now: Totals,
        *,
        utc_ns: int | None,
        boot_utc_ns: int | None,
        position: Position | None,
        metrics: Mapping[str, float],
        metadata: Mapping[str, str],
        loads: Sequence[BandLoad] = (),
    ) -> Report:
        """What has happened from the last published report until `now`."""
        last = self._published
        return Report(
            utc_ns=utc_ns,
            boot_utc_ns=boot_utc_ns,
            position=position,
            rx_received=now.rx_total - last.rx_total,
            rx_ok=now.rx_ok - last.rx_ok,
            tx_received=now.requested - last.requested,
            tx_emitted=now.tx_ok - last.tx_ok,
            rx_per_frequency=now.rx_frequencies - last.rx_frequencies,
            tx_per_frequency=now.tx_frequencies - last.tx_frequencies,
            rx_per_modulation=_added(now.rx_modulations, last.rx_modulations),
            tx_per_modulation=_added(now.tx_modulations, last.tx_modulations),
            tx_per_answer=now.answers - last.answers,
            metrics=metrics,
            metadata=metadata,
            loads=loads,
        )

    def published(self, then: Totals) -> None:
        """The report that was made of `then` has been taken."""
        self._published = then


def _added(now: Counter[Modulation], last: Counter[Modulation]) -> dict[object, int]:
    return dict((now - last).items())
