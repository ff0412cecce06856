"""What a user can do something about. Every message says what was expected, what came, what to do.

EdgemastError
├── ConfigError     a setting or an argument is wrong: exit code 2, systemd does not retry
├── SecretError     a file with a key or a password is missing, or others can read it
└── Fatal           trying again cannot help: ends the process with exit code 1
"""

from __future__ import annotations


class EdgemastError(Exception):
    """The base of what commands turn into one line on stderr."""


class ConfigError(EdgemastError):
    """A configuration, a region, a board or an argument is wrong; names file, key and value."""


class Fatal(EdgemastError):
    """Trying again cannot help."""


class SecretError(EdgemastError):
    """A secret cannot be read or kept safe; names the file and what to type, never contents."""
