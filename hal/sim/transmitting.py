"""The control port's `transmit` and `interfere`: a frame, or noise, on the air above one board.

The air decides by its rules (collisions, half duplex, demodulators, sensitivity); the levels that
the client asked for are what the chip then reports. No path loss: power is power at the connector.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .air.air import Air
from .air.propagation import channel_rssi_dbm, gateway_snr_db, signal_dbm
from .air.rules import PathLoss, Rules
from .air.values import Interferer, Transmission
from .air.verdict import Outcome, Report, Verdict, sentence
from .board import SimBoard
from .control import Answer
from .control_fields import Fields, RequestError
from .values import HeardFrame

_BOARD = "board"
_SAME_END_NS = 10_000


@dataclass(frozen=True, slots=True)
class _Levels:
    end_ns: int
    sf: int | None
    size: int
    rssi_dbm: float
    snr_db: float


class _Front:
    """The board as the air sees it, with the levels of `transmit` put back."""

    def __init__(self, board: SimBoard, asked: list[_Levels]) -> None:
        self.on_transmit = board.on_transmit
        self.on_abort = board.on_abort
        self.advance_hooks = board.advance_hooks
        self.chains = board.chains
        self.dual_sfs = board.dual_sfs
        self.count_detection = board.count_detection
        self.count_allocation = board.count_allocation
        self.hear_with = board.hear_with
        self.on_reset = board.on_reset
        self._board = board
        self._asked = asked

    def store_record(self, frame: HeardFrame) -> bool:
        for levels in self._asked:
            near = abs(levels.end_ns - frame.end_ns) <= _SAME_END_NS
            if near and levels.sf == frame.sf and levels.size == len(frame.payload):
                frame = replace(
                    frame,
                    rssi_channel_dbm=levels.rssi_dbm,
                    rssi_signal_dbm=signal_dbm(levels.rssi_dbm, levels.snr_db),
                    snr_db=levels.snr_db,
                )
                break
        return self._board.store_record(frame)


class Transmitter:
    """One air over one board. Its `transmit` is what `Control` calls."""

    def __init__(self, board: SimBoard, seed: int = 0) -> None:
        self._board = board
        self._asked: list[_Levels] = []
        self._rules = replace(Rules.default().quiet(), path_loss=PathLoss(0.0, 0.0), jitter_ns=0)
        self._air = Air(seed, rules=self._rules)
        self._air.attach(_Front(board, self._asked), name=_BOARD)

    def next_event_ns(self) -> int | None:
        return self._air.next_event_ns()

    def transmit(self, fields: Fields, answer: Answer) -> None:
        """Put a frame on the air now; `answer` gets the verdict at its end."""
        frame, levels = self._frame(fields)
        self._asked.append(levels)

        def done(report: Report) -> None:
            self._asked.remove(levels)
            answer({"ok": True, **_verdict(report)})

        self._air.transmit(frame, done)
        self._board.advance()

    def interfere(self, fields: Fields) -> dict[str, object]:
        """Noise on a frequency from now on, for a while: to be listened to, scanned, suffered."""
        now_ns = self._board.agenda.now_ns
        interferer = Interferer(
            freq_hz=fields.number("freq_hz", 1e8, 1e9),
            power_dbm=fields.number("dbm", -150.0, 30.0),
            from_ns=now_ns,
            to_ns=now_ns + round(fields.number("seconds", 0.001, 86_400.0, 60.0) * 1e9),
            bw_hz=fields.integer("bw_hz", 1_000, 10_000_000, 125_000),
            duty=fields.number("duty", 0.001, 1.0, 1.0),
        )
        self._air.add_interferer(interferer)
        return {"until_ns": interferer.to_ns}

    def _frame(self, fields: Fields) -> tuple[Transmission, _Levels]:
        sf = fields.optional_integer("sf", 5, 12)
        bitrate_bps = fields.optional_integer("bitrate", 500, 250_000)
        if (sf is None) == (bitrate_bps is None):
            raise RequestError("sf (5 to 12) or, for FSK, bitrate (500 to 250000) expected")
        bw_hz = fields.integer("bw_hz", 125_000, 500_000, 125_000)
        if bw_hz not in (125_000, 250_000, 500_000):
            raise RequestError(f"bw_hz is {bw_hz}; 125000, 250000 or 500000 expected")
        signal, rssi, snr = self._powers(fields, sf, bw_hz)
        frame = Transmission(
            who=fields.optional_text("who") or "control",
            payload=fields.hexadecimal("payload", 255),
            start_ns=self._board.agenda.now_ns,
            freq_hz=fields.number("freq_hz", 1e8, 1e9),
            sf=sf,
            bw_hz=bw_hz,
            coding_rate=fields.integer("cr", 1, 4, 1),
            power_dbm=signal,
            crc=fields.flag("crc", True),
            invert=fields.flag("invert", False),
            public=fields.flag("public", True),
            bitrate_bps=bitrate_bps,
        )
        return frame, _Levels(frame.end_ns, sf, len(frame.payload), rssi, snr)

    def _powers(self, fields: Fields, sf: int | None, bw_hz: int) -> tuple[float, float, float]:
        """Signal as the air judges it, and RSSI and SNR as the chip is to report them.

        An SNR below what the RSSI would give means more noise; the air sees a weaker signal.
        """
        rssi = fields.number("rssi_dbm", -200.0, 30.0, -80.0)
        natural = gateway_snr_db(self._rules, rssi, sf, bw_hz)
        if "snr_db" not in fields.names():
            return rssi, channel_rssi_dbm(rssi, natural), min(natural, 14.0)
        snr = fields.number("snr_db", -60.0, 60.0)
        signal = signal_dbm(rssi, snr)
        missing = max(0.0, gateway_snr_db(self._rules, signal, sf, bw_hz) - snr)
        return (signal - missing if snr < 0 else signal), rssi, snr


def _verdict(report: Report) -> dict[str, object]:
    """The verdict that counts: a stored one if there is any."""
    heard = sorted(report.verdicts, key=lambda verdict: not verdict.outcome.stored)
    if not heard:
        return {"verdict": Outcome.BELOW_SENSITIVITY.value, "received": False}
    best: Verdict = heard[0]
    return {
        "verdict": best.outcome.value,
        "received": best.outcome.stored,
        "channel": best.chan,
        "explain": sentence(best),
    }
