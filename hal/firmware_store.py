"""Where firmware images are kept on this machine, how they get there and how they are found.

An import goes to `--data-dir`, else $EDGEMAST_DATA, else for root /var/lib/edgemast and for a user
$XDG_DATA_HOME/edgemast or ~/.local/share/edgemast. A start looks there and in the system's place.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from .errors import FirmwareError
from .sx1302.firmware import (
    AGC_SX1250,
    AGC_SX1257,
    ARB,
    CALIBRATION,
    KNOWN,
    LARGEST,
    SX1261_PATCH,
    Firmware,
    KnownImage,
    parse_var,
    recognise,
)

log = logging.getLogger(__name__)

SYSTEM_DIR = Path("/var/lib/edgemast")
FOLDER = "firmware"
PSEUDO_TERMINALS = ("/dev/pts/", "/dev/ttys")  # Linux, macOS
LARGEST_FILE = 1 << 20  # a .var file of 8192 numbers has some 50 kB
HOW = "edgemast firmware import PATH_TO/sx1302_hal"


@dataclass(frozen=True, slots=True)
class Imported:
    """One file that was looked at: what it is and where it went, or why it was left."""

    source: Path
    image: KnownImage | None
    path: Path | None
    why: str = ""


def data_dir(given: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """Where this user's imports go."""
    if given is not None:
        return given
    if environ.get("EDGEMAST_DATA"):
        return Path(environ["EDGEMAST_DATA"])
    return SYSTEM_DIR if os.geteuid() == 0 else _user_dir(environ)


def search_dirs(given: Path | None = None, environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Where images are looked for, in order."""
    return list(dict.fromkeys((data_dir(given, environ), SYSTEM_DIR)))


def locate(image: KnownImage, dirs: list[Path]) -> Path | None:
    """The file of an image, whatever its contents are."""
    paths = (folder / FOLDER / image.file_name for folder in dirs)
    return next((path for path in paths if path.is_file()), None)


def load(given: Path | None = None, *, lbt: bool = False, sx1250: bool = True) -> Firmware:
    """What a start needs. Raises FirmwareError: which image is missing or damaged, what to do.

    The SX1261's patch may be missing: the gateway receives without it.
    """
    dirs = search_dirs(given)
    return Firmware(
        agc=_read_known(AGC_SX1250 if sx1250 else AGC_SX1257, dirs),
        arb=_read_known(ARB, dirs),
        sx1261_patch=_optional(SX1261_PATCH, dirs) if lbt else None,
        calibration=None if sx1250 else _read_known(CALIBRATION, dirs),
    )


def load_for(uri: str, *, lbt: bool = False, sx1250: bool = True) -> Firmware:
    """What a start on the radio at `uri` needs.

    The simulated board on a pseudo-terminal speaks as a real bridge does and has no use for
    Semtech's images; there, and where a recording is played, their absence is no reason to stop.
    """
    try:
        found = load(lbt=lbt, sx1250=sx1250)
        if lbt and found.sx1261_patch is None and _is_simulated(uri):
            return replace(found, sx1261_patch=Firmware.simulated().sx1261_patch)
        return found
    except FirmwareError:
        if not _is_simulated(uri):
            raise
        log.info("no firmware is installed; %s is simulated and needs none", uri)
        return Firmware.simulated()


def _is_simulated(uri: str) -> bool:
    scheme, _, rest = uri.partition(":")
    device = os.path.realpath(rest.partition("?")[0])
    return scheme in ("sim", "trace") or (scheme == "usb" and device.startswith(PSEUDO_TERMINALS))


def import_from(path: Path, into: Path) -> list[Imported]:
    """Store every known image at `path`: a .var file, a raw image, or a folder with .var files.

    Raises FirmwareError when there is none, or when it cannot be stored.
    """
    found = [_import_file(source, into) for source in _sources(path)]
    if not any(item.image for item in found):
        seen = "; ".join(f"{item.source.name}: {item.why}" for item in found[:3])
        raise FirmwareError(
            f"no known firmware at {path} ({seen or 'no .var file there'}); "
            "expected: a copy of Semtech's sx1302_hal 2.1.0, one of its .var files, "
            f"or a raw image of {LARGEST} bytes"
        )
    return found


def _import_file(source: Path, into: Path) -> Imported:
    try:
        content = _read(source)
        raw = len(content) == LARGEST or source.suffix == ".bin"
        data = content if raw else parse_var(content.decode("ascii"))
    except UnicodeDecodeError:
        return Imported(source, None, None, f"neither a C array nor {LARGEST} bytes")
    except FirmwareError as error:
        return Imported(source, None, None, str(error))
    image = recognise(data)
    if image is None:
        return Imported(source, None, None, "unknown contents (SHA-256 is not on the list)")
    return Imported(source, image, _store(data, into / FOLDER / image.file_name))


def _sources(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(path.rglob("*.var"))
    elif path.is_file():
        yield path
    else:
        raise FirmwareError(f"{path}: no such file or folder")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise FirmwareError(f"cannot read {path}: {error.strerror}") from error
    if len(content) > LARGEST_FILE:
        raise FirmwareError(f"{path} is larger than any firmware image")
    return content


def _read_known(image: KnownImage, dirs: list[Path]) -> bytes:
    path = locate(image, dirs)
    if path is None:
        looked = " and ".join(str(folder / FOLDER) for folder in dirs)
        raise FirmwareError(
            f"the chip's firmware '{image.name}' version {image.version} ({image.purpose}) is not "
            f"installed (looked in {looked}); get Semtech's sx1302_hal and run: {HOW}"
        )
    content = _read(path)
    if recognise(content) is not image:
        raise FirmwareError(f"{path} is damaged; run again: {HOW}")
    return content


def _optional(image: KnownImage, dirs: list[Path]) -> bytes | None:
    try:
        return _read_known(image, dirs)
    except FirmwareError as error:
        log.warning("%s", error)
        return None


def _store(data: bytes, path: Path) -> Path:
    """Whole or not at all, also when the power fails."""
    from tempfile import NamedTemporaryFile  # for an import only: a running gateway does without

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary = Path(file.name)
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise FirmwareError(
            f"cannot write {path}: {error.strerror}; choose a place with --data-dir, "
            "or run as the user of the service"
        ) from error
    return path


def _user_dir(environ: Mapping[str, str]) -> Path:
    base = environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "edgemast"


def known_images(given: Path | None = None) -> list[tuple[KnownImage, Path | None, bool]]:
    """Every image on the list, where it is installed, and whether it is intact there."""
    dirs = search_dirs(given)
    return [(image, path := locate(image, dirs), _intact(image, path)) for image in KNOWN]


def _intact(image: KnownImage, path: Path | None) -> bool:
    try:
        return path is not None and recognise(_read(path)) is image
    except FirmwareError:
        return False
