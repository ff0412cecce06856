"""The computer as the doctor reads it: files below a root, a few commands, who may open what.

Nothing here is written or claimed. A test gives a folder as the root and its own commands.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

COMMAND_S = 2.0

Run = Callable[[tuple[str, ...]], str | None]


def run_command(words: tuple[str, ...]) -> str | None:
    """Standard output of a command, or None if it is not there, fails or hangs."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=COMMAND_S, check=False)
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def may_open(path: Path) -> bool:
    return os.access(path, os.R_OK | os.W_OK)


class Machine:
    def __init__(
        self,
        root: Path = Path("/"),
        run: Run = run_command,
        access: Callable[[Path], bool] = may_open,
    ) -> None:
        self.root = root
        self.run = run
        self._access = access

    def path(self, name: str) -> Path:
        """Where the absolute path `name` of the machine is."""
        return self.root / name.lstrip("/")

    def exists(self, name: str) -> bool:
        return self.path(name).exists()

    def text(self, name: str) -> str | None:
        """The text of a file without the NUL that device trees end it with; None if unreadable."""
        try:
            return self.path(name).read_bytes().rstrip(b"\0").decode("utf-8", "replace").strip()
        except OSError:
            return None

    def names(self, folder: str, pattern: str) -> list[str]:
        """The absolute paths of what matches `pattern` in `folder`, sorted."""
        found = sorted(self.path(folder).glob(pattern))
        return ["/" + str(path.relative_to(self.root)) for path in found]

    def may_open(self, name: str) -> bool:
        """Whether this user may read and write it."""
        return self._access(self.path(name))

    def group_of(self, name: str) -> str:
        """The group of a file, by name where it has one."""
        try:
            return self.path(name).group()
        except (OSError, KeyError):
            return "root"

    def user(self) -> str:
        """Who runs this, by name where there is one."""
        import pwd

        try:
            return pwd.getpwuid(os.geteuid()).pw_name
        except KeyError:
            return str(os.geteuid())

    def holders(self, name: str) -> list[str]:
        """Other processes that have `name` open, as "name (pid N)", as far as we may see."""
        resolved = os.path.realpath(self.path(name))
        below = "/" + os.path.relpath(resolved, self.root) if self.root != Path("/") else resolved
        return [self._process(pid) for pid in self._others() if below in self._open_files(pid)]

    def _others(self) -> Iterator[int]:
        for folder in sorted(self.path("/proc").glob("[0-9]*")):
            if folder.name.isdigit() and int(folder.name) != os.getpid():
                yield int(folder.name)

    def _open_files(self, pid: int) -> set[str]:
        found = set()
        try:
            for link in self.path(f"/proc/{pid}/fd").iterdir():
                found.add(os.readlink(link))  # noqa: PTH115  # a Path would lose "anon_inode:"
        except OSError:
            pass  # not ours to see, or gone in the meantime
        return found

    def processes_with(self, target: str) -> list[str]:
        """Processes that have an open file whose link reads `target`, such as a GPIO line's."""
        return [self._process(pid) for pid in self._others() if target in self._open_files(pid)]

    def _process(self, pid: int) -> str:
        return f"{self.text(f'/proc/{pid}/comm') or 'a process'} (pid {pid})"

    # What a Raspberry Pi tells of itself.

    def model(self) -> str | None:
        """As "Raspberry Pi 5 Model B Rev 1.0"; None on other machines."""
        return self.text("/proc/device-tree/model")

    def node_status(self, alias: str) -> str | None:
        """The state of a device tree node such as "spi0": "okay", "disabled"; None without it."""
        node = self.text(f"/proc/device-tree/aliases/{alias}")
        if node is None:
            return None
        return self.text(f"/proc/device-tree{node}/status") or "okay"  # absent means enabled

    def boot_config(self) -> str:
        """Where config.txt is on this image."""
        places = ("/boot/firmware/config.txt", "/boot/config.txt")
        return next((place for place in places if self.exists(place)), places[0])

    def boot_lines(self, pattern: str) -> list[str]:
        """The lines of config.txt that are no comments and match `pattern`."""
        text = self.text(self.boot_config()) or ""
        lines = (line.split("#")[0].strip() for line in text.splitlines())
        return [line for line in lines if line and re.search(pattern, line)]
