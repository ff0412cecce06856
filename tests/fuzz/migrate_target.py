"""What others' configuration files may bring to `config convert`."""

from __future__ import annotations

import tomllib

from forwarder.config import loads
from forwarder.config.migrate import Choice, Foreign, migrate
from forwarder.config.migrate.kind import Kind, kind_of
from forwarder.errors import ConfigError
from tests.forwarder import test_migrate as theirs

from .forwarder_targets import check_message
from .inputs import Taker, mutated_lines

BASES = (
    theirs.DAEMON + theirs.CHANNELS + theirs.BEACON,
    theirs.FORWARDER,
    theirs.BRIDGE,
    theirs.MULTIPLEXER,
    theirs.STATION,
    "wss://eu1.cloud.thethings.network:8887",
)
CHOICES = (Choice(), Choice("sim", "EU868"), Choice("rak2287", "US915", 3))


def fuzz_migrate(data: bytes) -> None:
    """Any text of a file: a mistake with its place, or a file that is TOML, loads, and tells."""
    take = Taker(data)
    choice = take.of(CHOICES)
    texts = [mutated_lines(take.of(BASES), take)]
    if take.byte() & 1:
        texts.append(take.of(BASES))
    try:
        files = [_foreign(f"{index}.conf", text) for index, text in enumerate(texts)]
        made = migrate(files, choice)
    except ConfigError as error:
        check_message(error)
        return
    tomllib.loads(made.text)
    assert all("\n" not in note and "hush" not in note for note in made.notes)
    if not made.missing:
        loads(made.text, "gateway.toml")


def _foreign(name: str, text: str) -> Foreign:
    kind = kind_of(name, text)
    if kind is Kind.SEMTECH:  # loaded as it is; a target of its own
        raise ConfigError(f"{name}: a Semtech file")
    return Foreign(name, text, kind)
