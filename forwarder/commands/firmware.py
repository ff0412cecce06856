"""`edgemast firmware`: import Semtech's images from a user's own copy, list what is installed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from hal.firmware_store import HOW, Imported, data_dir, import_from, known_images
from hal.sx1302.firmware import KnownImage

HELP = "import or list the chip's firmware images"
EXAMPLE = "edgemast firmware import ~/sx1302_hal"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="import|list")
    add = actions.add_parser(
        "import",
        help="store the images found at PATH",
        epilog=f"example: {EXAMPLE}",
        description="Stores Semtech's firmware images so that a real board can start.",
    )
    add.add_argument("path", metavar="PATH", help="a copy of sx1302_hal, a .var or a raw image")
    show = actions.add_parser(
        "list", help="what is known and installed", epilog="example: edgemast firmware list --json"
    )
    show.add_argument("--json", action="store_true", help="print a list of objects")
    for action in (add, show):
        action.add_argument(
            "--data-dir", metavar="D", help="instead of $EDGEMAST_DATA or the usual place"
        )


def run(args: argparse.Namespace) -> int:
    given = Path(args.data_dir) if args.data_dir else None
    if args.action == "import":
        for item in import_from(Path(args.path), data_dir(given)):
            print(_import_line(item))
        return 0
    rows = known_images(given)
    if args.json:
        import json

        print(json.dumps([_object(*row) for row in rows], indent=1))
        return 0
    for row in rows:
        print(_list_line(*row))
    missing = [image.name for image, _, intact in rows if image.needed and not intact]
    if missing:
        print(f"a real board needs {' and '.join(missing)}: {HOW}")
    return 0


def _import_line(item: Imported) -> str:
    if item.image is None:
        return f"{item.source}: left out: {item.why}"
    return f"{item.source}: {item.image.name} version {item.image.version} -> {item.path}"


def _list_line(image: KnownImage, path: Path | None, intact: bool) -> str:
    state = "missing" if path is None else str(path) if intact else f"DAMAGED {path}"
    return f"{image.name:<12} v{image.version:<3} {image.sha256[:16]}  {state}  ({image.purpose})"


def _object(image: KnownImage, path: Path | None, intact: bool) -> dict[str, Any]:
    return {
        "name": image.name,
        "version": image.version,
        "sha256": image.sha256,
        "purpose": image.purpose,
        "needed": image.needed,
        "source": image.source,
        "present": path is not None,
        "intact": intact,
        "path": None if path is None else str(path),
    }
