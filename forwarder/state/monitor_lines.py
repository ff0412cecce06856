"""The state of a gateway as lines for a terminal. Pure: state, size and time in, lines out.

What came from the air or from a server is shown without control characters: a name must not be able
to write to somebody's terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

State = Mapping[str, object]

STALE_S = 10  # a state that is older is not what goes on
BOLD, DIM, GREEN, YELLOW, RED = "1", "2", "32", "33", "31"
GOOD = frozenset(("up", "valid", "heard", "sent"))
BAD = frozenset(("down", "lost", "refused", "silent", "not valid", "no address"))


@dataclass(frozen=True, slots=True)
class Screen:
    """What there is room for; `now_ms` is milliseconds since 1970."""

    width: int
    height: int
    colour: bool
    now_ms: int


def lines(state: State, screen: Screen) -> list[str]:
    """As many lines as there is room for, none longer than the screen is wide."""
    top = [*_head(state, screen), *_links(state), *_air(state)]
    frames: list[Words] = [[], [("frames, newest first", DIM)], *_frames(state)]
    changes: list[Words] = [[], [("what changed, newest first", DIM)], *_changes(state)]
    room = max(screen.height - len(top), 0)
    below = min(len(changes), max(room // 3, room - len(frames)))
    shown = [*top, *frames[: room - below], *changes[:below]]
    return [_cut(words, screen) for words in shown[: screen.height]]


Words = list[tuple[str, str]]  # text and its colour, "" for none


def _head(state: State, screen: Screen) -> Iterator[Words]:
    radio = _table(state.get("radio"))
    age_s = (screen.now_ms - _at_ms(state)) / 1000
    place = " ".join(str(state.get(key)) for key in ("eui", "board", "region") if state.get(key))
    yield [(f"Edgemast {state.get('version')}", BOLD), (f"  {place}", ""),
           (f"  running {span(_number(state.get('uptime_s')))}", DIM)]  # fmt: skip
    if age_s > STALE_S:
        yield [(f"this was so {span(age_s)} ago: the gateway hangs, or the clocks differ", RED)]
    word = str(radio.get("state"))
    yield [("radio ", ""), (word, _colour(word)), (f"  {_facts(radio)}", "")]
    if trouble := radio.get("trouble"):
        yield [(f"  {trouble}", RED)]
    if recovery := _table(radio.get("recovery")):
        yield [
            (
                f"  recovered: {_counts(recovery)}; because of {_counts(radio.get('reasons'))}",
                YELLOW,
            )
        ]
    if silence := _table(state.get("downlinks")).get("silence"):
        yield [(f"  nothing is sent: {silence}", YELLOW)]
    yield from ([(f"  {warning}", YELLOW)] for warning in _list(state.get("warnings")))
    gps = _table(state.get("gps"))
    if gps.get("source"):
        known = (("position", "position_fix"), ("time", "time_fix"), ("PPS", "pps"))
        three = ", ".join(f"{word} {'yes' if gps.get(key) else 'no'}" for word, key in known)
        yield [
            ("GPS   ", ""),
            (three, ""),
            (f"  {'' if gps.get('valid') else gps.get('reason')}", YELLOW),
        ]
    if beacons := _table(state.get("beacons")):
        yield [(str(beacons.get("words")), "")]


def _facts(radio: State) -> str:
    temperature = radio.get("temperature_c")
    known = [str(radio.get("model") or "")]
    known += [f"{temperature:.0f} C"] if isinstance(temperature, int | float) else []
    total, good, bad, ghosts = (radio.get(f"rx_{key}") for key in ("total", "ok", "bad", "ghosts"))
    known += [f"received {total} ({good} ok, {bad} bad CRC, {ghosts} ghosts)"]
    known += [f"sent {radio.get('tx_ok')}"]
    return ", ".join(part for part in known if part)


def _links(state: State) -> Iterator[Words]:
    accounts = _table(_table(state.get("downlinks")).get("links"))
    for link in _rows(state.get("links")):
        account = _table(accounts.get(str(link.get("name"))))
        yield [("server ", ""), (f"{link.get('name')} ", BOLD),
               (str(link.get("state")), _colour(str(link.get("state")))),
               (f"  {_link_facts(link, account)}", "")]  # fmt: skip
        if trouble := link.get("trouble"):
            yield [(f"  {trouble}", YELLOW)]


def _link_facts(link: State, account: State) -> str:
    rtt, outage = _table(link.get("rtt_ms")), _table(link.get("outage"))
    usual = rtt.get("median", rtt.get("p50"))
    parts = [f"{link.get('forwarded')} up"]
    parts += (
        [f"{account['emitted']} of {account['requested']} down"] if account.get("requested") else []
    )
    parts += [f"refused {_counts(refused)}"] if (refused := _table(account.get("refused"))) else []
    parts += [f"{usual} ms"] if usual is not None else []
    parts += [f"{outage['waiting']} wait"] if outage.get("waiting") else []
    days = _table(link.get("certificate_days"))
    parts += [f"certificate {which} {left:.0f} days" for which, left in days.items()
              if isinstance(left, int | float)]  # fmt: skip
    return ", ".join(parts)


def _air(state: State) -> Iterator[Words]:
    used = [band for band in _rows(_table(state.get("downlinks")).get("bands"))
            if _number(band.get("load_tracked_us"))]  # fmt: skip
    for band in used:
        load, most = _number(band.get("load_tracked_us")), _number(band.get("load_max_us"))
        share = load / most if most else 0.0
        colour = RED if share > 0.9 else YELLOW if share > 0.6 else ""
        yield [(f"air    {band.get('name')}: ", ""), (f"{load / 36e6:.3f} %", colour),
               (f" of {most / 36e6:.4g} % in the last hour", "")]  # fmt: skip


def _frames(state: State) -> Iterator[Words]:
    rows = [frame for frame in _rows(state.get("frames")) if not frame.get("ghost")]
    if not rows:
        yield [("no frame yet", DIM)]
    for frame in rows:
        yield _frame(frame)


def _frame(frame: State) -> Words:
    way = "<-" if frame.get("way") == "up" else "->"
    who = str(frame.get("dev_addr") or frame.get("dev_eui") or "")
    rssi_dbm, snr_db = frame.get("rssi_dbm"), frame.get("snr_db")
    rest = (
        f"FCnt {frame['fcnt']}" if frame.get("fcnt") is not None else "",
        f"port {frame['fport']}" if frame.get("fport") is not None else "",
        f"{_number(rssi_dbm):.0f} dBm" if rssi_dbm is not None else "",
        f"{snr_db} dB" if snr_db is not None else "",
    )
    text = (
        f"{clock(_number(frame.get('at_ms')))} {way} {frame.get('type') or '':<19} {who:<16} "
        f"{_number(frame.get('freq_hz')) / 1e6:7.3f} {frame.get('rate') or '':<9} "
    )
    fate = str(frame.get("fate") or "")
    return [
        (text + " ".join(part for part in rest if part) + " ", ""),
        ("damaged " if frame.get("crc") == "bad" else "", YELLOW),
        (fate, _colour(fate)),
        (f" {frame.get('why') or ''}", ""),
    ]


def _changes(state: State) -> Iterator[Words]:
    for change in _rows(state.get("events")):
        word = str(change.get("state"))
        again = f" ({change['count']} times)" if _number(change.get("count")) > 1 else ""
        yield [(f"{clock(_number(change.get('at_ms')))} ", DIM),
               (f"{change.get('what')} {change.get('name') or ''}".strip() + " ", ""),
               (word, _colour(word)), (f"  {change.get('text') or ''}{again}", "")]  # fmt: skip


def _cut(words: Words, screen: Screen) -> str:
    """One line; what does not fit is cut off before colours come in."""
    left, out = screen.width, ""
    for text, colour in words:
        shown = clean(text)[:left]
        left -= len(shown)
        out += (
            f"\x1b[{colour}m{shown}\x1b[0m" if colour and screen.colour and shown.strip() else shown
        )
    return out.rstrip()


def clean(text: str) -> str:
    """Without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def span(seconds: float) -> str:
    """A duration in its two largest units."""
    whole = max(round(seconds), 0)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min"
    if whole < 172_800:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def clock(at_ms: float) -> str:
    """The time of day where this is read; "--:--:--" for no time."""
    try:
        return datetime.fromtimestamp(at_ms / 1000).strftime("%H:%M:%S")
    except (OverflowError, OSError, ValueError):
        return "--:--:--"


def _at_ms(state: State) -> float:
    try:
        return datetime.fromisoformat(str(state.get("at"))).timestamp() * 1000
    except (ValueError, OverflowError):
        return 0.0


def _colour(word: str) -> str:
    return GREEN if word in GOOD else RED if word in BAD else YELLOW if word else ""


def _counts(table: object) -> str:
    return ", ".join(f"{name} {count}" for name, count in _table(table).items())


def _table(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _rows(value: object) -> list[State]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _number(value: object) -> float:
    return value if isinstance(value, int | float) else 0.0
