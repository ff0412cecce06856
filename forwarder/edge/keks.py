"""Key-encryption keys (KEKs) by label and version, and the settings that say where they are. Pure.

A KEK wraps session keys on their way (RFC 3394; ThingPark's "AS transport key" in one CBC block).
A label may have several versions: the newest is tried first, the others still open what was wrapped
before the change.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from hmac import compare_digest
from typing import NoReturn, Protocol

import msgspec

from ..lorawan.crypto import aes_encrypt
from ..lorawan.keys import EnvelopeError as EnvelopeError
from ..lorawan.keys import open_tunnel_app_s_key, unwrap, wrap
from .errors import KekError, TokenError
from .keys import KEY_SIZE, SoftKey
from .values import KeyHandle, Scheme

SIZES = (16, 24, 32)
WRAPPED_SIZE = KEY_SIZE + 8  # RFC 3394 adds one block of 8 bytes
CHECK_DIGITS = 6
MAX_VERSION = 65_535
HOW_CHECKED = "AES of 16 zero bytes under the KEK, its first 6 hexadecimal digits"

_HEX_KEY = re.compile(r"(?:[0-9a-fA-F]{2}){16,}")


class Kek(Protocol):
    """One version of one KEK, in memory (SoftKek) or in a token (pkcs11.TokenKek)."""

    label: str
    version: int
    where: str  # "file", "credential", "token": for people

    def open(self, scheme: Scheme, wrapped: bytes) -> KeyHandle:
        """The session key inside. Raises EnvelopeError: damaged, or wrapped under another KEK."""
        ...

    def check_value(self) -> str | None:
        """Six digits to compare by voice (HOW_CHECKED); None where a token does not tell."""
        ...


class SoftKek:
    """A KEK in this process's memory. Usable, not printable, not pickled."""

    __slots__ = ("_key", "label", "version", "where")

    def __init__(self, label: str, key: bytes, version: int = 1, where: str = "file") -> None:
        check_label(label)
        if len(key) not in SIZES:
            raise KekError(f"KEK {shown(label)}: {len(key)} bytes; a KEK has 16, 24 or 32")
        if not 1 <= version <= MAX_VERSION:
            raise KekError(f"KEK {label!r}: version {version}; 1 to {MAX_VERSION} expected")
        self.label = label
        self.version = version
        self.where = where
        self._key = key

    @property
    def bits(self) -> int:
        return 8 * len(self._key)

    def open(self, scheme: Scheme, wrapped: bytes) -> KeyHandle:
        return SoftKey(self._unwrap(scheme, wrapped))

    def wrap(self, key: bytes) -> bytes:
        """RFC 3394: 24 bytes for a session key."""
        return wrap(self._key, key)

    def rewrap(self, scheme: Scheme, wrapped: bytes, target: SoftKek) -> bytes:
        """What was wrapped under this KEK, wrapped under `target` (RFC 3394). EnvelopeError."""
        return target.wrap(self._unwrap(scheme, wrapped))

    def check_value(self) -> str:
        return check_value(self._key)

    def line(self) -> str:
        """This KEK as a line of the file: secret."""
        mark = f"{self.version}:" if self.version != 1 else ""
        return f"{self.label} = {mark}{self._key.hex()}\n"

    def same_key(self, other: SoftKek) -> bool:
        return compare_digest(self._key, other._key)

    def _unwrap(self, scheme: Scheme, wrapped: bytes) -> bytes:
        if scheme is Scheme.CBC0:
            return open_tunnel_app_s_key(self._key, wrapped)  # on one block CBC0 is a decryption
        return unwrap(self._key, wrapped)

    def __repr__(self) -> str:
        return f"<SoftKek {self.label!r} version {self.version}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not pickled")


