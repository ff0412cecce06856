"""Several files of other programs to one gateway.toml, and what has to be said about it.

Region, board and channel plans come from the data that ships with the program; else pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...errors import ConfigError
from .. import boards, data, regions
from ..convert import toml_text
from ..layers import Table, leaves
from ..links import chirpstack_region
from ..load import loads
from ..names import shown
from ..section import Document
from . import (
    concentratord,
    gateway_bridge,
    mqtt_forwarder,
    multiplexers,
    semtech_short,
    station,
    station_uri,
)
from .document import together, toml_document
from .draft import Channels, Draft
from .kind import RADIO_KINDS, Kind
from .plan import nearest_plan, put_channels

TARGET = "gateway.toml"
HERE = ("localhost", "127.0.0.1", "::1")
USUAL_GPS = "/dev/ttyAMA0"  # Concentratord's, for boards of which we know none


@dataclass(frozen=True, slots=True)
class Foreign:
    """One file. `script` is the `reset_lgw.sh` beside it; `settings` those of a Semtech JSON."""

    name: str
    text: str
    kind: Kind
    script: tuple[str, str] | None = None
    settings: Table | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """What the files do not say and the caller does; empty where he does not."""

    board: str = ""
    region: str = ""
    sub_band: int | None = None


@dataclass(frozen=True, slots=True)
class Migrated:
    """The new file's text, what was dropped or changed, and what is still missing from it."""

    text: str
    notes: list[str]
    missing: list[str]


def migrate(files: list[Foreign], choice: Choice) -> Migrated:
    """Raises ConfigError where two files contradict each other, or no gateway could be made."""
    _one_radio(files)
    draft, notes = Draft(), list[str]()
    for name, value in (("board", choice.board), ("region", choice.region)):
        if value:
            draft.put(name, value)
    for kind in Kind:
        if same := [file for file in files if file.kind is kind]:
            notes += _read(kind, same, draft, choice)
    for name, value in (("board", choice.board), ("region", choice.region)):
        if value:
            draft.put(name, value)
    notes += _place(draft, choice)
    notes += _servers(draft)
    missing = _missing(draft)
    names = ", ".join(file.name for file in files)
    draft.table.pop("stat_interval_s", None)
    table = draft.table | ({"server": draft.servers} if draft.servers else {})
    if missing:
        lines = [*notes, f"not complete: {', '.join(missing)} missing"]
        return Migrated(toml_text(table, names, lines), notes, missing)
    notes += _proved(toml_text(table, names, []))
    return Migrated(toml_text(table, names, notes), notes, [])


def _proved(text: str) -> tuple[str, ...]:
    """What our own reader says of the new file."""
    try:
        return loads(text, TARGET).warnings
    except ConfigError as error:
        raise ConfigError(f"the new file would not load: {error}") from error


def _one_radio(files: list[Foreign]) -> None:
    kinds = {file.kind for file in files}
    radios = [kind for kind in RADIO_KINDS if kind in kinds]
    single = [kind for kind in (Kind.SEMTECH, Kind.STATION) if kind in radios]
    if len(radios) > 1 or any(sum(f.kind is kind for f in files) > 1 for kind in single):
        names = ", ".join(file.name for file in files if file.kind in RADIO_KINDS)
        raise ConfigError(f"{names}: each of these describes a board: expected one of them")
    if ours := next((file.name for file in files if file.kind is Kind.OURS), ""):
        raise ConfigError(
            f"{ours}: is a file of Edgemast, or of no program that is known; expected files of "
            f"{', '.join(kind for kind in Kind if kind is not Kind.OURS)}"
        )


def _read(kind: Kind, files: list[Foreign], draft: Draft, choice: Choice) -> list[str]:
    """Read all files of one program; what they had to say."""
    if kind is Kind.STATION_URI:
        return [n for file in files for n in station_uri.read(file.name, file.text, draft)]
    if kind is Kind.SEMTECH:
        return _semtech(files[0], draft, choice)
    if kind is Kind.STATION:
        source = station.station_document(files[0].text, files[0].name)
        station.read(source, draft, files[0].script, board=choice.board)
        return source.warnings
    sources = [toml_document(file.text, file.name) for file in files]
    if kind in (Kind.MULTIPLEXER, Kind.KERLINK, Kind.GATEWAY_BRIDGE):
        for source in sources:
            _one(kind, source, draft)
        return [warning for source in sources for warning in source.warnings]
    whole = together(sources)
    _one(kind, whole, draft)
    return whole.warnings


