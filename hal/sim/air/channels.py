"""Which receive channel of a board hears a signal, or why none does; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..values import ChainKind, IfChain
from .values import Transmission
from .verdict import Outcome

OFFSET_TOLERANCE = 0.25  # of the bandwidth, at under 3 dB loss (SX1302 data sheet, table 3-5)
BITRATE_TOLERANCE = 0.02


class Match(NamedTuple):
    """The channels that hear, or the reason that none does; `near`: a channel's band is touched."""

    chains: tuple[IfChain, ...]
    reason: Outcome | None
    near: bool


def match(chains: Sequence[IfChain], frame: Transmission, freq_hz: float) -> Match:
    """Channels of `chains` for a frame that really arrives at `freq_hz`.

    A pinned frame was received: polarity and sync word are those of the board that recorded it.
    """
    enabled = [chain for chain in chains if chain.enabled]
    near = any(abs(freq_hz - chain.freq_hz) < (frame.bw_hz + chain.bw_hz) / 2 for chain in enabled)
    tuned = [chain for chain in enabled if _tuned(chain, frame, freq_hz)]
    if not tuned:
        return Match((), Outcome.OFF_CHANNEL, near)
    hearing = [c for c in tuned if c.kind is ChainKind.FSK or frame.sf in c.sfs]
    if not hearing:
        return Match((), Outcome.SF_NOT_ENABLED, near)
    if frame.pinned is None and frame.sf is not None:
        if frame.invert:
            return Match((), Outcome.INVERTED_IQ, near)
        hearing = [chain for chain in hearing if chain.public == frame.public]
        if not hearing:
            return Match((), Outcome.WRONG_SYNC_WORD, near)
    return Match(tuple(hearing), None, near)


def _tuned(chain: IfChain, frame: Transmission, freq_hz: float) -> bool:
    offset_hz = abs(freq_hz - chain.freq_hz)
    if chain.kind is ChainKind.FSK:
        return (
            frame.sf is None
            and frame.bitrate_bps is not None
            and chain.bitrate_bps is not None
            and abs(frame.bitrate_bps - chain.bitrate_bps) <= BITRATE_TOLERANCE * frame.bitrate_bps
            and offset_hz <= OFFSET_TOLERANCE * chain.bw_hz
        )
    return (
        frame.sf is not None
        and chain.bw_hz == frame.bw_hz
        and offset_hz <= OFFSET_TOLERANCE * frame.bw_hz
    )
