"""Words for error messages: the nearest known name, and values as a person writes them."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for a name that looks like a known one, else an empty string."""
    from difflib import get_close_matches  # only mistakes pay for it

    close = get_close_matches(name, list(known), n=1)
    if not close:
        folded = {word.lower(): word for word in known}
        close = [folded[name.lower()]] if name.lower() in folded else []
    return f"; did you mean '{close[0]}'?" if close else ""


def shown(value: object) -> str:
    """`value` in a message: short, on one line, in the notation of both file formats."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = '"' + "".join(c if c.isprintable() else "?" for c in value) + '"'
    elif isinstance(value, dict):
        text = "a table"
    else:
        text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
