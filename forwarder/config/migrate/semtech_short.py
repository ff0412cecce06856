"""A Semtech file for a board and a region that are ours: its servers and what it says of itself.

The tables for radios, channels, gains and lines come from board and region then, and what is a
default here is left out. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..base import Strict
from ..layers import Table
from ..schema import Concentrator, Gateway
from ..servers import UdpServer
from .draft import Channels, Draft

OF_THE_BOARD = {"radio", "clock_source", "full_duplex"}


def read(settings: Mapping[str, object], place: str, draft: Draft) -> list[str]:
    """Fill `draft` from a Semtech file's settings; what has to be said about it."""
    gateway = _told(_table(settings, "gateway"), Gateway)
    if not gateway.get("gps"):
        gateway.pop("gps_tty", None)
    concentrator = _told(_table(settings, "concentrator"), Concentrator)
    for name, table in (("gateway", gateway), ("concentrator", concentrator)):
        for key, value in table.items():
            if key not in OF_THE_BOARD:
                draft.put(f"{name}.{key}", value)
    beacon = _table(settings, "beacon")
    if beacon.get("period_s"):
        draft.put("beacon", dict(beacon))
    listening = _table(settings, "sx1261")
    for key in ("lbt", "lbt_rssi_target_dbm", "lbt_channels") if listening.get("lbt") else ():
        draft.put(f"sx1261.{key}", listening[key])
    rows = settings.get("server")
    for row in rows if isinstance(rows, list) else ():
        draft.servers.append(_server(row))
    draft.channels = _channels(settings, place)
    return [
        f"{place}: radios, gains and lines are those of the board; what is sent is limited as the "
        "region demands, which this file did not"
    ]


def _told(table: Table, kind: type[Strict]) -> Table:
    """What differs from our defaults."""
    usual = kind()
    return {
        key: value
        for key, value in table.items()
        if key in kind.__struct_fields__ and _plain(value) != _plain(getattr(usual, key))
    }


def _server(row: Table) -> Table:
    usual = UdpServer(address="a")
    port = {"port": row["port_up"]} if row.get("port_up") == row.get("port_down") else {}
    left_out = {"port_up", "port_down"} if port else set[str]()
    if port.get("port") == usual.port:
        port = {}
    kept = {
        key: value
        for key, value in row.items()
        if key not in left_out and value != getattr(usual, key, None)
    }
    return kept | port


def _channels(settings: Mapping[str, object], place: str) -> Channels | None:
    centres = [_number(_table(settings, f"radio_{n}"), "freq_hz") for n in (0, 1)]
    rows = settings.get("multi_sf")
    multi_sf = [
        centres[_number(row, "radio")] + _number(row, "if_hz")
        for row in (rows if isinstance(rows, list) else ())
        if row.get("enable")
    ]
    if not multi_sf:
        return None
    return Channels(
        place,
        tuple(multi_sf),
        _service(_table(settings, "lora_std"), centres, ("bw_hz", "sf")),
        _service(_table(settings, "fsk"), centres, ("bw_hz", "bitrate_bps")),
    )


def _service(table: Table, centres: list[int], keys: tuple[str, ...]) -> Table | None:
    if not table.get("enable"):
        return None
    hz = centres[_number(table, "radio")] + _number(table, "if_hz")
    return {"freq_hz": hz, **{key: table[key] for key in keys}}


def _table(settings: Mapping[str, object], name: str) -> Table:
    value = settings.get(name)
    return value if isinstance(value, dict) else {}


def _number(table: Table, key: str) -> int:
    value = table.get(key, 0)
    return value if isinstance(value, int) else 0


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
