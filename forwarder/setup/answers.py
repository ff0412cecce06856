"""What was answered, and the configuration file that it makes. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerAnswer:
    """One `[[server]]`; empty strings are not written."""

    kind: str
    profile: str
    address: str
    username: str = ""
    password_file: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """`radio` is empty where the board's own is right."""

    board: str
    region: str
    sub_band: int | None = None
    radio: str = ""
    servers: tuple[ServerAnswer, ...] = ()


def to_toml(answers: Answers) -> str:
    """The file, without defaults."""
    return "\n".join(_lines(answers)) + "\n"


def _lines(answers: Answers) -> Iterator[str]:
    yield "# Written by `edgemast setup`. Every other setting has a default:"
    yield "# `edgemast config show` prints them all, config/gateway.toml explains them."
    yield f"board = {quoted(answers.board)}"
    yield f"region = {quoted(answers.region)}"
    if answers.sub_band is not None:
        yield f"sub_band = {answers.sub_band}"
    if answers.radio:
        yield ""
        yield "[concentrator]"
        yield f"radio = {quoted(answers.radio)}"
    for server in answers.servers:
        yield ""
        yield "[[server]]"
        yield f"type = {quoted(server.kind)}"
        yield f"address = {quoted(server.address)}"
        if server.profile != "generic":
            yield f"profile = {quoted(server.profile)}"
        if server.username:
            yield f"username = {quoted(server.username)}"
        if server.password_file:
            yield f"password_file = {quoted(server.password_file)}"


def quoted(text: str) -> str:
    """A TOML basic string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in escaped) + '"'
