"""The radios by their numbers, and what to call them."""

from __future__ import annotations

from ..transport.base import Target

RADIOS = (Target.RADIO_A, Target.RADIO_B)
NAMES = {Target.RADIO_A: "radio A", Target.RADIO_B: "radio B", Target.SX1261: "the SX1261"}
CAUSES = (
    "the radio has no power or is not fitted",
    "another kind of radio is fitted than configured",
)