def _one(kind: Kind, source: Document, draft: Draft) -> None:
    readers = {
        Kind.CONCENTRATORD: concentratord.read,
        Kind.MQTT_FORWARDER: mqtt_forwarder.read,
        Kind.GATEWAY_BRIDGE: gateway_bridge.read,
        Kind.MULTIPLEXER: multiplexers.read_multiplexer,
        Kind.KERLINK: multiplexers.read_kerlink,
    }
    readers[kind](source, draft)


def _semtech(file: Foreign, draft: Draft, choice: Choice) -> list[str]:
    if choice.board:
        said = semtech_short.read(file.settings or {}, file.name, draft)
        return [*file.warnings, *said]
    draft.table |= {key: value for key, value in (file.settings or {}).items() if key != "server"}
    rows = (file.settings or {}).get("server")
    draft.servers += [dict(row) for row in rows] if isinstance(rows, list) else []
    return list(file.warnings)


def _place(draft: Draft, choice: Choice) -> list[str]:
    """Region, sub-band and channels. Without a region the channels may tell it."""
    notes: list[str] = []
    channels = draft.channels
    if channels and channels.multi_sf_hz and not draft.get("region"):
        notes += _guess(channels, draft)
    name = str(draft.get("region") or "")
    if not name:
        return notes
    file = regions.read(name)
    sub_band = choice.sub_band
    if channels and file.sub_bands and sub_band is None:
        found, shared = nearest_plan(channels, file.sub_bands.items())
        sub_band = int(found)
        if shared < len(channels.multi_sf_hz):
            notes.append(f"{channels.place}: of sub-band {found} only in part; written as they are")
    if sub_band is not None:
        draft.put("sub_band", sub_band)
    if channels:
        plan = regions.choose(name, sub_band).plan
        put_channels(channels, plan, draft)
    _plain_beacon(draft, file)
    _gps(draft, name)
    usual = chirpstack_region(file.name, sub_band or file.default_sub_band or None)
    return notes + [
        f"topic_prefix: {shown(prefix)} is not the id that ChirpStack gives to this region, "
        f"{shown(usual)}: a gateway with another prefix than its server's is never seen"
        for server in draft.servers
        if (prefix := server.get("topic_prefix")) and prefix != usual
    ]


def _guess(channels: Channels, draft: Draft) -> list[str]:
    wanted = set(channels.multi_sf_hz)
    found = {name for name, plan in _all_plans() if wanted == set(plan.multi_sf_hz)}
    if len(found) != 1:
        return []
    draft.put("region", name := found.pop())
    return [f"{channels.place}: no region is given; these channels are those of {name}"]


def _all_plans() -> Iterator[tuple[str, regions.Plan]]:
    for name in data.names("regions"):
        file = regions.read(name)
        for plan in [file.plan] if file.plan else file.sub_bands.values():
            yield file.name, plan


def _plain_beacon(draft: Draft, file: regions.RegionFile) -> None:
    """Leave out what the region says of beacons anyway."""
    beacon = draft.get("beacon")
    if isinstance(beacon, dict):
        for key in ("freq_hz", "sf", "bw_hz", "channels", "step_hz"):
            if beacon.get(key) == getattr(file.beacon, key):
                del beacon[key]


def _gps(draft: Draft, region: str) -> None:
    """A GPS device where neither the file nor the board names one."""
    board = draft.get("board")
    if not draft.get("gateway.gps") or draft.get("gateway.gps_tty") or not board:
        return
    known = dict(leaves(boards.layer(boards.read(str(board)), region).table))
    if "gateway.gps_tty" not in known:
        draft.put("gateway.gps_tty", USUAL_GPS)


def _servers(draft: Draft) -> list[str]:
    """Take out the servers that were the old programs on this machine; give all its interval."""
    notes, kept = [], list[Table]()
    for server in draft.servers:
        host = str(server.get("address", "")).rpartition(":")[0] or str(server.get("address"))
        port = server.get("port_up", server.get("port"))
        old = host in HERE or server.get("address") in HERE
        if old and port in draft.listens and len(draft.servers) > 1:
            notes.append(f"server {server['address']}: was the program that this one replaces")
        else:
            kept.append(server)
    draft.servers = kept
    if interval_s := draft.get("stat_interval_s"):
        for server in kept:
            server.setdefault("stat_interval_s", interval_s)
    return notes


def _missing(draft: Draft) -> list[str]:
    complete = draft.get("radio_0.freq_hz") or draft.get("radio_1.freq_hz")
    needed = {
        "board (--board)": draft.get("board") or draft.get("concentrator.radio"),
        "region (--region)": draft.get("region") or complete,
        "[[server]]": draft.servers,
    }
    return [name for name, value in needed.items() if not value]
