"""`edgemast filter-test`: a recorded log against the filters of a configuration."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.__main__ import main
from forwarder.edge.heard import Heard
from forwarder.edge.records import radio_facts, to_json, unjudged
from forwarder.edge.values import MicState
from forwarder.links.semtech_udp.rxpk import push_text, rxpk
from forwarder.lorawan.frame import DataFrame, Header, JoinRequest, MType
from forwarder.packets import Uplink
from forwarder.sim.recorded_uplinks import Line, uplinks
from forwarder.sim.recording import Reception, parse
from hal.frames import Crc
from hal.modulation import LoRa

from ..shared import shared
from .semtech_makers import EUI, frame

DOCS = Path(__file__).parent.parent.parent / "docs"
DAY_NS = 86_400 * 10**9
START_NS = 1_790_000_000 * 10**9
BOARD = 'board = "rak2287"\nregion = "EU868"\n'


# The day of docs/filters.md: three sensors of ours, a city's devices, one that cannot join.


def a_day() -> Iterator[tuple[int, bytes, Crc]]:
    """Nanoseconds since midnight, payload and CRC of each frame that the gateway hears."""
    ours = [(0x26011F01 + device, 20) for device in range(3)]
    city = [(0x48000100 + device, 30) for device in range(40)]
    city += [(0xFC014C00 + device, 60) for device in range(25)]
    for number, (dev_addr, every_min) in enumerate(ours + city):
        for count in range(24 * 60 // every_min):
            at_ns = (count * every_min * 60 + number * 7) * 10**9
            header = Header(MType.UNCONFIRMED_UP)
            yield (
                at_ns,
                DataFrame(header, dev_addr, count, fport=1, payload=bytes(12)).encode(),
                Crc.OK,
            )
    for count in range(24 * 60 * 6):
        header = Header(MType.JOIN_REQUEST)
        payload = JoinRequest(header, 0x1122334455667788, 0xA81758FFFE0000AA, count).encode()
        yield (count * 10 + 3) * 10**9, payload, Crc.OK
    for count in range(400):
        yield (count * 216 + 5) * 10**9, bytes([count & 0xFF]) * 20, Crc.BAD


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines = []
    for at_ns, payload, crc in sorted(a_day()):
        heard = frame(payload, counter_us=at_ns // 1000 + 77, crc=crc)
        lines.append(f"{EUI}: {push_text([rxpk(Uplink(heard, utc_ns=START_NS + at_ns))])}")
    path = tmp_path_factory.mktemp("logs") / "day.log"
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
    return path


def blocks(language: str) -> list[str]:
    text = (DOCS / "filters.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("number", range(3))
def test_the_documents_recipe_does_with_its_day_what_it_says(
    number: int, day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(BOARD + blocks("toml")[number], encoding="utf-8")
    assert main(["filter-test", "-c", str(config), str(day)]) == 0
    assert capsys.readouterr().out == blocks("text")[number]


# The command.

SERVERS = """
[[server]]
name = "mine"
address = "a"
[server.filter]
net_id = ["000013"]
[[server]]
name = "all"
address = "b"
"""


def a_config(tmp_path: Path, servers: str = SERVERS) -> str:
    path = tmp_path / "gateway.toml"
    path.write_text(BOARD + servers, encoding="utf-8")
    return str(path)


def lines(*payloads: bytes, crc: Crc = Crc.OK) -> str:
    made = [
        frame(payload, counter_us=1000 * number, crc=crc) for number, payload in enumerate(payloads)
    ]
    return "".join(push_text([rxpk(Uplink(one))]) + "\n" for one in made)


OURS = DataFrame(Header(MType.UNCONFIRMED_UP), 0x26011F42, 1).encode()
OTHERS = DataFrame(Header(MType.UNCONFIRMED_UP), 0x48000100, 1).encode()


def tried(
    tmp_path: Path, log: str, capsys: pytest.CaptureFixture[str], *options: str
) -> list[dict[str, Any]]:
    path = tmp_path / "log"
    path.write_text(log, encoding="ascii")
    assert main(["filter-test", "-c", a_config(tmp_path), "--json", *options, str(path)]) == 0
    told = json.loads(capsys.readouterr().out)
    servers: list[dict[str, Any]] = told["servers"]
    return servers


def test_each_server_has_its_own_outcome(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, everything = tried(tmp_path, lines(OURS, OTHERS, OTHERS), capsys)
    assert (mine["passed"], mine["dropped"]) == (1, {"OTHER_NETWORK": 2})
    assert mine["top"] == {"dev_addr": {"48000100": 2}, "net_id": {"000024": 2}}
    assert mine["dropped_bytes"] > mine["passed_bytes"] > 250
    assert mine["saved_bytes_per_day"] is None  # of two milliseconds nothing can be said
    assert (everything["passed"], everything["dropped"]) == (3, {})


def test_one_server_can_be_chosen_and_a_wrong_name_is_told_with_the_right_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    servers = tried(tmp_path, lines(OURS), capsys, "--server", "all")
    assert [server["server"] for server in servers] == ["all"]
    log = tmp_path / "log"
    assert main(["filter-test", "-c", a_config(tmp_path), "--server", "none", str(log)]) == 2
    assert "has: mine, all" in capsys.readouterr().err


def test_a_log_without_a_frame_is_a_failure_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log"
    log.write_text('{"stat":{}}\n', encoding="ascii")
    assert main(["filter-test", "-c", a_config(tmp_path), str(log)]) == 1
    assert "line 1" in capsys.readouterr().err


def test_lines_that_cannot_be_read_are_counted_beside_those_that_can(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log"
    log.write_text(lines(OURS) + "nonsense\n", encoding="ascii")
    assert main(["filter-test", "-c", a_config(tmp_path), str(log)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("1 frames of 1 gateway in 0 minutes\n1 lines cannot be read")


def test_the_noise_of_damaged_frames_is_not_counted_as_anybodys_address(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for server in tried(tmp_path, lines(OTHERS, crc=Crc.BAD), capsys):
        assert (server["dropped"], server["top"]) == ({"CRC": 1}, {})


def test_real_traffic_is_judged_and_its_networks_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = shared("data/loratap/00_Test.log")
    assert main(["filter-test", "-c", a_config(tmp_path), "--json", str(log)]) == 0
    mine, everything = json.loads(capsys.readouterr().out)["servers"]
    assert mine["frames"] == everything["frames"] == 192
    assert everything["dropped"] == {"CRC": 57}
    assert mine["passed"] + sum(mine["dropped"].values()) == 192
    assert mine["top"]["net_id"]["4001ea"] == 12


# What a recording is made into.


def a_reception(tmst: int | None, at_us: int, **changes: Any) -> Reception:
    values: dict[str, Any] = {
        "gateway": EUI,
        "at_us": at_us,
        "payload": OURS,
        "freq_hz": 868_100_000,
        "modulation": LoRa(7),
        "crc": Crc.OK,
        "rssi_dbm": -60.0,
        "snr_db": 5.0,
        "tmst": tmst,
    }
    return Reception(**values | changes)


@given(st.integers(0, 1 << 40), st.lists(st.integers(0, 1 << 36), max_size=20))
def test_a_counter_that_wrapped_is_put_where_the_time_says(
    start_us: int, steps_us: list[int]
) -> None:
    line, at_us, first = Line(), start_us, None
    for step_us in [0, *steps_us]:
        at_us += step_us
        found = line.of(a_reception(at_us & 0xFFFFFFFF, at_us + (1 << 50)))
        first = found - at_us if first is None else first
        assert found - at_us == first


@given(st.lists(st.integers(0, (1 << 31) - 1), max_size=20))
def test_a_counter_without_times_never_runs_backwards(steps_us: list[int]) -> None:
    line, at_us = Line(), 0
    for step_us in steps_us:
        at_us += step_us
        tmst = at_us & 0xFFFFFFFF
        assert line.of(a_reception(tmst, tmst)) == at_us


def test_ghosts_are_marked_as_the_gateway_marks_them() -> None:
    strong = a_reception(1000, 1 << 50, rssi_dbm=-30.0)
    weak = a_reception(1006, (1 << 50) + 6, rssi_dbm=-80.0, freq_hz=868_300_000)
    later = a_reception(900_000, (1 << 50) + 900_000, rssi_dbm=-80.0, freq_hz=868_300_000)
    (heard,) = uplinks([later, weak, strong]).values()
    assert [one.ghost for one in heard] == [False, True, False]


def test_a_record_of_local_mode_is_a_reception_again() -> None:
    heard = uplinks([a_reception(1000, 1 << 50)])[EUI][0]
    record = unjudged(EUI, Heard(OURS), radio_facts(heard), START_NS, MicState.NOT_CHECKED, "")
    (found,) = parse(to_json(record) + b"\n")
    assert isinstance(found, Reception)
    assert (found.payload, found.tmst, found.at_us) == (OURS, 1000, START_NS // 1000)
    assert (found.gateway, found.modulation, found.freq_hz) == (EUI, LoRa(7), 868_100_000)
