"""Configurations of other gateway programs as a gateway.toml.

One module a program reads its files into a `Draft`; `join.py` makes the file of it. The modules
are pure; `files.py` opens what the command names.
"""

from __future__ import annotations

from .files import collect
from .join import Choice, Foreign, Migrated, migrate

__all__ = ["Choice", "Foreign", "Migrated", "collect", "migrate"]
