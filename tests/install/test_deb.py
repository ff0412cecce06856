"""`scripts/deb`: what is in the package and what dpkg is told, built without the libraries."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

from forwarder.version import VERSION

from .machine import ROOT

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg-deb")


@pytest.fixture(scope="module")
def deb() -> ModuleType:
    """The script as a module."""
    loader = SourceFileLoader("deb", str(ROOT / "scripts" / "deb"))
    spec = importlib.util.spec_from_loader("deb", loader)
    assert spec is not None
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    sys.dont_write_bytecode = before
    return module


@pytest.fixture(scope="module")
def package(deb: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without libraries, which need the network."""
    folder = tmp_path_factory.mktemp("deb")

    def libraries(place: Path, *given: object) -> None:
        deb.put(place / "forwarder" / "__init__.py", "")

    wheel = folder / f"edgemast-{VERSION}-py3-none-any.whl"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deb, "libraries", libraries)
        built = deb.build("arm64", wheel, folder / "out", folder / "work")
    assert isinstance(built, Path)
    return built


def unpacked(package: Path, folder: Path) -> Path:
    subprocess.run(("dpkg-deb", "--raw-extract", package, folder), check=True)
    return folder


@needs_dpkg
def test_dpkg_reads_what_the_package_is(package: Path) -> None:
    words = ("dpkg-deb", "--field", str(package), "Package", "Version", "Architecture")
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert said.split() == ["Package:", "edgemast", "Version:", VERSION, "Architecture:", "arm64"]


@needs_dpkg
def test_the_unit_starts_the_command_that_the_package_brings(package: Path, tmp_path: Path) -> None:
    tree = unpacked(package, tmp_path / "tree")
    unit = (tree / "usr/lib/systemd/system/edgemast.service").read_text()
    (command,) = re.findall(r"^ExecStart=(\S+)", unit, re.MULTILINE)
    assert (tree / command.lstrip("/")).stat().st_mode & 0o111


@needs_dpkg
def test_no_configuration_is_in_the_package_so_none_is_overwritten(
    package: Path, tmp_path: Path
) -> None:
    tree = unpacked(package, tmp_path / "tree")
    assert list((tree / "etc").rglob("*")) == [tree / "etc/edgemast"]
    assert not (tree / "DEBIAN/conffiles").exists()


@needs_dpkg
def test_the_scripts_of_the_package_are_good_shell(package: Path, tmp_path: Path) -> None:
    tree = unpacked(package, tmp_path / "tree")
    for name in ("postinst", "prerm", "postrm"):
        subprocess.run(("sh", "-n", tree / "DEBIAN" / name), check=True)
        assert (tree / "DEBIAN" / name).stat().st_mode & 0o111


def test_every_library_comes_from_debian_or_with_the_package(deb: ModuleType) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = project["dependencies"] + project["optional-dependencies"]["pi"]
    with_us = {deb.name_of(text) for text in deb.wanted()}
    assert {deb.name_of(text) for text in needed} <= with_us | set(deb.FROM_DEBIAN)


def test_modules_of_two_pythons_lie_side_by_side(deb: ModuleType, tmp_path: Path) -> None:
    for python in ("311", "313"):
        deb.put(tmp_path / python / f"core.cpython-{python}.so", python)
        deb.put(tmp_path / python / "same.py", "same")
        deb.merge(tmp_path / python, tmp_path / "both")
    names = {path.name for path in (tmp_path / "both").iterdir()}
    assert names == {"core.cpython-311.so", "core.cpython-313.so", "same.py"}


def test_a_library_that_differs_between_pythons_is_refused(deb: ModuleType, tmp_path: Path) -> None:
    deb.put(tmp_path / "a" / "same.py", "one")
    deb.put(tmp_path / "b" / "same.py", "another")
    deb.merge(tmp_path / "a", tmp_path / "both")
    with pytest.raises(SystemExit, match=r"same\.py differs"):
        deb.merge(tmp_path / "b", tmp_path / "both")
