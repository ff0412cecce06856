"""Opens the files of other programs: those that are named, and those that belong to them."""

from __future__ import annotations

from pathlib import Path

from ...errors import ConfigError
from ..load import load
from ..toml_file import read_text
from .join import Foreign
from .kind import Kind, kind_of

KNOWN_NAMES = (
    "concentratord.toml", "channels.toml", "region.toml", "chirpstack-mqtt-forwarder.toml",
    "chirpstack-gateway-bridge.toml", "chirpstack-packet-multiplexer.toml", "lorafwd.toml",
    "station.conf", "global_conf.json",
)  # fmt: skip
BESIDE_STATION = ("tc.uri", "cups.uri")
SCRIPT = "reset_lgw.sh"


def collect(paths: list[Path]) -> list[Foreign]:
    """The files, each once. Raises ConfigError for what cannot be read."""
    listed = [inner for path in paths for inner in (_in_folder(path) if path.is_dir() else [path])]
    files = {path.resolve(): _foreign(path) for path in listed}
    for path in listed:
        if files[path.resolve()].kind is Kind.STATION:
            for name in BESIDE_STATION:
                beside = path.with_name(name)
                if beside.is_file():
                    files.setdefault(beside.resolve(), _foreign(beside))
    return list(files.values())


def _in_folder(folder: Path) -> list[Path]:
    found = [folder / name for name in KNOWN_NAMES if (folder / name).is_file()]
    if not found:
        raise ConfigError(f"{folder}: a folder without {', '.join(KNOWN_NAMES)}")
    return found


def _foreign(path: Path) -> Foreign:
    text = read_text(path)
    kind = kind_of(path.name, text)
    if kind is Kind.SEMTECH:
        config = load(path)
        settings = dict(config.settings)
        return Foreign(path.name, text, kind, settings=settings, warnings=tuple(config.warnings))
    script = path.with_name(SCRIPT)
    beside = (script.name, read_text(script)) if script.is_file() else None
    return Foreign(path.name, text, kind, beside)
