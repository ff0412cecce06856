"""The chip's demodulators and who has them: 16 for 125 kHz, one LoRa service modem, one FSK.

Eight of the sixteen can do every spreading factor, eight only SF5 to SF10 (SX1302 data sheet). The
arbiter gives a frame that both could take to a limited one, so that the full ones stay free. With
precision timestamps a frame takes two ("dual demodulation").
"""

from __future__ import annotations

from collections.abc import Iterable

from ..values import ChainKind

FULL = range(8)
LIMITED = range(8, 16)
SERVICE_MODEM, FSK_MODEM = 16, 17
LIMITED_MAX_SF = 10


class Demodulators:
    """Which modem works on what; `busy` maps its number to a frame's title."""

    def __init__(self, *, limited: bool = True) -> None:
        self._limited = limited
        self.busy: dict[int, str] = {}
        self.most = 0

    @staticmethod
    def able(kind: ChainKind, sf: int | None) -> list[int]:
        """The modems that can take such a frame, best choice first."""
        if kind is ChainKind.LORA_STD:
            return [SERVICE_MODEM]
        if kind is ChainKind.FSK or sf is None:
            return [FSK_MODEM]
        return [*FULL] if sf > LIMITED_MAX_SF else [*LIMITED, *FULL]

    def take(self, title: str, kind: ChainKind, sf: int | None, count: int = 1) -> tuple[int, ...]:
        """`count` free modems (one for the service and FSK channels), or none at all."""
        able = self.able(kind, sf)
        wanted = min(count, len(able))
        if not self._limited:
            return tuple(able[:wanted])
        free = [modem for modem in able if modem not in self.busy][:wanted]
        if len(free) < wanted:
            return ()
        for modem in free:
            self.busy[modem] = title
        self.most = max(self.most, len(self.busy))
        return tuple(free)

    def free(self, modems: Iterable[int]) -> None:
        for modem in modems:
            self.busy.pop(modem, None)

    def holders(self, kind: ChainKind, sf: int | None) -> tuple[str, ...]:
        """The titles of the frames that have the modems which could take such a frame."""
        return tuple(self.busy[modem] for modem in self.able(kind, sf) if modem in self.busy)
