"""`scripts/install`: install, again, upgrade, an upgrade that fails, uninstall; in a namespace."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .machine import ROOT, Machine, a_machine, base_python

SCRIPT = ROOT / "scripts" / "install"
GATEWAY = 'board = "sim"\nregion = "EU868"\n[[server]]\naddress = "127.0.0.1"\n'

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None,
    reason="needs root and unshare, for a namespace in which /etc and /opt may be changed",
)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two wheels of the same version that differ."""
    folder = tmp_path_factory.mktemp("wheels")
    build = ("-m", "hatchling", "build", "-t", "wheel", "-d", str(folder))
    subprocess.run((sys.executable, *build), cwd=ROOT, check=True, capture_output=True)
    (first,) = folder.glob("*.whl")
    second = folder / "other" / first.name
    second.parent.mkdir()
    shutil.copy(first, second)
    with zipfile.ZipFile(second, "a") as archive:
        archive.writestr("forwarder/data/another.txt", "changed\n")
    return first, second


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with a_machine(tmp_path_factory.mktemp("machine")) as machine:
        if machine is None:
            pytest.skip("needs mount namespaces with overlays")
        yield machine


@pytest.fixture(scope="module")
def machine(bare: Machine, wheels: tuple[Path, Path]) -> Machine:
    """With the first version installed, configured and running as 0.1.0-1."""
    assert bare.call(SCRIPT, "--upgrade", "--wheel", wheels[0]).returncode == 1
    bare.write("/etc/edgemast/gateway.toml", GATEWAY)
    bare.say(SCRIPT, "--wheel", wheels[0])
    return bare


def current(machine: Machine) -> str:
    return machine.say("readlink", "/opt/edgemast/current").rpartition("-")[2]


def test_a_dry_run_changes_nothing(bare: Machine, wheels: tuple[Path, Path]) -> None:
    said = bare.say(SCRIPT, "--dry-run", "--wheel", wheels[0])
    assert "/opt/edgemast" in said and not bare.has("/opt/edgemast")


def test_an_installation_runs_as_its_own_user_with_the_groups_there_are(machine: Machine) -> None:
    lines = machine.say("cat", "/etc/group").splitlines()
    there = {line.partition(":")[0] for line in lines} & {"spi", "gpio", "i2c", "dialout"}
    assert set(machine.say("id", "-nG", "edgemast").split()) == {"edgemast"} | there
    assert machine.say("/usr/local/bin/edgemast", "--version").startswith("edgemast ")


def test_an_installation_enables_the_service_and_starts_it(machine: Machine) -> None:
    asked = machine.asked()
    assert "--quiet enable edgemast" in asked and asked[-1] == "restart edgemast"


def test_a_second_run_changes_nothing(machine: Machine, wheels: tuple[Path, Path]) -> None:
    machine.asked()
    before = machine.pictured()
    machine.say(SCRIPT, "--wheel", wheels[0])
    assert machine.pictured() == before and machine.asked() == []


def test_the_configuration_is_not_overwritten(machine: Machine) -> None:
    assert machine.say("cat", "/etc/edgemast/gateway.toml") == GATEWAY.strip()


def test_an_upgrade_that_does_not_get_the_radio_up_is_taken_back(
    machine: Machine, wheels: tuple[Path, Path]
) -> None:
    name = machine.say("readlink", "/opt/edgemast/current")
    machine.write("/run/broken", name.rpartition("-")[0] + "-2\n")
    done = machine.call(SCRIPT, "--upgrade", "--wheel", wheels[1])
    machine.call("rm", "/run/broken")
    assert done.returncode == 1 and "going back" in done.stderr
    assert current(machine) == "1" and not machine.has(f"/opt/edgemast/{name[:-1]}2")
    assert machine.asked().count("restart edgemast") == 2


def test_a_version_that_refuses_the_configuration_is_not_put_in_place(
    machine: Machine, wheels: tuple[Path, Path]
) -> None:
    machine.write("/etc/edgemast/gateway.toml", GATEWAY.replace("EU868", "Atlantis"))
    done = machine.call(SCRIPT, "--upgrade", "--wheel", wheels[1])
    machine.write("/etc/edgemast/gateway.toml", GATEWAY)
    assert done.returncode == 1 and "Nothing was changed" in done.stderr
    assert current(machine) == "1" and "restart edgemast" not in machine.asked()


def test_an_upgrade_keeps_the_version_before_it(
    machine: Machine, wheels: tuple[Path, Path]
) -> None:
    machine.say(SCRIPT, "--upgrade", "--wheel", wheels[1])
    kept = machine.say("ls", "/opt/edgemast").split()
    assert current(machine) == "2" and len(kept) == 3


def test_uninstalling_leaves_configuration_and_data(machine: Machine) -> None:
    machine.write("/var/lib/edgemast/gateway-eui", "0016c001ff1c2d3e\n")
    machine.say(SCRIPT, "--uninstall")
    assert not machine.has("/opt/edgemast") and not machine.has("/usr/local/bin/edgemast")
    assert not machine.has("/etc/systemd/system/edgemast.service")
    assert machine.has("/etc/edgemast/gateway.toml") and machine.has(
        "/var/lib/edgemast/gateway-eui"
    )


def test_purging_leaves_nothing(machine: Machine) -> None:
    machine.say(SCRIPT, "--uninstall", "--purge")
    assert not machine.has("/etc/edgemast") and not machine.has("/var/lib/edgemast")
    assert machine.call("id", "edgemast").returncode == 1


def test_a_system_in_a_folder_gets_paths_without_the_folder(
    bare: Machine, wheels: tuple[Path, Path]
) -> None:
    image = "/run/image"
    bare.write(f"{image}/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
    bare.write(f"{image}/etc/group", "root:x:0:\nspi:x:101:\ngpio:x:102:\n")
    bare.write(f"{image}{base_python()}", "stands for the image's own\n")
    bare.say(SCRIPT, "--root", image, "--wheel", wheels[0])
    launcher = bare.say("head", "-1", f"{image}/opt/edgemast/current/bin/edgemast")
    assert launcher.startswith("#!/opt/edgemast/")
    assert "spi:x:101:edgemast" in bare.say("cat", f"{image}/etc/group")
    assert bare.has(f"{image}/etc/systemd/system/multi-user.target.wants/edgemast.service")


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["--colour"], id="no such option"),
        pytest.param(["--purge"], id="purge without uninstall"),
        pytest.param(["--wheel"], id="a value is missing"),
    ],
)
def test_wrong_usage_is_2_and_says_where_to_read(words: list[str]) -> None:
    done = subprocess.run((SCRIPT, *words), capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "--help" in done.stderr
