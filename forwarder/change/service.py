"""What restarts the gateway: systemd, or a process that somebody else starts again."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from typing import Protocol

from .pending import ChangeError

UNIT = "edgemast.service"
COMMAND_S = 30.0

Run = Callable[[tuple[str, ...]], tuple[int, str]]
ALIVE = ("active", "activating", "reloading", "failed")


class Service(Protocol):
    def restart(self) -> None:
        """Have the gateway begin anew; does not wait for it. Raises ChangeError."""
        ...

    def ended(self) -> str:
        """Why it will not come by itself any more; "" while it may."""
        ...


def run_command(words: tuple[str, ...], limit_s: float = COMMAND_S) -> tuple[int, str]:
    """Exit code and what was said, on either channel."""
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=limit_s, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 127, str(error)
    return done.returncode, (done.stdout + done.stderr).strip()


class Systemd:
    """The installed unit."""

    def __init__(self, run: Run = run_command) -> None:
        self._run = run

    def runs(self) -> bool:
        """Whether there is a service to restart: running, starting, or failed."""
        _, state = self._run(("systemctl", "is-active", UNIT))
        return state in ALIVE

    def installed(self) -> bool:
        """Whether systemd runs here and knows the unit."""
        code, state = self._run(("systemctl", "show", UNIT, "--property", "LoadState", "--value"))
        return code == 0 and state == "loaded"

    def restart(self) -> None:
        code, said = self._run(("systemctl", "restart", "--no-block", UNIT))
        if code:
            raise ChangeError(f"the service cannot be restarted: {said}")

    def ended(self) -> str:
        shown = ("ActiveState", "Result", "ExecMainStatus")
        _, said = self._run(("systemctl", "show", UNIT, "--property", ",".join(shown)))
        state = dict(line.partition("=")[::2] for line in said.splitlines())
        if state.get("ActiveState") != "failed":
            return ""
        _, log = self._run(("journalctl", "--unit", UNIT, "--lines", "3", "--output", "cat", "-q"))
        return (
            f"the service ended ({state.get('Result')}, code {state.get('ExecMainStatus')}): "
            + " / ".join(log.splitlines())
        )


class Process:
    """A gateway that something else starts again when it ends, as a container's engine does."""

    def __init__(self, pid: Callable[[], int | None]) -> None:
        self._pid = pid

    def restart(self) -> None:
        pid = self._pid()
        if pid is None:
            return  # it is on its way already
        try:
            os.kill(pid, signal.SIGTERM)
        except OSError as error:
            raise ChangeError(f"the gateway (pid {pid}) cannot be ended: {error}") from error

    def ended(self) -> str:
        return ""
