"""Takes out of a text what is nobody else's business: secrets always, identities when asked. Pure.

Two passes. Settings are walked: what stands under a name that sounds of a secret, or where anything
may stand (headers, commands), is masked. Then every text of a report is gone over: what looks like
a key or a password is masked wherever it stands, and so is each secret whose letters are known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

MASK = "***"
SHORTEST = 4  # a secret with fewer letters would mask half of the text

_SECRET = re.compile(
    r"key|token|secret|pass|authorization|credential|\bkek|username|client_id|headers|paths"
    r"|metadata|^commands$|nonce|pin$",
    re.IGNORECASE,
)
_FILE = re.compile(r"_file$")
_SECRET_FILE = re.compile(r"(token|password|authorization|secret|kek|pin|key).*file$|^file$")
_ANY_KEY = re.compile(
    r"(?<![0-9A-Za-z])[0-9a-fA-F]{24,}(?![0-9A-Za-z])"
)  # AES keys, wrapped or not
_API_KEY = re.compile(r"NNSXS\.[A-Z0-9.]{8,}")  # The Things Stack's
_LONG = re.compile(r"(?<![A-Za-z0-9+/_=.-])[A-Za-z0-9+_=-]{40,}(?![A-Za-z0-9+_=-])")
_PEM = re.compile(r"-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|\Z)", re.DOTALL)
_USERINFO = re.compile(r"(?<=://)[^/\s@\"']+@")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"',]+")
_QUERY = re.compile(r"(\w+://[^\s\"'?]+\?)[^\s\"']+")
_END = r"(?![0-9A-Za-z])"
_EUI = re.compile(
    rf"(?<![0-9A-Za-z])(?:[0-9a-fA-F]{{16}}|(?:[0-9a-fA-F]{{2}}[-:]){{7}}[0-9a-fA-F]{{2}}){_END}"
)
_ADDRESS = re.compile(  # quoted, or with a letter: a number of eight digits is none
    rf"(?<=\")[0-9a-fA-F]{{8}}(?=\")|(?<![0-9A-Za-z.])(?=[0-9]*[a-fA-F])[0-9a-fA-F]{{8}}{_END}"
)
_PLACE = re.compile(
    r"((?:latitude|longitude|altitude)(?:_deg|_m)?\"?\s*[:=]\s*)-?[0-9.]+(?:e-?[0-9]+)?"
)


def settings(table: Mapping[str, object]) -> tuple[dict[str, object], set[str]]:
    """The settings to show, and the secrets that stood in them."""
    secrets: set[str] = set()
    shown = _walk(table, "", secrets)
    assert isinstance(shown, dict)
    return shown, secrets


def secret_files(value: object, name: str = "") -> Iterable[str]:
    """The files that the settings say hold secrets; certificates and lists of devices do not."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from secret_files(inner, str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from secret_files(inner, name)
    elif isinstance(value, str) and value and _SECRET_FILE.search(name):
        yield value


def _walk(value: object, name: str, secrets: set[str]) -> object:
    if isinstance(value, Mapping):
        if _SECRET.search(name):
            return {str(key): _masked(inner, secrets) for key, inner in value.items()}
        return {str(key): _walk(inner, str(key), secrets) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_walk(inner, name, secrets) for inner in value]
    if isinstance(value, str) and value:
        if _SECRET.search(name) and not _FILE.search(name):
            return _masked(value, secrets)
        if name == "url":
            return _host_only(value, secrets)
    return value


def _masked(value: object, secrets: set[str]) -> object:
    """Everything below is a secret; what it is made of may be seen."""
    if isinstance(value, Mapping):
        return {str(key): _masked(inner, secrets) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(inner, secrets) for inner in value]
    if isinstance(value, str) and value:
        secrets.add(value)
        return MASK
    return value


def _host_only(url: str, secrets: set[str]) -> str:
    """Webhooks have their secret in the path."""
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.rpartition("@")[2].partition("/")
    secrets.update(part for part in (path, path.partition("?")[2]) if part)
    return f"{scheme}{mark}{host}{slash}{MASK if path else ''}"


@dataclass(slots=True)
class Scrub:
    """Goes over texts. With `anonymous` one EUI has the same stand-in in all of them."""

    secrets: set[str]
    anonymous: bool = False
    _names: dict[str, str] = field(default_factory=dict)

    def text(self, text: str) -> str:
        for secret in sorted(self.secrets, key=len, reverse=True):
            if len(secret) >= SHORTEST:
                text = text.replace(secret, MASK)
        for pattern in (_PEM, _API_KEY, _ANY_KEY):
            text = pattern.sub(MASK, text)
        text = _LONG.sub(lambda found: MASK if _is_random(found[0]) else found[0], text)
        text = _USERINFO.sub(f"{MASK}@", text)
        text = _BEARER.sub(rf"\1 {MASK}", text)
        text = _QUERY.sub(rf"\1{MASK}", text)
        return self._without_identities(text) if self.anonymous else text

    def _without_identities(self, text: str) -> str:
        text = _PLACE.sub(r"\g<1>0", text)
        text = _EUI.sub(lambda found: self._stand_in("eui", found[0]), text)
        return _ADDRESS.sub(lambda found: self._stand_in("addr", found[0]), text)

    def _stand_in(self, kind: str, name: str) -> str:
        plain = re.sub("[-:]", "", name).lower()
        return self._names.setdefault(plain, f"{kind}-{len(self._names) + 1}")


def _is_random(word: str) -> bool:
    """Whether a long word is a secret rather than a name: digits and both cases in it."""
    kinds = (str.isdigit, str.islower, str.isupper)
    return all(any(is_kind(letter) for letter in word) for is_kind in kinds)


def unreadable(text: str) -> str:
    """A configuration that cannot be parsed: its names, and values that are numbers or flags."""
    return "\n".join(_bare(line) for line in text.splitlines())


def _bare(line: str) -> str:
    if re.fullmatch(r"\s*\[+[\w.]+\]+\s*", line) or not line.strip():
        return line
    found = re.fullmatch(r"(\s*\"?[\w.]+\"?\s*[=:]\s*)(true|false|[-\d._]+)?(,?\s*)(.*)", line)
    return f"{found[1]}{found[2] or MASK}" if found else MASK
