"""Passwords and tokens: one line in a file that only its owner can read, or from systemd."""

from __future__ import annotations

from pathlib import Path

from ..errors import ConfigError, SecretError
from .secret_files import read_credential, read_private

CREDENTIAL = "credential:"


def read_token(place: str, what: str) -> str:
    """The line in the file `place`, or in the systemd credential of credential:NAME.

    Raises ConfigError that says what to do; `what` names what it is for.
    """
    try:
        if place.startswith(CREDENTIAL):
            data = read_credential(place.removeprefix(CREDENTIAL))
        else:
            data = read_private(Path(place))
        token = data.decode("ascii").strip()
    except SecretError as error:
        raise ConfigError(f"{what}: {error}") from None
    except UnicodeDecodeError:
        token = ""
    if not token or not token.isprintable():
        raise ConfigError(f"{what}: one line of ASCII characters expected in {place}")
    return token
