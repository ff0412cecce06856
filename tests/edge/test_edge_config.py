"""The `[edge]` tables: what loads, and what a mistake in them is told as."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from forwarder.config import load, loads
from forwarder.config.servers import Outage
from forwarder.edge.sinks.kept_records import SinkOutage
from forwarder.errors import ConfigError
from forwarder.links.settings import OutagePolicy, OutageSettings

HEAD = 'board = "sim"\nregion = "EU868"\n[[server]]\naddress = "localhost"\n'
EUI = "0011223344556677"


def file(folder: Path, edge: str) -> Path:
    path = folder / "gateway.toml"
    path.write_text(HEAD + edge)
    return path


def test_without_the_table_nothing_of_local_mode_is_loaded(tmp_path: Path) -> None:
    path = file(tmp_path, "")
    assert load(path).edge is None
    seen = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from forwarder.config import load; import forwarder.app;"
            f"load({str(path)!r});"
            "print([m for m in sys.modules if 'edge' in m or m in ('sqlite3', 'cryptography')])",
        ],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert seen.stdout.strip() == "[]"


def test_mode_off_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    assert load(file(tmp_path, '[edge]\nmode = "off"\n')).edge is None


def test_devices_sources_and_sinks_are_read(tmp_path: Path) -> None:
    text = (
        "[edge]\ndrop_forged = true\n"
        f'[[edge.device]]\ndev_eui = "{EUI.upper()}"\nname = "cellar"\nexclusive = true\n'
        '[[edge.source]]\ntype = "static"\nfile = "/etc/edgemast/abp.toml"\n'
        '[[edge.sink]]\ntype = "jsonl"\n'
    )
    edge = load(file(tmp_path, text)).edge
    assert edge is not None and edge.settings.drop_forged
    assert [device.name for device in edge.all_devices()] == ["cellar"]
    assert edge.sources[0].file == "/etc/edgemast/abp.toml" and edge.sinks[0].path == "-"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("devices.json", json.dumps([{"dev_eui": EUI, "name": "a"}])),
        ("devices.jsonl", f'{{"dev_eui": "{EUI}", "name": "a"}}\n'),
        ("devices.toml", f'[[device]]\ndev_eui = "{EUI}"\nname = "a"\n'),
    ],
)
def test_a_devices_file_has_any_of_three_forms(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    edge = load(file(tmp_path, f'[edge]\ndevices_file = "{name}"\n')).edge
    assert edge is not None and [device.name for device in edge.all_devices()] == ["a"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[edge]\nmode = "spy"', ["gateway.toml:6", "edge.mode = 'spy'"]),
        ("[edge]\nmoed = 1", ["edge", "unknown field 'moed'"]),
        ("[edge]\nhold_s = -1", ["edge.hold_s = -1", ">= 0"]),
        ('[edge]\n[[edge.device]]\ndev_eui = "12"', ["edge.device[0].dev_eui = '12'"]),
        (
            f'[edge]\n[[edge.device]]\ndev_eui = "{EUI}"\nlorawan = "2.0"',
            ["edge.device[0].lorawan = '2.0'"],
        ),
        ('[edge]\n[[edge.source]]\ntype = "magic"', ["edge.source[0].type", "static", "tts"]),
        ('[edge]\n[[edge.sink]]\nname = "x"', ["edge.sink[0].type = None", "jsonl"]),
        ('[edge]\n[[edge.sink]]\ntype = "jsonl"\nmax_mb = -1', ["edge.sink[0].max_mb = -1"]),
        ('[edge]\ndevices_file = "none.json"', ["none.json", "cannot be read"]),
        ("[edge]\ndevice = 3", ["edge.device", "[[edge.device]]"]),
        (
            f'[edge]\n[[edge.device]]\ndev_eui = "{EUI}"\n[[edge.device]]\ndev_eui = "{EUI}"',
            [EUI, "twice"],
        ),
    ],
)
def test_a_mistake_names_file_key_value_and_what_is_allowed(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(file(tmp_path, text + "\n"))
    message = str(caught.value)
    assert message.startswith(("gateway.toml", str(tmp_path)))
    assert not [word for word in words if word not in message], message


def test_a_mistake_in_a_devices_file_names_the_device(tmp_path: Path) -> None:
    (tmp_path / "devices.json").write_text(json.dumps([{"dev_eui": EUI}, {"dev_eui": 7}]))
    with pytest.raises(ConfigError, match=r"devices\.json.*dev_eui|devices\.json.*\$\[1\]"):
        load(file(tmp_path, '[edge]\ndevices_file = "devices.json"\n'))


def test_a_key_in_the_wrong_place_is_not_repeated(tmp_path: Path) -> None:
    key = "00112233445566778899aabbccddeeff"
    with pytest.raises(ConfigError) as caught:
        load(file(tmp_path, f'[edge]\n[[edge.device]]\ndev_eui = "{key}"\n'))
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "edge", ["", "[edge]\n", '[edge]\nmode = "off"\n[[edge.sink]]\ntype = "jsonl"\n']
)
def test_an_outage_cannot_be_left_to_sinks_that_are_not_there(edge: str) -> None:
    server = '[[server]]\naddress = "x"\noutage = { policy = "sink-only" }\n'
    text = f'board = "sim"\nregion = "EU868"\n{server}{edge}'
    with pytest.raises(ConfigError, match=r"server\[0\]\.outage\.policy.*\[\[edge\.sink\]\]"):
        loads(text, "gateway.toml")


def test_a_sink_has_the_outage_settings_of_a_server_under_the_same_names() -> None:
    theirs = {name for name in Outage.__struct_fields__ if name != "policy"}
    ours = {name.replace("records", "frames") for name in SinkOutage.__struct_fields__}
    assert ours == theirs
    usual = SinkOutage().for_keeper()
    assert usual == OutageSettings(policy=OutagePolicy.REPLAY)
