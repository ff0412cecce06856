"""The generated modules of our .proto files load and carry on every protobuf that we allow.

The whole range takes minutes and the network, so it is done on request: EDGEMAST_PROTOBUF="3.20.3
4.21.12 7.36.2" names the versions. Without it, the one that is installed is tried.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
MODULES = sorted(path for path in (ROOT / "forwarder").rglob("*_pb2.py"))
VERSIONS = os.environ.get("EDGEMAST_PROTOBUF", "").split()

# Every field of every message is set to something, and comes back equal from the bytes and from
# JSON. Run by a Python that has nothing but protobuf, so each module is loaded by its path.
ROUND_TRIP = """
import importlib.util, sys
import google.protobuf
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor as F

def value(field):
    if field.type == F.TYPE_BYTES: return b"\\x01\\xff"
    if field.type == F.TYPE_STRING: return "text"
    if field.type == F.TYPE_BOOL: return True
    if field.type == F.TYPE_ENUM: return field.enum_type.values[-1].number
    return 1

def fill(message, depth=0):
    for field in message.DESCRIPTOR.fields:
        if field.message_type and field.message_type.GetOptions().map_entry:
            entry = field.message_type.fields_by_name
            if entry["value"].message_type is None:
                getattr(message, field.name)[value(entry["key"])] = value(entry["value"])
        elif isinstance(getattr(message, field.name), (bool, int, float, str, bytes)):
            setattr(message, field.name, value(field))
        elif hasattr(getattr(message, field.name), "append"):
            many = getattr(message, field.name)
            if field.message_type: fill(many.add(), depth + 1)
            else: many.append(value(field))
        elif depth < 8:
            getattr(message, field.name).SetInParent()
            fill(getattr(message, field.name), depth + 1)

for path in sys.argv[1:]:
    spec = importlib.util.spec_from_file_location(path.replace("/", "_"), path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in module.DESCRIPTOR.message_types_by_name:
        kind = getattr(module, name)
        filled = kind()
        fill(filled)
        assert kind.FromString(filled.SerializeToString()) == filled, name
        text = json_format.MessageToJson(filled)
        assert json_format.Parse(text, kind()) == filled, name
print("ok", google.protobuf.__version__)
"""


def round_trip(python_path: str, **environment: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", ROUND_TRIP, *map(str, MODULES)],
        env={**os.environ, "PYTHONPATH": python_path, **environment},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return run.stdout


def test_every_message_comes_back_as_it_was() -> None:
    assert MODULES and round_trip("").startswith("ok")


def test_every_message_comes_back_without_protobufs_c_code() -> None:
    found = round_trip("", PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION="python")
    assert found.startswith("ok")


@pytest.mark.parametrize("version", VERSIONS)
def test_every_message_comes_back_on_the_protobuf(version: str, tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--target", str(tmp_path)]
    subprocess.run([*pip, "--no-deps", f"protobuf=={version}"], check=True, timeout=100)
    assert round_trip(str(tmp_path)).split() == ["ok", version]
