"""The demo's events as a person reads them: one aligned line each. Values and text; pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hal.sim.air.verdict import Report, sentence

from ..packets import Accepted, Answer, Refused
from .device_events import Acked, Downlinked, Event, Ignored, Joined, JoinMissed, Unacked
from .device_spec import PayloadKind, decode_reading
from .server_events import (
    DataHeard,
    DownlinkAnswered,
    JoinHeard,
    JoinRefused,
    Radio,
    ServerEvent,
    Unknown,
)

LEGEND = (
    "up    a frame that a device sent, as the network server got it",
    "down  a frame for a device; margin is how early the server was",
    "dev   what a device noticed",
    "lost  a frame that no gateway could receive, and why",
)
COLOURS = {"edge": "33", "up": "32", "down": "36", "dev": "34", "lost": "31", "info": "2"}
DEVICE_WIDTH = 11
WHAT_WIDTH = 22


@dataclass(frozen=True, slots=True)
class Line:
    """One event. `kind` is up, down, dev, lost, info or edge; `facts` is what `--json` adds."""

    kind: str
    device: str
    what: str
    detail: str = ""
    facts: dict[str, object] = field(default_factory=dict)


def text(line: Line, at_s: float, *, colour: bool = False) -> str:
    """The line for a terminal."""
    plain = (
        f"{at_s:7.1f} s  {line.kind:<4}  {line.device:<{DEVICE_WIDTH}}  "
        f"{line.what:<{WHAT_WIDTH}}  {line.detail}"
    ).rstrip()
    if not colour or line.kind not in COLOURS:
        return plain
    return f"\x1b[{COLOURS[line.kind]}m{plain}\x1b[0m"


def json_object(line: Line, at_s: float) -> dict[str, object]:
    return {
        "at_s": round(at_s, 3),
        "kind": line.kind,
        "device": line.device,
        "what": line.what,
        "detail": line.detail,
        **line.facts,
    }


class Narrator:
    """Turns events into lines and keeps the counts for the summary.

    Without a server of our own, uplinks are told as the air saw them and downlinks as the
    forwarder's scheduler answered them.
    """

    def __init__(self, payloads: dict[str, PayloadKind], *, own_server: bool = True) -> None:
        self._payloads = payloads
        self._own_server = own_server
        self._answers: dict[int, Answer] = {}
        self.counts: Counter[str] = Counter()
        self.lost_why: Counter[str] = Counter()
        self.margins_ms: list[float] = []

    # What the network server tells.

    def server(self, event: ServerEvent) -> list[Line]:
        match event:
            case JoinHeard():
                self.counts["join requests"] += 1
                what = f"join request {event.dev_nonce}"
                return [self._up(event.device, what, event.radio, ""), *self._ghosts(event)]
            case JoinRefused():
                self.counts["joins refused"] += 1
                return [self._up(f"{event.dev_eui:016x}", "join refused", event.radio, event.why)]
            case DataHeard():
                return [*self._data(event), *self._ghosts(event)]
            case DownlinkAnswered():
                return [self._answered(event)]
            case Unknown():
                self.counts["foreign frames"] += 1
                return [self._up("?", "not ours", event.radio, event.why)]
            case _:
                return []

    def _up(self, device: str, what: str, radio: Radio, detail: str) -> Line:
        rate = f"SF{radio.sf}" if radio.sf else "FSK"
        heard = (
            f"{rate:<4} {radio.freq_hz / 1e6:.3f} MHz  {radio.rssi_dbm:4.0f} dBm  "
            f"SNR {radio.snr_db:5.1f} dB"
        )
        facts: dict[str, object] = {
            "freq_hz": radio.freq_hz,
            "sf": radio.sf,
            "rssi_dbm": radio.rssi_dbm,
            "snr_db": radio.snr_db,
        }
        return Line("up", device, what, f"{heard}  {detail}".rstrip(), facts)

    def _data(self, event: DataHeard) -> list[Line]:
        self.counts["uplinks repeated" if event.repeat else "uplinks"] += 1
        what = f"{'confirmed ' if event.confirmed else ''}data {event.fcnt}"
        if event.repeat:
            what += " again"
        told = self._payload(event)
        if event.commands:
            told = f"{told}  {'; '.join(event.commands)}".strip()
        if event.missed:
            told = f"{told}  ({event.missed} missed before)".strip()
        line = self._up(event.device, what, event.radio, told)
        line.facts.update(fcnt=event.fcnt, payload=event.payload.hex(), missed=event.missed)
        return [line]

    def _payload(self, event: DataHeard) -> str:
        if event.fport is None:
            return "no payload"
        if event.sealed:
            return f"ciphertext {event.payload.hex()}"
        if self._payloads.get(event.device) is PayloadKind.TEMPERATURE:
            reading = decode_reading(event.payload)
            if reading is not None:
                return f"{reading[0]:.2f} °C  {reading[1]:.0f} %  {reading[2]:.2f} V"
        if self._payloads.get(event.device) is PayloadKind.COUNTER:
            return f"reading {int.from_bytes(event.payload, 'big')}"
        return event.payload.hex()

    def _ghosts(self, event: JoinHeard | DataHeard) -> list[Line]:
        ghosts = event.radio.ghosts
        if not ghosts:
            return []
        self.counts["ghosts"] += ghosts
        what = f"{ghosts} ghost{'s' if ghosts > 1 else ''} dropped"
        why = "so near that it was heard on other channels too"
        return [Line("info", event.device, what, why, {"ghosts": ghosts})]

    # What the forwarder answered, and the server was told.

    def answer(self, token: int, answer: Answer) -> list[Line]:
        """The scheduler's answer, before the server hears of it."""
        if not self._own_server:
            return [self._foreign(answer)]
        self._answers[token] = answer
        while len(self._answers) > 64:
            del self._answers[next(iter(self._answers))]
        return []

    def _foreign(self, answer: Answer) -> Line:
        if isinstance(answer, Refused):
            self.counts["downlinks refused"] += 1
            why = answer.detail or answer.reason.value
            return Line("down", "server", "downlink", f"refused: {why}")
        self.counts["downlinks"] += 1
        when, facts = self._margin(answer)
        return Line("down", "server", "downlink", f"{answer.power_dbm:.0f} dBm  {when}", facts)

    def _margin(self, answer: Accepted) -> tuple[str, dict[str, object]]:
        """How early the server was, for a person and for a program; counted for the summary."""
        if answer.margin_us is None:
            return "at once", {}
        margin_ms = answer.margin_us / 1000
        self.margins_ms.append(margin_ms)
        return f"margin {margin_ms:.0f} ms", {"margin_ms": round(margin_ms, 1)}

    def _answered(self, event: DownlinkAnswered) -> Line:
        answer = self._answers.pop(event.token, None)
        if event.error is not None:
            self.counts["downlinks refused"] += 1
            why = event.error
            if isinstance(answer, Refused):
                why = answer.detail or answer.reason.value
            return Line("down", event.device, event.kind, f"refused for RX{event.window}: {why}")
        self.counts["downlinks"] += 1
        detail = f"RX{event.window}"
        facts: dict[str, object] = {"window": event.window}
        if isinstance(answer, Accepted):
            when, margin = self._margin(answer)
            detail += f"  {answer.power_dbm:.0f} dBm  {when}"
            facts |= margin
        return Line("down", event.device, event.kind, detail, facts)

    # What devices notice.

    def device(self, name: str, event: Event) -> list[Line]:
        match event:
            case Joined():
                self.counts["joins"] += 1
                tries = f"{event.tries} {'try' if event.tries == 1 else 'tries'}"
                detail = f"DevAddr {event.dev_addr:08x} after {event.took_s:.1f} s, {tries}"
                return [Line("dev", name, "joined", detail)]
            case JoinMissed():
                self.counts["joins missed"] += 1
                return [Line("dev", name, "no join-accept heard", f"try {event.tries}")]
            case Acked():
                self.counts["acknowledged"] += 1
                return [Line("dev", name, f"data {event.fcnt} acknowledged", _tries(event.tries))]
            case Unacked():
                self.counts["never acknowledged"] += 1
                return [Line("dev", name, f"data {event.fcnt} given up", _tries(event.tries))]
            case Downlinked() if event.payload and event.fport:
                detail = f'RX{event.window}  SNR {event.snr_db:.1f} dB  "{_ascii(event.payload)}"'
                return [Line("dev", name, "message received", detail)]
            case Ignored():
                return [Line("dev", name, "ignored a frame", event.why)]
            case _:
                return []

    # What the air did.

    def sent(self, name: str, label: str, report: Report) -> list[Line]:
        """A transmission that ended; only a loss is worth a line."""
        self.counts["frames sent"] += 1
        if any(verdict.outcome.stored for verdict in report.verdicts):
            if not any(verdict.outcome.name == "RECEIVED" for verdict in report.verdicts):
                self.counts["bad CRC"] += 1
                self.lost_why["received with a bad CRC"] += 1
                return [Line("lost", name, label, sentence(report.verdicts[0]))]
            self.counts["frames received"] += 1
            return [] if self._own_server else [self._received(name, label, report)]
        verdict = next(iter(report.verdicts), None)
        why = sentence(verdict).removeprefix("lost: ") if verdict else "out of reach"
        self.lost_why[verdict.outcome.value if verdict else "out of reach"] += 1
        return [Line("lost", name, label, why)]

    def _received(self, name: str, label: str, report: Report) -> Line:
        best = max(report.verdicts, key=lambda verdict: verdict.power_dbm)
        self.counts["join requests" if label.startswith("join") else "uplinks"] += 1
        self.counts["ghosts"] += sum(verdict.ghost for verdict in report.verdicts)
        frame = report.frame
        radio = Radio(round(frame.freq_hz), frame.sf, frame.bw_hz, best.power_dbm, best.snr_db)
        return self._up(name, label, radio, "")

    def summary(self, seconds: float) -> dict[str, object]:
        """What it all came to."""
        sent, received = self.counts["frames sent"], self.counts["frames received"]
        facts: dict[str, object] = {
            "seconds": round(seconds, 1),
            "frames_sent": sent,
            "frames_received": received,
            "frames_lost": sent - received,
            "lost_why": dict(self.lost_why),
            "uplinks": self.counts["uplinks"],
            "uplinks_repeated": self.counts["uplinks repeated"],
            "ghosts_dropped": self.counts["ghosts"],
            "join_requests": self.counts["join requests"],
            "joins": self.counts["joins"],
            "acknowledged": self.counts["acknowledged"],
            "never_acknowledged": self.counts["never acknowledged"],
            "downlinks_sent": self.counts["downlinks"],
            "downlinks_refused": self.counts["downlinks refused"],
        }
        if self.margins_ms:
            ordered = sorted(self.margins_ms)
            facts["margin_ms_least"] = round(ordered[0], 1)
            facts["margin_ms_median"] = round(ordered[len(ordered) // 2], 1)
        return facts


def summary_text(facts: dict[str, object]) -> list[str]:
    """The summary for a person."""
    why = facts["lost_why"]
    reasons = ", ".join(f"{n} {word}" for word, n in why.items()) if isinstance(why, dict) else ""
    lines = [
        "",
        f"summary after {facts['seconds']} s",
        f"  on the air   {facts['frames_sent']} frames sent, {facts['frames_received']} received, "
        f"{facts['frames_lost']} lost{f' ({reasons})' if reasons else ''}",
        f"  uplinks      {facts['uplinks']} data frames, {facts['uplinks_repeated']} repeated, "
        f"{facts['ghosts_dropped']} ghosts",
        f"  joins        {facts['joins']} of {facts['join_requests']} requests",
        f"  confirmed    {facts['acknowledged']} acknowledged, "
        f"{facts['never_acknowledged']} given up",
        f"  downlinks    {facts['downlinks_sent']} sent, {facts['downlinks_refused']} refused, "
        f"{facts.get('downlinks_lost', 0)} lost after that",
    ]
    if "margin_ms_least" in facts:
        lines[-1] += (
            f"; margin {facts['margin_ms_least']} ms at least, "
            f"{facts['margin_ms_median']} ms in the middle"
        )
    return lines


def _tries(tries: int) -> str:
    return "" if tries == 1 else f"after {tries} tries"


def _ascii(payload: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in payload)
