"""What `pip install` of the wheel gives: the command, with regions and boards, away from a clone."""

from __future__ import annotations

import socket
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GATEWAY = 'board = "rak2287"\nregion = "EU868"\n[[server]]\naddress = "127.0.0.1"\n'
Edgemast = Callable[..., str]


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def edgemast(tmp_path_factory: pytest.TempPathFactory) -> Edgemast:
    """Builds the wheel, installs it where the clone is not in sight, gives the installed command.

    Needs no network: hatchling is here for it, and what the wheel depends on is lent by a .pth.
    """
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (wheel,) = folder.glob("edgemast-*.whl")
    home = folder / "home"
    venv.create(home, symlinks=True)
    paths = {"base": str(home), "platbase": str(home)}
    site = Path(sysconfig.get_path("purelib", "venv", vars=paths))
    pip = ("-m", "pip", "--python", home / "bin" / "python", "install", "--no-deps", "--no-index")
    run(sys.executable, *pip, "--quiet", wheel, cwd=folder)
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    where = "import forwarder, hal; print(forwarder.__file__, hal.__file__)"
    found = run(home / "bin" / "python", "-c", where, cwd=folder).split()
    assert all(Path(file).is_relative_to(site) for file in found), "not the clone's"

    def call(*arguments: str) -> str:
        return run(home / "bin" / "edgemast", *arguments, cwd=folder)

    return call


def test_the_wheel_knows_its_version(edgemast: Edgemast) -> None:
    assert edgemast("--version").strip() == f"edgemast {version('edgemast')}"


def test_the_wheel_brings_regions_and_boards(edgemast: Edgemast, tmp_path: Path) -> None:
    gateway = tmp_path / "gateway.toml"
    gateway.write_text(GATEWAY)
    assert "EU868" in edgemast("config", "show", str(gateway))
    edgemast("config", "check", str(gateway))


def test_the_wheel_computes_and_decodes(edgemast: Edgemast) -> None:
    assert edgemast("airtime", "--sf", "7", "--bw", "125", "--size", "20").split()[0] == "56576"
    assert "MIC" in edgemast("frame", "408618c92600000001719e805c69")


def test_the_wheel_plays_the_demo_with_its_page(edgemast: Edgemast) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    assert "summary after" in edgemast("demo", "--seconds", "2", "--page", port)
