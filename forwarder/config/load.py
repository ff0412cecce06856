"""Reads a configuration of either kind and puts the layers together: the way in.

Precedence, lowest first: our defaults, region, board, file. A Semtech file is complete in itself.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ..errors import ConfigError
from . import schema, toml_file
from .base import Place
from .build import build
from .layers import Layer, Settings, Table, leaves
from .model import GatewayConfig
from .names import shown

if TYPE_CHECKING:
    from .detect import Proposal

log = logging.getLogger(__name__)

ROOT = Path("/")
EUROPE = "EU868"  # the only region with duty cycles that frequencies alone tell
IN_A_FOLDER = ("gateway.toml", "global_conf.json", "local_conf.json")


def load(path: Path | str, *, root: Path = ROOT) -> GatewayConfig:
    """The configuration in `path`: our TOML, a Semtech JSON, or a folder that holds one.

    `root` is the machine that `board = "auto"` looks at.
    Raises ConfigError with file, line, key, value and what is allowed.
    """
    path = find(path)
    text = toml_file.read_text(path)
    settings, warnings = _semtech(path, text) if is_json(path, text) else _toml(path, text, root)
    return build(path, settings, schema.convert(settings, path.name), warnings)


def loads(text: str, name: str) -> GatewayConfig:
    """Like `load`, for a text that is in no file; nothing beside it is looked at."""
    path = Path(name)
    if is_json(path, text):
        settings, warnings = _semtech_text(text, name, None, None)
    else:
        settings, warnings = _toml(path, text, ROOT)
    return build(path, settings, schema.convert(settings, path.name), warnings)


def is_json(path: Path, text: str) -> bool:
    """Whether this is a Semtech file, by its name or else by how it begins."""
    if path.suffix in (".toml", ".json"):
        return path.suffix == ".json"
    return text.lstrip("\ufeff \t\r\n")[:1] in ("{", "/")


def find(path: Path | str) -> Path:
    """The file itself, where a folder is given. Raises ConfigError for a folder without one."""
    path = Path(path)
    if not path.is_dir():
        return path
    for name in IN_A_FOLDER:
        if (path / name).is_file():
            return path / name
    raise ConfigError(f"{path}: a folder without {', '.join(IN_A_FOLDER)}")


def _semtech(path: Path, text: str) -> tuple[Settings, list[str]]:
    local = path.with_name("local_conf.json")
    return _semtech_text(
        text,
        path.name,
        _beside(local) if local != path else None,
        _beside(path.with_name("reset_lgw.sh")),
    )


def _beside(path: Path) -> tuple[str, str] | None:
    return (path.name, toml_file.read_text(path)) if path.is_file() else None


def _semtech_text(
    text: str, name: str, local: tuple[str, str] | None, script: tuple[str, str] | None
) -> tuple[Settings, list[str]]:
    from .semtech import translate  # a gateway with our TOML does not need it

    out, warnings = translate(text, name, local, script)
    settings = Settings()
    settings.add(out.layer())
    settings.sources |= out.places  # those of array elements too
    warnings += _add_bands(settings, name)
    return settings, warnings


def _add_bands(settings: Settings, name: str) -> list[str]:
    """The bands that a Semtech file says nothing of, where its frequencies tell them.

    They are for counting: what is sent stays as the file's owner knows it, unless it asks.
    """
    found = dict(leaves(settings.table))
    ranges = [
        (found.get(f"radio_{n}.tx_freq_min_hz"), found.get(f"radio_{n}.tx_freq_max_hz"))
        for n in (0, 1)
        if found.get(f"radio_{n}.tx_enable")
    ]
    bands = _european(ranges)
    if bands is None:
        if found.get("limits.enforce_duty_cycle"):
            place = settings.sources["limits.enforce_duty_cycle"]
            return [
                f"{place}: enforce_duty_cycle: the bands are known only where all that may be sent "
                "lies in 863 to 870 MHz; nothing is limited. Use a gateway.toml with a region"
            ]
        return []
    place = f"{name}: it sends in {EUROPE}"
    settings.add(Layer({"limits": {"bands": bands}}, lambda key: place))
    return []


def _european(ranges: list[tuple[object, object]]) -> object:
    """The bands of EU868 if all of `ranges` lie within it, else None."""
    from . import regions

    file = regions.read(EUROPE)
    inside = [
        isinstance(low, int) and isinstance(high, int)
        and file.tx.min_hz <= low <= high <= file.tx.max_hz
        for low, high in ranges
    ]  # fmt: skip
    return msgspec.to_builtins(file.limits.bands) if inside and all(inside) else None


def _toml(path: Path, text: str, root: Path) -> tuple[Settings, list[str]]:
    table = toml_file.parse(text, path.name)
    lines = {key: f"{path.name}:{line}" for key, line in toml_file.lines(text).items()}
    place = Place(lines, path.name)
    schema.check_keys(table, place)
    settings, warnings = Settings(), list[str]()
    board, region = _word(table, "board", place), _word(table, "region", place)
    if region:
        warnings += _add_region(settings, table, region, place)
    if board:
        _add_board(settings, table, board, place, root)
    settings.add(Layer(table, place))
    settings.sources |= {key: at for key, at in lines.items() if "[" in key}
    _complete(settings, path.name)
    return settings, warnings


def _word(table: Table, key: str, place: Place) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise ConfigError(f"{place(key)}: {key} = {shown(value)}: expected a name in quotes")
    return value


def _add_region(settings: Settings, table: Table, name: str, place: Place) -> list[str]:
    from . import regions  # a gateway with a Semtech file needs neither regions nor boards

    sub_band = table.get("sub_band")
    if sub_band is not None and (isinstance(sub_band, bool) or not isinstance(sub_band, int)):
        raise ConfigError(
            f"{place('sub_band')}: sub_band = {shown(sub_band)}: expected a whole number"
        )
    try:
        region = regions.choose(name, sub_band)
    except ConfigError as error:
        key = "sub_band" if str(error).startswith("sub_band") else "region"
        raise ConfigError(f"{place(key)}: {error}") from error
    settings.add(region.layer())
    table["region"] = region.name
    return [f"{place('region')}: {region.warning}"] if region.warning else []


def _add_board(settings: Settings, table: Table, name: str, place: Place, root: Path) -> None:
    from . import boards

    try:
        found = _find_board(root) if name.lower() == "auto" else None
        name = found.board or name if found else name
        board = boards.read(name)
    except ConfigError as error:
        raise ConfigError(f"{place('board')}: {error}") from error
    table["board"] = name
    region = str(table.get("region", ""))
    known = boards.regions(board)
    own = table.get("radio_0")
    if region and region not in known and not (isinstance(own, dict) and "tx_gains" in own):
        raise ConfigError(
            f"{place('board')}: board = {shown(name)} has no gain table for {region} (it has "
            f"{', '.join(known)}): choose another region, or give radio_0.tx_gains"
        )
    settings.add(boards.layer(board, region))
    if found and found.radio:
        told = f"board {board.name}, {found.why}"
        settings.add(Layer({"concentrator": {"radio": found.radio}}, lambda key: told))


def _find_board(root: Path) -> Proposal:
    """The board that says its own name. Raises ConfigError, with what to write, for a guess."""
    from . import detect

    found = detect.choose(root)
    log.info("board auto: %s, because of the %s", found.board, found.why)
    return found


def _complete(settings: Settings, name: str) -> None:
    """Raise ConfigError unless there is enough to run on."""
    table = settings.table
    found = dict(leaves(table))
    if "concentrator.radio" not in found:
        raise ConfigError(f'{name}: board is missing: expected board = "rak2287" or another name')
    if not (found.get("radio_0.freq_hz") or found.get("radio_1.freq_hz")):
        raise ConfigError(f'{name}: region is missing: expected region = "EU868" or another name')
