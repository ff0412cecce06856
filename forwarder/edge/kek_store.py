"""Where KEKs are kept: brings file, credential and token together, and adds to a file."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError
from .errors import KekError, TokenError
from .kek_file import parse_file
from .keks import KekSettings, KeyRing, SoftKek, TokenSettings
from .secret_files import read_credential, read_private, write_private
from .vault import KekVault

if TYPE_CHECKING:
    from .pkcs11 import Token

log = logging.getLogger(__name__)

HEADING = b"# KEKs of this gateway: LABEL = HEX. Secret; `edgemast edge list` shows check values.\n"


def open_vault(settings: KekSettings) -> KekVault:
    """A vault over all KEKs. A token that is away is waited for; else as `open_ring`."""
    return KekVault(open_ring(settings, patient=True), settings.sources)


def open_ring(settings: KekSettings, *, patient: bool = False) -> KeyRing:
    """All KEKs of file, credential and token. Raises KekError for a place that cannot be read.

    A token that does not answer is a TokenError, or if `patient` a warning: a gateway forwards
    without it, and what it holds is used when it is back.
    """
    ring = KeyRing()
    if settings.file:
        for kek in read_file(Path(settings.file)):
            ring.add(kek)
    if settings.credential:
        name = settings.credential
        for kek in parse_file(read_credential(name), f"credential {name!r}", "credential"):
            ring.add(kek)
    if settings.token is not None:
        _add_token(ring, open_token(settings.token), patient=patient)
    return ring


def _add_token(ring: KeyRing, token: Token, *, patient: bool) -> None:
    try:
        keks = token.keks()
    except TokenError as error:
        if not patient:
            raise
        log.warning("%s; its keys are used when it answers", error)
        ring.add_late(token.keks)
        return
    for kek in keks:
        ring.add(kek)


def read_file(path: Path) -> list[SoftKek]:
    """The KEKs of a file that others cannot read."""
    return parse_file(read_private(path), str(path))


def add_to_file(path: Path, kek: SoftKek) -> None:
    """Append `kek`; the file is made if it is not there. KekError if that version exists."""
    old = read_private(path) if path.exists() else HEADING
    keks = KeyRing(parse_file(old, str(path)))
    keks.add(kek)
    if b"[[kek]]" in old.replace(b" ", b""):
        raise KekError(f"{path} is TOML: add a [[kek]] table there, or give another --keks file")
    if old and not old.endswith(b"\n"):
        old += b"\n"
    write_private(path, old + kek.line().encode(), replace=True)


def settings_of(path: Path) -> KekSettings:
    """The `[edge.keks]` of a configuration file. Raises ConfigError."""
    import msgspec

    from ..config.toml_file import parse, read_text

    edge = parse(read_text(path), str(path)).get("edge", {})
    table = edge.get("keks", {}) if isinstance(edge, dict) else {}
    try:
        return msgspec.convert(table, KekSettings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: [edge.keks]: {error}") from None


def open_token(settings: TokenSettings) -> Token:
    """The token, not opened yet. KekError if what PKCS#11 needs is not installed."""
    try:
        from .pkcs11 import Token
    except ImportError as error:
        raise KekError(
            "a PKCS#11 token needs the package python-pkcs11; type: pip install 'edgemast[hsm]'"
        ) from error
    return Token(settings)
