"""The channels that a concentrator must have to hear a recording. Pure.

A board has two radios, each wide enough for channels 1.475 MHz apart, eight LoRa channels of
125 kHz that hear every spreading factor, one LoRa channel for one rate, and one for FSK.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hal.config import (
    RADIO_HALF_SPAN_HZ,
    ConcentratorConfig,
    FskChannel,
    LoraStdChannel,
    MultiSfChannel,
    RadioConfig,
)
from hal.modulation import Fsk, LoRa

from ..errors import ConfigError

Channel = tuple[int, LoRa | Fsk]  # hertz, and what is heard there
MULTI_SF_HZ = 125_000


def plan(channels: Iterable[Channel]) -> ConcentratorConfig:
    """One board that hears all `channels`. Raises ConfigError, naming them, when none can."""
    heard = set(channels)
    lora = {(hz, kind) for hz, kind in heard if isinstance(kind, LoRa)}
    multi = sorted({hz for hz, kind in lora if kind.bw_hz == MULTI_SF_HZ})
    std = sorted({(hz, kind.bw_hz, kind.sf) for hz, kind in lora if kind.bw_hz != MULTI_SF_HZ})
    fsk = sorted({(hz, kind.bitrate_bps) for hz, kind in heard if isinstance(kind, Fsk)})
    _at_most(8, "LoRa channels of 125 kHz", multi)
    _at_most(1, "LoRa channel of 250 or 500 kHz", std)
    _at_most(1, "FSK channel", fsk)
    spans = [(hz, MULTI_SF_HZ) for hz in [*multi, *(hz for hz, _ in fsk)]]
    radios = _Radios(spans + [(hz, bw_hz) for hz, bw_hz, _ in std])
    chains = [MultiSfChannel(True, *radios.tune(hz)) for hz in multi]
    return ConcentratorConfig(
        radios.configs(),
        (*chains, *[MultiSfChannel()] * (8 - len(chains))),
        lora_std=next(
            (LoraStdChannel(True, *radios.tune(hz), bw_hz, sf) for hz, bw_hz, sf in std),
            LoraStdChannel(),
        ),
        fsk=next(
            (FskChannel(True, *radios.tune(hz), bitrate_bps=rate) for hz, rate in fsk),
            FskChannel(),
        ),
    )


def _at_most(count: int, what: str, found: Sequence[object]) -> None:
    if len(found) > count:
        raise ConfigError(f"a board has {count} {what}; the recording needs {len(found)}: {found}")


class _Radios:
    """One or two radios that together cover all spans (centre, width), in hertz."""

    def __init__(self, spans: list[tuple[int, int]]) -> None:
        self._centres: list[int] = []
        rest = sorted(spans)
        while rest:
            low = rest[0][0] - rest[0][1] // 2
            inside = [s for s in rest if s[0] + s[1] // 2 <= low + 2 * RADIO_HALF_SPAN_HZ]
            high = max(hz + width // 2 for hz, width in inside)
            self._centres.append((low + high) // 2)
            rest = rest[len(inside) :]
        if not 1 <= len(self._centres) <= 2:
            listed = ", ".join(f"{hz / 1e6:.3f}" for hz, _ in sorted(spans)) or "no channel at all"
            raise ConfigError(f"a board's two radios cannot hear {listed} MHz at once")

    def tune(self, hz: int) -> tuple[int, int]:
        """The nearest radio and the intermediate frequency on it."""
        radio = min(range(len(self._centres)), key=lambda n: abs(self._centres[n] - hz))
        return radio, hz - self._centres[radio]

    def configs(self) -> tuple[RadioConfig, RadioConfig]:
        used = [RadioConfig(enable=True, freq_hz=hz) for hz in self._centres]
        return used[0], used[1] if len(used) == 2 else RadioConfig()
