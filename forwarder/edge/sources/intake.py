"""From report to news: what the shells of all tunnels do with what they receive, and its counts."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ..errors import SourceError
from ..values import KeyNews
from .report import Dialect, Report, without_clear

log = logging.getLogger(__name__)

QUIET_S = 60.0  # between two warnings of one kind; whoever sends garbage must not fill the log


class Intake:
    def __init__(
        self,
        name: str,
        dialect: Dialect,
        tell: Callable[[KeyNews], None],
        *,
        allow_clear: bool = False,
    ) -> None:
        self.name = name
        self.dialect = dialect
        self._tell = tell
        self._allow_clear = allow_clear
        self._warned_s: dict[str, float] = {}
        self.counts = {"reports": 0, "news": 0, "refused": 0, "clear_refused": 0}

    def take(self, report: Report, now_s: float) -> str:
        """Tell what `report` says; gives why it was refused, "" if it was not."""
        self.counts["reports"] += 1
        try:
            found = self.dialect.read(report)
        except SourceError as error:
            self.counts["refused"] += 1
            self._warn("refused", f"refused a report: {error}", now_s)
            return str(error)
        for news in found:
            self._admit(news, now_s)
        return ""

    def _admit(self, news: KeyNews, now_s: float) -> None:
        admitted = news if self._allow_clear else without_clear(news)
        if admitted is not news:
            self.counts["clear_refused"] += 1
            self._warn(
                "clear",
                f"device {news.dev_eui}: a key came in clear and was not taken; have the Join "
                "Server wrap it under a KEK, or set allow_clear = true",
                now_s,
            )
        if admitted is not None:
            self.counts["news"] += 1
            self._tell(admitted)

    def _warn(self, kind: str, words: str, now_s: float) -> None:
        last_s = self._warned_s.get(kind)
        if last_s is None or now_s - last_s >= QUIET_S:
            self._warned_s[kind] = now_s
            log.warning("%s: %s", self.name, words)
        else:
            log.debug("%s: %s", self.name, words)
