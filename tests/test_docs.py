"""What the documents show can be done: commands run, configurations load, settings and files exist."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import time
from collections.abc import Iterator
from functools import cache, partial
from itertools import takewhile
from pathlib import Path

import pytest
from msgspec import inspect

import hal
from forwarder.__main__ import COMMANDS, command, main
from forwarder.config import load, schema
from forwarder.config.servers import MqttServer, UdpServer
from forwarder.edge.config import EdgeSettings
from forwarder.errors import ConfigError
from forwarder.links.mqtt.settings import MqttSettings
from hal.clock import ManualClock
from hal.sim.board import DEFAULT_EUI, SimBoard
from hal.sim.rx_encode import Record
from hal.transport.open import open_transport

from .documents import DOCUMENTS, ROOT, Block, anchors, blocks, code_lines, links, prose, spans

BEFORE = r"(?:^|\| |exec edgemast )(?:sudo (?:-u edgemast )?)?"
CALL = re.compile(BEFORE + r"(edgemast [a-z].*)")
OURS = re.compile(r"(hal|forwarder|config|scripts|systemd|tests|benchmarks)/[\w./*-]*")
SIM, EU868 = 'board = "sim"\n', 'region = "EU868"\n'
UDP = '[[server]]\naddress = "a.example"\n'
MQTT = '[[server]]\ntype = "mqtt"\n'
BROKER = MQTT + 'address = "mqtts://a.example"\n'
# What a fragment may need before it: the first of these with which it loads is taken.
HEADS = [
    "",
    EU868,
    SIM,
    'board = "rak2287"\n' + EU868,
    *(SIM + EU868 + server for server in ("", "[[server]]\n", UDP, MQTT, BROKER)),
]
# Commands that need no board, no network and little time; words stand for what the sandbox has.
OFFLINE = (
    "airtime", "boards", "bus-test", "chip-id", "codec decode", "codec encode", "codec test", "config check",
    "config show", "config convert", "demo --keys", "edge check", "edge keygen", "edge list",
    "filter-test", "firmware list", "frame", "whoami",
)  # fmt: skip
GIVEN = re.compile(r"([a-z][a-z0-9_]*) = ")
OTHER_KEYS = {"file", "credential", "late"}  # of [edge.keks]; of ChirpStack's metadata
NO_SETTINGS = {"js", "sqlite3", "toml", "json", "md", "key", "pem", "written_bytes_last_day"}
WORDS = {
    "FILE": "gateway.toml",
    "NAME": "rak2287",
    "HEX": "40f17dbe4900020001954378762b11ff0d",
    "HOST:PORT": "127.0.0.1:1700",
}


def calls() -> Iterator[tuple[str, str]]:
    for document in DOCUMENTS:
        for line in code_lines(document):
            found = CALL.search(line)
            if found and "..." not in line:
                yield document.name, found[1].rstrip("&| ")


def words(line: str) -> list[str]:
    """Of a command line up to what is the shell's, without `edgemast`."""
    shell = ("|", "||", "&&", ">", ">>", "<", "2>", ";")
    _, *own = takewhile(lambda word: word not in shell, shlex.split(line, comments=True))
    return [WORDS.get(word, word) for word in own]


def is_offline(line: str) -> bool:
    called = " ".join(words(line))
    here = any(called.startswith(f"{name} ") for name in OFFLINE)
    return here and not any(word in line for word in ("<", "--detect"))


CALLS = sorted(set(calls()))


@pytest.mark.parametrize(("document", "line"), CALLS)
def test_a_command_that_a_document_shows_is_understood(document: str, line: str) -> None:
    name, *arguments = words(line)
    assert name in COMMANDS
    _, parser = command(name)
    if all(word.isalpha() and word.islower() for word in arguments):  # a mention, not a call
        arguments.append("--help")
        with pytest.raises(SystemExit, match="0"):
            parser.parse_args(arguments)
    else:
        parser.parse_args(arguments)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the documents' commands find: a configuration, others' files, a codec, a log."""
    folder = tmp_path_factory.mktemp("docs")
    etc = folder / "etc"
    etc.mkdir()
    for place in (folder, etc):
        (place / "gateway.toml").write_text(SIM + EU868 + UDP, encoding="utf-8")
    for name in ("climate.js", "climate.json"):
        shutil.copy(ROOT / "tests" / "data" / "codecs" / name, folder / name)
    (folder / "climate.json").rename(folder / "examples.json")
    frame = '{"tmst":1,"freq":868.1,"chan":0,"rfch":0,"stat":1,"modu":"LORA","datr":"SF7BW125",'
    frame += '"codr":"4/5","lsnr":5,"rssi":-60,"size":17,"data":"QPF9vkkAAgABlUN4disR/w0="}'
    (folder / "day.log").write_text(f'0016c001f1500001: {{"rxpk": [{frame}]}}\n', encoding="utf-8")
    _foreign(folder)
    return folder


def _foreign(folder: Path) -> None:
    """Small files of other programs, under the names that they have."""
    from .forwarder import test_migrate as theirs

    for name, text in {
        "global_conf.json": json.dumps(theirs.SEMTECH),
        "concentratord.toml": theirs.DAEMON,
        "channels.toml": theirs.CHANNELS,
        "region.toml": theirs.BEACON,
        "chirpstack-mqtt-forwarder.toml": theirs.FORWARDER,
        "chirpstack-gateway-bridge.toml": theirs.BRIDGE,
        "chirpstack-packet-multiplexer.toml": theirs.MULTIPLEXER,
        "station.conf": theirs.STATION,
        "lorafwd.toml": '[gwmp]\nnode = "lns.example"\nservice.uplink = 1700\n',
        "tc.uri": "wss://eu1.cloud.thethings.network:8887\n",
    }.items():
        (folder / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(("document", "line"), [call for call in CALLS if is_offline(call[1])])
def test_a_command_that_needs_no_board_runs(
    document: str, line: str, sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sandbox)
    monkeypatch.setenv("EDGEMAST_DATA", str(sandbox / "data"))
    own = [word.replace("/etc/edgemast", "etc") for word in words(line)]
    for option, value in (("--radio", "sim:"), ("--board", "sim")):
        if own[0] in ("bus-test", "chip-id", "whoami") and option in own:
            own[own.index(option) + 1] = value
    if "keygen" in own:
        Path(own[own.index("--out") + 1]).unlink(missing_ok=True)
    assert main(own) == 0


@cache
def toml_blocks() -> list[Block]:
    return [block for document in DOCUMENTS for block in blocks(document) if block.is_toml]


@pytest.mark.parametrize("block", toml_blocks(), ids=str)
def test_a_configuration_that_a_document_shows_loads(block: Block, tmp_path: Path) -> None:
    (tmp_path / "devices.json").write_text("[]", encoding="utf-8")
    (tmp_path / "codecs").mkdir()
    (tmp_path / "codecs" / "th-sensor.js").touch()
    path = tmp_path / "gateway.toml"
    faults = set()
    for head in HEADS:
        path.write_text(head + block.text, encoding="utf-8")
        try:
            load(path)
            return
        except ConfigError as error:
            faults.add(str(error))
    pytest.fail("\n".join(sorted(faults)))


@cache
def settings() -> dict[str, set[str]]:
    """The keys of every table, by the table's name; of [[server]] those of all its types."""
    tables = {name: set(table.__struct_fields__) for name, table in schema.TABLES.items()}
    tables[""] = set(schema.File.__struct_fields__)
    server = {*UdpServer.__struct_fields__, *MqttServer.__struct_fields__, "type"}
    tables |= {"server": server, "edge": set(EdgeSettings.__struct_fields__)}
    for name, kind in (("filter", "Filter"), ("outage", "Outage")):
        keys = _fields(kind)
        tables |= {name: keys, f"server.{name}": keys}
    return tables


