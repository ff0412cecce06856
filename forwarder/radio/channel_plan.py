"""A channel plan that a server pushes, put on this board's radios; or words for why it cannot be.

Pure. Only channels change, and the radios' centres where they must: power, gains, region and all
else are the owner's. Source of the rules: mqtt-backends.md 5.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hal.config import (
    MULTI_SF_CHANNELS,
    RADIO_HALF_SPAN_HZ,
    ConcentratorConfig,
    FskChannel,
    LoraStdChannel,
    MultiSfChannel,
)

if TYPE_CHECKING:
    from ..links.mqtt.dialect import ChannelPlanPushed

MULTI_SF_BW_HZ = 125_000
FARTHEST_HZ = 45_000_000  # from the running plan: beyond it is another band than the board's


class UnfitPlan(ValueError):
    """Why the plan cannot run here."""


@dataclass(frozen=True, slots=True)
class _Span:
    """What one channel occupies."""

    freq_hz: int
    bw_hz: int

    def fits(self, centre_hz: int) -> bool:
        return abs(self.freq_hz - centre_hz) + self.bw_hz // 2 <= RADIO_HALF_SPAN_HZ


def planned(running: ConcentratorConfig, plan: ChannelPlanPushed) -> ConcentratorConfig:
    """`running` with the channels of `plan`, or as it is if it has just these. Raises UnfitPlan.

    Radios stay where they are if every channel is within reach of one.
    """
    if plan.fault:
        raise UnfitPlan(plan.fault)
    if _same(running, plan):
        return running
    if running.sx1261 is not None and running.sx1261.lbt_enable:
        raise UnfitPlan("this gateway listens before it talks, on channels of its own plan")
    spans = _spans(running, plan)
    centres = _centres(running, spans)
    low, high = (
        replace(radio, freq_hz=centres.get(index, radio.freq_hz))
        for index, radio in enumerate(running.radios)
    )
    made = replace(
        running,
        radios=(low, high),
        multi_sf=_multi_sf(plan, centres),
        lora_std=_lora_std(running.lora_std, plan, centres),
        fsk=_fsk(running.fsk, plan, centres),
    )
    faults = made.validate()
    if faults:
        raise UnfitPlan("; ".join(faults))
    return made


def _same(running: ConcentratorConfig, plan: ChannelPlanPushed) -> bool:
    def at(radio: int, if_hz: int) -> int:
        return running.radios[radio].freq_hz + if_hz

    std, fsk = running.lora_std, running.fsk
    multi_hz = {at(one.radio, one.if_hz) for one in running.multi_sf if one.enable}
    service = (at(std.radio, std.if_hz), std.bw_hz, std.sf) if std.enable else None
    narrow = (at(fsk.radio, fsk.if_hz), fsk.bitrate_bps) if fsk.enable else None
    wanted = (plan.fsk[0], plan.fsk[2]) if plan.fsk else None
    return (multi_hz, service, narrow) == (set(plan.multi_sf_hz), plan.lora_std, wanted)


def _spans(running: ConcentratorConfig, plan: ChannelPlanPushed) -> list[_Span]:
    spans = [_Span(freq_hz, MULTI_SF_BW_HZ) for freq_hz in plan.multi_sf_hz]
    if plan.lora_std is not None:
        spans.append(_Span(plan.lora_std[0], plan.lora_std[1]))
    if plan.fsk is not None:
        spans.append(_Span(plan.fsk[0], plan.fsk[1] or running.fsk.bw_hz))
    return spans


def _centres(running: ConcentratorConfig, spans: Sequence[_Span]) -> dict[int, int]:
    """Where each enabled radio stands for these channels."""
    stand = {index: one.freq_hz for index, one in enumerate(running.radios) if one.enable}
    if all(any(span.fits(centre) for centre in stand.values()) for span in spans):
        return stand
    for span in spans:
        if all(abs(span.freq_hz - centre) > FARTHEST_HZ for centre in stand.values()):
            raise UnfitPlan(f"{span.freq_hz} Hz is in another band than this board's plan")
    found = _best_split(spans, len(stand))
    if found is None:
        most = 2 * RADIO_HALF_SPAN_HZ // 1000
        raise UnfitPlan(f"its channels do not fit into {len(stand)} radios of {most} kHz each")
    by_frequency = sorted(stand, key=lambda index: stand[index])
    return stand | dict(zip(by_frequency, found, strict=False))


def _best_split(spans: Sequence[_Span], radios: int) -> list[int] | None:
    """Centres for the lower and the upper channels, or for all of them; the tightest that fits."""
    ranked = sorted(spans, key=lambda span: span.freq_hz)
    best: tuple[int, list[int]] | None = None
    for at in range(1, len(ranked) + 1) if radios > 1 else (len(ranked),):
        groups = [group for group in (ranked[:at], ranked[at:]) if group]
        edges = [_edges(group) for group in groups]
        widest = max(high - low for low, high in edges)
        centres = [(low + high) // 2 for low, high in edges]
        if widest <= 2 * RADIO_HALF_SPAN_HZ and (best is None or widest < best[0]):
            best = (widest, centres)
    return best[1] if best else None


def _edges(spans: Sequence[_Span]) -> tuple[int, int]:
    low = min(span.freq_hz - span.bw_hz // 2 for span in spans)
    return low, max(span.freq_hz + span.bw_hz // 2 for span in spans)


def _where(freq_hz: int, centres: dict[int, int]) -> tuple[int, int]:
    """The nearest radio, and the offset from it."""
    radio = min(centres, key=lambda index: abs(freq_hz - centres[index]))
    return radio, freq_hz - centres[radio]


def _multi_sf(plan: ChannelPlanPushed, centres: dict[int, int]) -> tuple[MultiSfChannel, ...]:
    used = [MultiSfChannel(True, *_where(freq_hz, centres)) for freq_hz in plan.multi_sf_hz]
    return (*used, *[MultiSfChannel()] * (MULTI_SF_CHANNELS - len(used)))


def _lora_std(
    running: LoraStdChannel, plan: ChannelPlanPushed, centres: dict[int, int]
) -> LoraStdChannel:
    if plan.lora_std is None:
        return replace(running, enable=False)
    freq_hz, bw_hz, sf = plan.lora_std
    radio, if_hz = _where(freq_hz, centres)
    return replace(running, enable=True, radio=radio, if_hz=if_hz, bw_hz=bw_hz, sf=sf)


def _fsk(running: FskChannel, plan: ChannelPlanPushed, centres: dict[int, int]) -> FskChannel:
    if plan.fsk is None:
        return replace(running, enable=False)
    freq_hz, bw_hz, bitrate_bps = plan.fsk
    radio, if_hz = _where(freq_hz, centres)
    changes = replace(running, enable=True, radio=radio, if_hz=if_hz, bitrate_bps=bitrate_bps)
    return replace(changes, bw_hz=bw_hz or running.bw_hz)
