"""This machine as `scripts/install` may change it: a mount namespace whose changes are forgotten.

/etc, /opt, /usr/local/bin and /var/lib are overlays in memory, /run is empty, and systemctl and
udevadm are ours: they write down what they are asked and answer as the test says.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]

ENTER = """
mount -t tmpfs -o mode=755 edgemast "$1"
for place in etc opt usr/local/bin var/lib; do
    mkdir -p "$1/$place/upper" "$1/$place/work" "/$place"
    mount -t overlay -o "lowerdir=/$place,upperdir=$1/$place/upper,workdir=$1/$place/work" edgemast "/$place"
done
mount -t tmpfs -o mode=755 edgemast /run
mkdir -p /run/systemd/system "$1/bin"
rm -rf /opt/edgemast /etc/edgemast
echo ready
exec cat
"""

SYSTEMCTL = """#!/bin/sh
echo "$*" >>/run/asked
case $1 in
    is-active) cat /run/active 2>/dev/null || echo inactive ;;
    restart)
        ! grep -qsx "$(readlink /opt/edgemast/current)" /run/broken || exit 1
        echo active >/run/active ;;
    show) echo Result=exit-code ;;
esac
"""
UDEVADM = "#!/bin/sh\n"

# Makes environments without a pip of their own and lends them this one's libraries: no network.
PYTHON = """#!/bin/sh
[ "$1 $2" = "-m venv" ] || exec {python} "$@"
{python} -m venv --without-pip "$3" || exit
for site in "$3"/lib/python3.*/site-packages; do echo {lent} >"$site/lent.pth"; done
"""


class Machine:
    def __init__(self, process: subprocess.Popen[str], tools: Path) -> None:
        self._enter = ("nsenter", "--mount", "--target", str(process.pid))
        self._environment = {
            "PATH": f"{tools}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "PYTHON": str(tools / "python"),
            "PIP_NO_DEPS": "1",
            "PIP_NO_INDEX": "1",
            "PIP_NO_COMPILE": "1",
            "PIP_IGNORE_INSTALLED": "1",
        }

    def call(self, *words: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (*self._enter, *map(str, words)),
            env=self._environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def say(self, *words: str | Path) -> str:
        """What a command that must succeed prints."""
        done = self.call(*words)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def write(self, path: str, text: str) -> None:
        self.call("mkdir", "-p", str(Path(path).parent))
        assert self.call("tee", path, given=text).returncode == 0

    def has(self, path: str) -> bool:
        return self.call("test", "-e", path).returncode == 0

    def asked(self) -> list[str]:
        """What systemctl was asked since the last time."""
        lines = self.call("cat", "/run/asked").stdout.splitlines()
        self.call("rm", "-f", "/run/asked")
        return lines

    def pictured(self) -> str:
        """Everything that an installation consists of, with the time of its last change."""
        places = ("/opt/edgemast", "/etc/systemd", "/etc/udev", "/etc/group", "/etc/passwd")
        shown = ("-printf", "%p %l %C@\n")
        return self.say("find", *places, "/usr/local/bin/edgemast", *shown)


def base_python() -> Path:
    """The interpreter that this environment was made from."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


@contextmanager
def a_machine(folder: Path) -> Iterator[Machine | None]:
    """None where this user may not make one."""
    process = subprocess.Popen(
        ("unshare", "--mount", "--propagation", "private", "sh", "-ec", ENTER, "sh", str(folder)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            yield None
            return
        machine = Machine(process, folder / "bin")
        python = PYTHON.format(python=base_python(), lent=sysconfig.get_path("purelib"))
        tools = {"systemctl": SYSTEMCTL, "udevadm": UDEVADM, "python": python}
        for name, text in tools.items():
            machine.write(f"{folder}/bin/{name}", text)
            machine.say("chmod", "755", folder / "bin" / name)
        yield machine
    finally:
        process.communicate()
