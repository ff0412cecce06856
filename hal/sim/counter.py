"""The 32 MHz counter and its capture at every PPS edge (sx1302-chip.md section 10.1).

Ticks here are unwrapped and of unlimited size; the registers show their low 32 bits. The crystal
may be wrong by `xtal_ppm`; PPS edges come from outside and are right.
"""

from __future__ import annotations

from .agenda import Agenda
from .faults import Faults
from .map import GPS_CONTROL, TIMESTAMPS
from .registers import RegisterFile

TICKS_PER_US = 32
PPS_PHASE_TICKS = 12345  # first edge after a reset, so that edges are not at round counter values
_SECOND_NS = 1_000_000_000
_DENOMINATOR = 10**12  # ticks a nanosecond are 32 * (1e9 + ppb) / 1e12


class Counter:
    def __init__(
        self, registers: RegisterFile, agenda: Agenda, faults: Faults | None = None
    ) -> None:
        self._faults = faults or Faults()
        self._registers = registers
        self._agenda = agenda
        self._base_ticks = 0
        self._base_ns = 0
        self._rate = TICKS_PER_US * _SECOND_NS
        self._pps_anchor_ns = 0
        self._pps_since_ns = 0
        self._pps_held = 0
        self._followed_ns: int | None = None  # edges of a receiver, which no reset moves
        self.pps = True
        registers.on_read(range(TIMESTAMPS, TIMESTAMPS + 8), self._latch)
        registers.on_write(GPS_CONTROL, self._gps_written)

    def reset(self, ticks: int) -> None:
        """Start at `ticks` now, with PPS edges a fixed while after now, or a receiver's."""
        self.preset(ticks)
        self._pps_held = 0
        if self._followed_ns is None:
            self.set_pps_phase(PPS_PHASE_TICKS)
        else:
            self.set_pps_anchor(self._followed_ns)

    def preset(self, ticks: int) -> None:
        self._base_ticks, self._base_ns = ticks, self._agenda.now_ns

    def set_xtal_ppm(self, ppm: float) -> None:
        self.preset(self.ticks())
        self._rate = TICKS_PER_US * (_SECOND_NS + round(ppm * 1000))

    def ticks(self) -> int:
        """The counter now, unwrapped."""
        return self.ticks_at(self._agenda.now_ns)

    def ticks_at(self, when_ns: int) -> int:
        return self._base_ticks + (when_ns - self._base_ns) * self._rate // _DENOMINATOR

    def ns_at(self, ticks: int) -> int:
        """The first nanosecond at which the counter has reached `ticks`."""
        return self._base_ns - (self._base_ticks - ticks) * _DENOMINATOR // self._rate

    # PPS.

    def set_pps_phase(self, phase_ticks: int) -> None:
        """Edges at `phase_ticks` (of an exact 32 MHz) after now, and every second from then on."""
        self.set_pps_anchor(self._agenda.now_ns + -(-phase_ticks * 125 // 4))

    def set_pps_anchor(self, anchor_ns: int) -> None:
        """Edges whole seconds from the instant `anchor_ns` of the board's clock."""
        self._pps_anchor_ns, self._pps_since_ns = anchor_ns, self._agenda.now_ns

    def follow(self, anchor_ns: int) -> None:
        """Edges come from a receiver, whole seconds from `anchor_ns`, also after a reset."""
        self._followed_ns = anchor_ns
        self.set_pps_anchor(anchor_ns)

    def set_pps(self, on: bool) -> None:
        self._pps_held = self.pps_ticks()
        self.pps, self._pps_since_ns = on, self._agenda.now_ns

    def next_pps_ns(self) -> int | None:
        """The next edge, or None while there are none."""
        if not self._capturing():
            return None
        return self._last_edge_ns() + _SECOND_NS

    def pps_ticks(self) -> int:
        """The counter as it was captured at the last edge; 0 before the first."""
        if self._capturing() and (edge_ns := self._last_edge_ns()) > self._pps_since_ns:
            self._pps_held = self.ticks_at(edge_ns)
        return self._pps_held

    def _last_edge_ns(self) -> int:
        now_ns = self._agenda.now_ns
        return now_ns - (now_ns - self._pps_anchor_ns) % _SECOND_NS

    def _capturing(self) -> bool:
        return self.pps and bool(self._registers.peek(GPS_CONTROL) & 1)

    def _gps_written(self, old: int, new: int) -> None:
        if new & ~old & 1:
            self._pps_since_ns = self._agenda.now_ns

    def _latch(self) -> None:
        if self._faults.counter_stands:
            return
        self._registers.poke(TIMESTAMPS, self.pps_ticks() & 0xFFFFFFFF, 4)
        self._registers.poke(TIMESTAMPS + 4, self.ticks() & 0xFFFFFFFF, 4)
