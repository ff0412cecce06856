"""Which Edgemast this is: the one place that says it, read by the build too (pyproject.toml)."""

from __future__ import annotations

VERSION = "0.1.0"