class KeyRing:
    """All KEKs that this gateway has, whatever holds them."""

    def __init__(self, keks: Iterable[Kek] = ()) -> None:
        self._by_label: dict[str, list[Kek]] = {}
        self._late: list[Callable[[], Iterable[Kek]]] = []
        for kek in keks:
            self.add(kek)

    def add(self, kek: Kek) -> None:
        """Raises KekError if that version of the label is there already."""
        versions = self._by_label.setdefault(kek.label, [])
        for other in versions:
            if other.version == kek.version:
                raise KekError(
                    f"KEK {kek.label!r} version {kek.version} is there twice "
                    f"({other.where} and {kek.where}): give the newer one a higher version"
                )
        versions.append(kek)
        versions.sort(key=lambda each: -each.version)

    def add_late(self, load: Callable[[], Iterable[Kek]]) -> None:
        """A token that did not answer: asked again when a label is wanted that nobody else has."""
        self._late.append(load)

    def versions(self, label: str) -> list[Kek]:
        """Newest first; empty for an unknown label. "label@2" is version 2 alone.

        TokenError while a token is away that may have it.
        """
        found = self._here(label)
        if not found and self._late and label:
            self._load_late()
            found = self._here(label)
        return found

    def _load_late(self) -> None:
        while self._late:
            try:
                keks = list(self._late[0]())
                self._late.pop(0)
                for kek in keks:
                    self.add(kek)
            except KekError as error:  # at the start it would have ended the program; not now
                raise TokenError(str(error)) from error

    def _here(self, label: str) -> list[Kek]:
        if label in self._by_label:
            return list(self._by_label[label])
        name, _, number = label.rpartition("@")
        return [kek for kek in self._by_label.get(name, ()) if str(kek.version) == number]

    def labels(self) -> list[str]:
        return sorted(self._by_label)

    def __iter__(self) -> Iterator[Kek]:
        return (kek for label in self.labels() for kek in self._by_label[label])

    def __len__(self) -> int:
        return sum(map(len, self._by_label.values()))


def check_value(key: bytes) -> str:
    """The classic check value (HOW_CHECKED): says whether two people hold the same key."""
    return aes_encrypt(key, bytes(KEY_SIZE)).hex()[:CHECK_DIGITS]


def shown(label: str) -> str:
    """A label for a message: it may come from the wire, so it is kept short and printable."""
    if _HEX_KEY.fullmatch(label):
        return "(one that looks like a key)"
    return repr(label if len(label) <= 80 else f"{label[:80]}...")


def check_label(label: str) -> None:
    """Raises KekError if `label` is no label; does not repeat what looks like a key."""
    if not label or not label.isprintable() or label != label.strip() or len(label) > 200:
        raise KekError("a KEK's label has 1 to 200 printable characters, no blank at its ends")
    if _HEX_KEY.fullmatch(label):
        raise KekError("a key stands where the label should: write LABEL = KEY")


# Settings.


class TokenSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A PKCS#11 token: its vendor's library, which token, and where its user PIN is.

    Session keys live in it while they are used; beyond `max_keys` the one unused for longest makes
    room and is unwrapped again when its device is heard.
    """

    module: str
    label: str
    pin_file: str = ""
    pin_credential: str = ""
    max_keys: int = 1000

    def __post_init__(self) -> None:
        if not self.module.startswith("/"):
            raise ValueError("module: the whole path of the token's PKCS#11 library is expected")
        if not self.label:
            raise ValueError("label: the token's label is expected, as pkcs11-tool -L shows it")
        if bool(self.pin_file) == bool(self.pin_credential):
            raise ValueError("one of pin_file and pin_credential is expected")
        if not 1 <= self.max_keys <= 1_000_000:
            raise ValueError(f"max_keys: 1 to 1000000 expected, not {self.max_keys}")


class SourceKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a source may do. `kek` is for wires that carry no label or an algorithm's name as one.

    `allow_clear` accepts keys that are not wrapped: only over a channel that is authenticated.
    """

    kek: str = ""
    allow_clear: bool = False


class KekSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where KEKs are: any of a file (mode 0600), a systemd credential, a token; all are used.

    `sources` is by a source's name.
    """

    file: str = ""
    credential: str = ""
    token: TokenSettings | None = None
    sources: dict[str, SourceKeys] = {}

    def __post_init__(self) -> None:
        if self.file and not self.file.startswith("/"):
            raise ValueError("file: a whole path is expected, from / on")
