"""An old channel plan against a region's: what has to be written, and where the radios go. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ...errors import ConfigError
from ..layers import Table
from ..regions import FskChannel, Plan, ServiceChannel
from .draft import Channels, Draft

HALF_SPAN_HZ = 800_000
MULTI_SF_BW_HZ = 125_000


def nearest_plan(channels: Channels, plans: Iterable[tuple[str, Plan]]) -> tuple[str, int]:
    """The name of the plan that has most of the channels, and how many it has."""
    wanted = set(channels.multi_sf_hz)
    return max(
        ((name, len(wanted & set(plan.multi_sf_hz))) for name, plan in plans),
        key=lambda found: found[1],
    )


def put_channels(channels: Channels, plan: Plan, draft: Draft) -> None:
    """Write what differs from the region's plan. Raises ConfigError for what two radios miss."""
    if set(channels.multi_sf_hz) != set(plan.multi_sf_hz):
        draft.put("multi_sf", [{"freq_hz": hz} for hz in channels.multi_sf_hz])
    _service("lora_std", channels.lora_std, plan.lora_std, draft)
    _service("fsk", channels.fsk, plan.fsk, draft)
    spans = sorted(_spans(channels))
    centres = [hz for hz in (plan.radio_0_hz, plan.radio_1_hz) if hz]
    if all(any(_reaches(hz, span) for hz in centres) for span in spans):
        return
    for index, hz in enumerate(_centres(spans, channels.place)):
        draft.put(f"radio_{index}.freq_hz", hz)


def _service(
    name: str, old: Table | None, plan: ServiceChannel | FskChannel | None, draft: Draft
) -> None:
    if old is None:
        if plan is not None:
            draft.put(f"{name}.enable", False)
        return
    usual = {field: getattr(plan, field, None) for field in old} if plan else {}
    if usual != old:
        for field, value in old.items():
            draft.put(f"{name}.{field}", value)


def _spans(channels: Channels) -> Iterable[tuple[int, int]]:
    """Lowest and highest hertz of each channel."""
    for hz in channels.multi_sf_hz:
        yield hz - MULTI_SF_BW_HZ // 2, hz + MULTI_SF_BW_HZ // 2
    for service in (channels.lora_std, channels.fsk):
        if service:
            hz, half = int(str(service["freq_hz"])), int(str(service["bw_hz"])) // 2
            yield hz - half, hz + half


def _reaches(centre_hz: int, span: tuple[int, int]) -> bool:
    return span[0] >= centre_hz - HALF_SPAN_HZ and span[1] <= centre_hz + HALF_SPAN_HZ


def _centres(spans: list[tuple[int, int]], place: str) -> list[int]:
    """Where one or two radios stand that reach all of `spans`, which are sorted."""
    groups: list[list[tuple[int, int]]] = []
    for span in spans:
        if groups and span[1] - groups[-1][0][0] <= 2 * HALF_SPAN_HZ:
            groups[-1].append(span)
        else:
            groups.append([span])
    if len(groups) > 2:
        raise ConfigError(
            f"{place}: these channels need {len(groups)} radios of 1.6 MHz; a board has two"
        )
    return [(group[0][0] + max(high for _, high in group)) // 2 for group in groups]
