"""What a configuration may hold: the tables and keys of `config/gateway.toml`, their types, ranges.

The defaults here are the last resort under file, board and region. Semtech's JSON is translated
into the same tables (semtech.py), so this is the one place that says what is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isfinite
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ..errors import ConfigError
from .base import (
    Bandwidth,
    ChainNumber,
    Dbm,
    Hz,
    IfHz,
    Line,
    Place,
    SpreadingFactor,
    Strict,
)
from .layers import Settings, Table
from .names import nearest, shown
from .servers import (
    DEFAULT_TYPE,
    SERVER_TABLES,
    SERVERS,
    Server,
    server_type,
    with_types,
)


class Gateway(Strict, frozen=True):
    eui: str = "auto"
    latitude_deg: Annotated[float, Meta(ge=-90, le=90)] = 0.0
    longitude_deg: Annotated[float, Meta(ge=-180, le=180)] = 0.0
    altitude_m: Annotated[int, Meta(ge=-32_768, le=32_767)] = 0
    fixed_position: bool = False
    gps: bool = False
    gps_tty: str = ""
    gps_source: Literal["auto", "ublox", "nmea", "gpsd"] = "auto"
    gps_baud: Annotated[int, Meta(ge=1200, le=1_000_000)] = 9600


class Concentrator(Strict, frozen=True):
    radio: str = ""
    spi_hz: Annotated[int, Meta(ge=10_000, le=50_000_000)] = 2_000_000
    public: bool = True
    clock_source: ChainNumber = 0
    full_duplex: bool = False
    antenna_gain_dbi: Annotated[float, Meta(ge=-128, le=127)] = 0.0
    cable_loss_db: Annotated[float, Meta(ge=0, le=100)] = 0.0
    allow_lowest_gain: bool = False
    spreading_factors: tuple[SpreadingFactor, ...] = (5, 6, 7, 8, 9, 10, 11, 12)
    fine_timestamp: Literal["off", "high_capacity", "all_sf"] = "off"


class Lines(Strict, frozen=True):
    power_enable: Line = -1
    sx1302_reset: Line = -1
    sx1261_reset: Line = -1
    ad5338r_reset: Line = -1
    gps_reset: Line = -1


class Gain(Strict, frozen=True):
    rf_power: Dbm
    pa_gain: Annotated[int, Meta(ge=0, le=3)] = 0
    pwr_idx: Annotated[int, Meta(ge=0, le=22)] = 0
    dig_gain: Annotated[int, Meta(ge=0, le=3)] = 0
    dac_gain: Annotated[int, Meta(ge=0, le=3)] = 3
    mix_gain: Annotated[int, Meta(ge=0, le=15)] = 0


class Radio(Strict, frozen=True):
    enable: bool = False
    type: Literal["SX1250", "SX1255", "SX1257"] = "SX1250"
    freq_hz: Hz = 0
    rssi_offset_db: float = -215.4
    rssi_tcomp: tuple[float, float, float, float, float] = (0.0, 0.0, 20.41, 2162.56, 0.0)
    single_input: bool = False
    tx_enable: bool = False
    tx_freq_min_hz: Hz = 0
    tx_freq_max_hz: Hz = 0
    tx_gains: tuple[Gain, ...] = ()


class MultiSf(Strict, frozen=True):
    enable: bool = True
    freq_hz: Hz | None = None
    radio: ChainNumber | None = None
    if_hz: IfHz | None = None


class LoraStd(Strict, frozen=True):
    enable: bool = True
    freq_hz: Hz | None = None
    radio: ChainNumber | None = None
    if_hz: IfHz | None = None
    bw_hz: Bandwidth = 250_000
    sf: SpreadingFactor = 7
    implicit_header: bool = False
    implicit_length: Annotated[int, Meta(ge=0, le=255)] = 0
    implicit_crc: bool = False
    implicit_coding_rate: Annotated[int, Meta(ge=0, le=255)] = 1


class Fsk(Strict, frozen=True):
    enable: bool = True
    freq_hz: Hz | None = None
    radio: ChainNumber | None = None
    if_hz: IfHz | None = None
    bw_hz: Bandwidth = 125_000
    bitrate_bps: Annotated[int, Meta(ge=500, le=250_000)] = 50_000


class Lbt(Strict, frozen=True):
    freq_hz: Hz
    bw_hz: Literal[125_000, 250_000] = 125_000
    scan_time_us: Literal[128, 5000] = 5000
    transmit_time_ms: Annotated[int, Meta(ge=0, le=65_535)] = 4000


class Scan(Strict, frozen=True):
    enable: bool = False
    freq_start_hz: Hz = 0
    channels: Annotated[int, Meta(ge=1, le=255)] = 8
    readings: Annotated[int, Meta(ge=1, le=65_535)] = 2000
    pace_s: Annotated[int, Meta(ge=1, le=86_400)] = 10


class Sx1261(Strict, frozen=True):
    spi_path: str = ""
    rssi_offset_db: Dbm = 0
    lbt: bool = False
    lbt_rssi_target_dbm: Dbm = -80
    lbt_channels: Annotated[tuple[Lbt, ...], Meta(max_length=16)] = ()
    scan: Scan = Scan()


class Beacon(Strict, frozen=True):
    period_s: Annotated[int, Meta(ge=0, le=86_400)] = 0
    freq_hz: Hz = 869_525_000
    channels: Annotated[int, Meta(ge=1, le=255)] = 1
    step_hz: Hz = 0
    sf: SpreadingFactor = 9
    bw_hz: Bandwidth = 125_000
    power_dbm: Dbm = 14
    info_descriptor: Annotated[int, Meta(ge=0, le=255)] = 0


class Band(Strict, frozen=True):
    min_hz: Hz
    max_hz: Hz
    max_eirp_dbm: float
    duty_cycle: Annotated[float, Meta(gt=0, le=1)] = 1.0
    dwell_ms: Annotated[int, Meta(ge=0)] = 0
    name: str = ""


class LimitTable(Strict, frozen=True):
    enforce_duty_cycle: bool = False
    enforce_dwell_time: bool = False
    enforce_eirp: bool = False
    lbt_required: bool = False
    allow_without_lbt: bool = False
    bands: tuple[Band, ...] = ()


class Health(Strict, frozen=True):
    exit_after: Annotated[int, Meta(ge=0, le=1000)] = 12
    canary_dev_addr: Annotated[str, Meta(pattern=r"^([0-9a-fA-F]{8})?$")] = ""
    canary_every_s: Annotated[float, Meta(ge=10, le=604_800)] = 3600.0


class SpoolTable(Strict, frozen=True):
    dir: str = ""


class Page(Strict, frozen=True):
    listen: str = ""
    cert_file: str = ""
    key_file: str = ""
    client_ca_file: str = ""
    token_file: str = ""


class File(Strict, frozen=True):
    """The whole file. `board` and `region` name files of `config/boards` and `config/regions`."""

    board: str = ""
    region: str = ""
    sub_band: Annotated[int, Meta(ge=1, le=12)] | None = None
    gateway: Gateway = Gateway()
    concentrator: Concentrator = Concentrator()
    lines: Lines = Lines()
    radio_0: Radio = Radio()
    radio_1: Radio = Radio()
    multi_sf: Annotated[tuple[MultiSf, ...], Meta(max_length=8)] = ()
    lora_std: LoraStd | None = None
    fsk: Fsk | None = None
    sx1261: Sx1261 = Sx1261()
    beacon: Beacon = Beacon()
    limits: LimitTable = LimitTable()
    health: Health = Health()
    spool: SpoolTable = SpoolTable()
    page: Page = Page()
    server: tuple[Server, ...] = ()  # forwarder/config/servers.py
    edge: dict[str, object] | None = None  # forwarder/edge/config.py knows what it may hold


TABLES: dict[str, type[Strict]] = {
    "gateway": Gateway,
    "concentrator": Concentrator,
    "lines": Lines,
    "radio_0": Radio,
    "radio_1": Radio,
    "lora_std": LoraStd,
    "fsk": Fsk,
    "sx1261": Sx1261,
    "sx1261.scan": Scan,
    "beacon": Beacon,
    "limits": LimitTable,
    "health": Health,
    "spool": SpoolTable,
    "page": Page,
}
ROWS: dict[str, type[Strict]] = {  # arrays of tables; those of [[server]] depend on its type
    "multi_sf": MultiSf,
    "radio_0.tx_gains": Gain,
    "radio_1.tx_gains": Gain,
    "sx1261.lbt_channels": Lbt,
    "limits.bands": Band,
}


def check_keys(table: Table, place: Place) -> None:
    """Raise ConfigError for the first key that no table has, with the nearest one that it has."""
    for name in table:
        _known(name, "", File, place)
    for name, fields in TABLES.items():
        value = _lookup(table, name)
        for key in value if isinstance(value, dict) else ():
            _known(key, f"{name}.", fields, place)
    for key, row in ROWS.items():
        for index, entry in _rows(table, key):
            for name in entry:
                _known(name, f"{key}[{index}].", row, place)
    for index, entry in _rows(table, "server"):
        _check_server(f"server[{index}]", entry, place)


def _check_server(key: str, entry: Table, place: Place) -> None:
    kind = entry.get("type", DEFAULT_TYPE)
    row = SERVERS.get(kind) if isinstance(kind, str) else None
    if row is None:
        known = ", ".join(shown(name) for name in SERVERS)
        raise ConfigError(
            f"{place(key + '.type')}: {key}.type = {shown(kind)}: expected one of {known}"
            f"{nearest(str(kind), SERVERS)}"
        )
    for name, value in entry.items():
        if name != "type":
            _known(name, f"{key}.", row, place)
        if isinstance(value, dict) and name in SERVER_TABLES:
            for inner in value:
                _known(inner, f"{key}.{name}.", SERVER_TABLES[name], place)


def _rows(table: Table, key: str) -> Iterator[tuple[int, Table]]:
    rows = _lookup(table, key)
    for index, entry in enumerate(rows if isinstance(rows, list) else ()):
        if isinstance(entry, dict):
            yield index, entry


def _known(name: str, prefix: str, table: type[Strict], place: Place) -> None:
    if name not in table.__struct_fields__:
        hint = nearest(name, table.__struct_fields__)
        if prefix and name in File.__struct_fields__:
            hint = "; it belongs before the first [table], or in one of its own"
        inside = f"[{prefix.rstrip('.')}]" if prefix else "the top level"
        allowed = "" if hint else f"; it has {', '.join(table.__struct_fields__)}"
        raise ConfigError(
            f"{place(prefix + name)}: {shown(name)} is no key of {inside}{hint}{allowed}"
        )


def convert(settings: Settings, fallback: str) -> File:
    """The settings as checked values. Raises ConfigError that names place, key, value, allowed."""
    place = Place(settings.sources, fallback)
    for key, number in _floats("", settings.table):
        if not isfinite(number):
            raise ConfigError(f"{place(key)}: {key} = {number}: expected a finite number")
    try:
        return msgspec.convert(with_types(settings.table), File)
    except msgspec.ValidationError as error:
        expected, _, path = str(error).partition(" - at `$")
        key = _exact(settings.table, path.rstrip("`").removeprefix("."))
        value = _lookup(settings.table, key)
        came = "" if isinstance(value, dict) else f" = {shown(value)}"
        what = _allowed(key, settings.table) or _plain(expected)
        raise ConfigError(f"{place(key)}: {key or 'the file'}{came}: {what}") from error


def _floats(key: str, value: object) -> Iterator[tuple[str, float]]:
    if isinstance(value, float):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _floats(f"{key}.{name}".removeprefix("."), inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _floats(f"{key}[{index}]", inner)


def _plain(text: str) -> str:
    text = text.replace("`", "")
    return text[:1].lower() + text[1:]


def _allowed(key: str, table: Table) -> str:
    """The type and range of `key` in words; empty for tables and rows."""
    from msgspec import inspect  # only mistakes pay for it

    info: object = inspect.type_info(File)
    if row := re.match(r"server\[\d+\]\.", key):
        info = inspect.type_info(server_type(_lookup(table, row[0][:-1])))
        key = key[row.end() :]
    for part in re.sub(r"\[\d+\]", ".0", key).split("."):
        info = _element(info, part)
        if isinstance(info, inspect.UnionType):
            info = next(t for t in info.types if not isinstance(t, inspect.NoneType))
    if isinstance(info, inspect.IntType | inspect.FloatType):
        kind = "a whole number" if isinstance(info, inspect.IntType) else "a number"
        low = info.ge if info.ge is not None else info.gt
        ends = [f"from {low}"] if low is not None else []
        ends += [f"up to {info.le}"] if info.le is not None else []
        return " ".join(["expected", kind, *ends])
    if isinstance(info, inspect.LiteralType):
        return "expected one of " + ", ".join(shown(value) for value in info.values)
    if isinstance(info, inspect.BoolType):
        return "expected true or false"
    return ""


def _element(info: object, part: str) -> object:
    fields = {field.name: field.type for field in getattr(info, "fields", ())}
    if part in fields:
        return fields[part]
    items = getattr(info, "item_types", ())
    return items[0] if items else getattr(info, "item_type", None)


def _exact(table: Table, path: str) -> str:
    """`path` with the index of the wrong element, which msgspec leaves out."""
    head, mark, tail = path.partition("[...]")
    rows = _lookup(table, head)
    if not mark or not isinstance(rows, list) or head not in (*ROWS, "server"):
        return path.replace("[...]", "")
    for index, entry in enumerate(rows):
        try:
            msgspec.convert(entry, ROWS.get(head) or server_type(entry), strict=True)
        except msgspec.ValidationError:
            return f"{head}[{index}]{tail}"
    return head


def _lookup(table: object, key: str) -> object:
    for part in key.replace("]", "").replace("[", ".").split("."):
        if isinstance(table, dict):
            table = table.get(part)
        elif isinstance(table, list) and part.isdigit():
            table = table[int(part)]
        else:
            return table if not part else None
    return table
