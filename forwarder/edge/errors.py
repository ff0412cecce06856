"""What goes wrong with keys, in words that never hold one."""

from __future__ import annotations

from ..errors import EdgemastError


class EdgeError(EdgemastError):
    """The base of local mode's errors."""


class EnvelopeRefused(EdgeError):
    """A wrapped key was not opened: unknown label, wrong KEK, damaged, or not allowed."""


class TokenError(EnvelopeRefused):
    """A token does not answer: what it holds can not be used now and may be later."""


class KekError(EdgeError):
    """A key-encryption key is missing, unreadable or not what it should be."""


class SourceError(EdgeError):
    """What a key source sent makes no sense; says what was expected. Costs that document only."""
