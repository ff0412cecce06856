"""Answers of a while ago, for requests that come again: an MQTT broker may deliver twice. Pure."""

from __future__ import annotations

from .dialect import Message

MOST = 64
KEPT_S = 300.0


class Repeats:
    """`Message` is None where the dialect had no words for the answer."""

    def __init__(self) -> None:
        self._answers: dict[bytes, tuple[float, Message | None]] = {}

    def find(self, key: bytes, now: float) -> tuple[Message | None] | None:
        """The answer in a tuple, if `key` was answered not long ago."""
        at, answer = self._answers.get(key, (0.0, None))
        return (answer,) if key in self._answers and now - at <= KEPT_S else None

    def put(self, key: bytes, answer: Message | None, now: float) -> None:
        self._answers.pop(key, None)
        self._answers[key] = (now, answer)
        while len(self._answers) > MOST:
            del self._answers[next(iter(self._answers))]
