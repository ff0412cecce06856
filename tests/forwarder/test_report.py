"""`edgemast report`: a bundle that helps, and that has none of the secrets of a full configuration."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from forwarder.__main__ import main
from forwarder.config import load
from forwarder.report.bundle import Request, collect, run_command
from forwarder.state.state_file import NAME

SECRETS = {
    "broker password": "correct horse battery",
    "page token": "staple-4711-token",
    "webhook secret": "whsec-zebra-zebra",
    "webhook path": "T024BE7LD/B9F2X",
    "header": "x-api-value-9c1",
    "key in the file": "00112233445566778899aabbccddeeff",
    "wrapped key": "a1a2a3a4a5a6a7a8b1b2b3b4b5b6b7b8c1c2c3c4c5c6c7c8",
    "kek": "f0e1d2c3b4a5968778695a4b3c2d1e0f",
    "user": "gateway-user-42",
    "command": "--with-secret=moon",
    "metadata": "site-code-1234",
    "fallback": "fallback-pass",
}


def private(path: Path, text: str) -> Path:
    path.write_text(text + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def gateway(tmp_path: Path) -> Path:
    """A configuration with a secret in every place that can have one."""
    private(tmp_path / "broker.pw", SECRETS["broker password"])
    private(tmp_path / "page.token", SECRETS["page token"])
    private(tmp_path / "hook.secret", SECRETS["webhook secret"])
    private(tmp_path / "keks.json", f'{{"gateway-7": "{SECRETS["kek"]}"}}')
    path = tmp_path / "gateway.toml"
    path.write_text(f"""
board = "sim"
region = "EU868"
[gateway]
latitude_deg = 51.50735
eui = "0016c001f15000aa"
[page]
listen = "127.0.0.1:8080"
token_file = "page.token"
[[server]]
address = "udp.example"
[[server]]
type = "mqtt"
address = "mqtts://broker.example"
fallback_addresses = ["mqtts://other.example"]
username = "{SECRETS["user"]}"
password_file = "broker.pw"
metadata = {{ site = "{SECRETS["metadata"]}" }}
commands = {{ reboot = ["/bin/reboot", "{SECRETS["command"]}"] }}
[edge]
mode = "observe"
[edge.keks]
file = "{tmp_path}/keks.json"
[[edge.device]]
dev_eui = "70b3d57ed0000001"
[[edge.sink]]
type = "webhook"
url = "https://hooks.example/{SECRETS["webhook path"]}"
secret_file = "hook.secret"
""")
    load(path)  # it is one that a gateway runs with
    return path


def running(folder: Path) -> Path:
    """The state of a gateway whose log lines and links repeat what they should not."""
    state = {
        "pid": os.getpid(), "eui": "0016c001f15000aa", "position": {"latitude_deg": 51.50735},
        "frames": [{"dev_addr": "26000001", "dev_eui": "70b3d57ed0000001"}],
        "links": [{"trouble": f"refused {SECRETS['user']} at mqtts://u:{SECRETS['fallback']}@x.example"}],
        "radio": {"failures": [{"reason": "no answer", "registers": {"COMMON.VERSION": 18}}]},
    }  # fmt: skip
    (folder / NAME).write_text(json.dumps(state))
    return folder


def log(words: Sequence[str], limit_s: float) -> str:
    """What journalctl and the doctor might say at their worst."""
    return f"{words[0]}: " + " ".join(SECRETS.values()) + f" Bearer {SECRETS['header']}"


def test_no_secret_of_a_full_configuration_is_in_the_bundle(gateway: Path, tmp_path: Path) -> None:
    files = dict(collect(Request(gateway, (running(tmp_path),)), log))
    whole = "\n".join(files.values())
    known = {name for name in SECRETS if name not in ("header", "fallback")}
    found = [name for name in known if SECRETS[name] in whole]
    assert found == []
    assert f"Bearer {SECRETS['header']}" not in whole and f":{SECRETS['fallback']}@" not in whole


def test_what_helps_is_in_it(gateway: Path, tmp_path: Path) -> None:
    files = dict(collect(Request(gateway, (running(tmp_path),)), lambda words, limit_s: "ok"))
    shown = json.loads(files["configuration.json"])
    assert shown["settings"]["server"][0]["address"] == "udp.example"
    assert shown["sources"]["region"] == "gateway.toml:3"
    assert "COMMON.VERSION" in files["registers.json"] and "msgspec==" in files["packages.txt"]
    assert (
        "0016c001f15000aa" in files["state.json"] and json.loads(files["versions.json"])["edgemast"]
    )


def test_anonymous_has_no_identities_and_no_position(gateway: Path, tmp_path: Path) -> None:
    request = Request(gateway, (running(tmp_path),), anonymous=True)
    whole = "\n".join(
        text for _, text in collect(request, lambda words, limit_s: "70B3D57ED0000001")
    )
    for identity in (
        "0016c001f15000aa",
        "70b3d57ed0000001",
        "70B3D57ED0000001",
        "26000001",
        "51.5",
    ):
        assert identity not in whole, identity


def test_a_configuration_that_cannot_be_read_is_told_without_its_values(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text('board = "sim"\nregion = "EU868"\n[[server]]\npassword = "hush hush"\n')
    files = dict(collect(Request(path, ()), lambda words, limit_s: "ok"))
    assert "password is no key" in files["configuration.json"].replace('"', "")
    assert "hush" not in files["configuration.json"]


def test_a_machine_without_anything_gives_a_report_all_the_same(tmp_path: Path) -> None:
    files = dict(collect(Request(None, (tmp_path,), doctor=False), run_command))
    assert files["configuration.json"] == "there is none"
    assert str(tmp_path) in files["state.json"] and files["registers.json"].strip() == "[]"


def test_a_command_that_is_not_there_or_hangs_costs_its_own_file_only() -> None:
    assert "no-such-program" in run_command(["no-such-program"], 1.0)
    assert "timed out" in run_command(["sleep", "9"], 0.05)


def test_the_command_writes_one_file_for_its_owner_and_says_what_is_in_it(
    gateway: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "report.tar.gz"
    given = [
        "report",
        "-c",
        str(gateway),
        "-o",
        str(output),
        "--no-doctor",
        "--state",
        str(tmp_path),
    ]
    assert main(given) == 0
    said = capsys.readouterr().out
    assert "Look through it before you send it" in said and output.stat().st_mode & 0o077 == 0
    with tarfile.open(output) as archive:
        names = [Path(name).name for name in archive.getnames()]
    assert {"configuration.json", "state.json", "journal.txt", "doctor.json"} <= set(names)
    assert all(name in said for name in names)
    assert main(given) == 2, "a report is not replaced"


def test_the_doctor_is_asked_about_the_same_file(gateway: Path, tmp_path: Path) -> None:
    asked: list[Sequence[str]] = []

    def run(words: Sequence[str], limit_s: float) -> str:
        asked.append(words)
        return ""

    list(collect(Request(gateway, ()), run))
    assert list(asked[-1])[2:] == ["forwarder", "doctor", "--json", "-c", str(gateway)]