def _fields(kind: str) -> set[str]:
    info = inspect.type_info(UdpServer)
    assert isinstance(info, inspect.StructType)
    return next(
        set(field.type.cls.__struct_fields__)
        for field in info.fields
        if isinstance(field.type, inspect.StructType) and field.type.cls.__name__ == kind
    )


def named_settings() -> Iterator[tuple[str, str]]:
    """`table.key`, with or without a value, where the first word is a table of ours."""
    tables = {name for name in settings() if name}
    for document in DOCUMENTS:
        for span in spans(document):
            found = re.fullmatch(r"([a-z0-9_.]+)\.([a-z0-9_]+)(?: = .*)?", span)
            if found and found[1] in tables and found[2] not in NO_SETTINGS:
                yield document.name, f"{found[1]}.{found[2]}"


@pytest.mark.parametrize(("document", "name"), sorted(set(named_settings())))
def test_a_setting_that_a_document_names_exists(document: str, name: str) -> None:
    table, _, key = name.rpartition(".")
    assert key in settings().get(table, set()) or name in settings()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_key_that_a_document_gives_a_value_exists(document: Path) -> None:
    known = set().union(*settings().values()) | OTHER_KEYS
    given = [found[1] for span in spans(document) if (found := GIVEN.match(span))]
    assert sorted(set(given) - known) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_link_of_a_document_leads_to_a_file_and_its_heading(document: Path) -> None:
    lost = []
    for path, anchor in links(document):
        target = document.parent / path if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(f"{path}#{anchor}")
    assert lost == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_page_that_a_document_names_is_there(document: Path) -> None:
    named = set(re.findall(r"\bdocs/[\w-]+\.\w+", document.read_text(encoding="utf-8")))
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_file_of_this_repository_that_a_document_names_is_there(document: Path) -> None:
    named = {span for span in spans(document) if OURS.fullmatch(span)}
    assert sorted(name for name in named if not any(ROOT.glob(name.rstrip("/")))) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_code_within_a_line_ends_in_it(document: Path) -> None:
    """Else nobody could copy it, and the tests here would not see it."""
    assert [line for line in prose(document) if line.count("`") % 2] == []


def test_every_page_is_in_the_index() -> None:
    listed = {path for path, _ in links(ROOT / "docs" / "README.md")}
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert sorted(pages - listed) == []


FLEET = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "fleet.md").read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("number", range(len(FLEET)))
def test_the_configuration_of_a_fleet_is_accepted(number: int, tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(FLEET[number], encoding="utf-8")
    (server,) = load(file).servers
    assert isinstance(server, MqttSettings)
    assert (len(server.addresses), server.command_qos, server.topic_prefix) == (3, 0, "eu868")


def test_the_librarys_example_sends_and_receives(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    clock = ManualClock()
    board = SimBoard(clock)

    def answer(emission: object) -> None:
        board.inject(Record(b"hello yourself"), at_us_from_now=100_000)

    board.on_transmit.append(answer)
    monkeypatch.setattr(hal, "open_transport", partial(open_transport, board=board))
    monkeypatch.setattr(time, "sleep", clock.sleep)
    monkeypatch.setattr(time, "monotonic_ns", clock.now_ns)
    monkeypatch.setattr("sys.argv", ["hello.py"])
    exec(compile(example, "docs/library.md", "exec"), {})  # noqa: S102  # it is what is tested
    started, sent, received = capsys.readouterr().out.splitlines()
    assert started == f"SX1302 {DEFAULT_EUI}"
    assert "30976 us on the air" in sent
    assert received.endswith(b"hello yourself".hex())
