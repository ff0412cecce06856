"""`edgemast doctor` as it is called: exit codes, what is printed, servers that answer or do not."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from forwarder.__main__ import main
from forwarder.commands import doctor
from forwarder.doctor import certificates, clock, network, servers
from forwarder.doctor.case import Case
from forwarder.doctor.chain import checks
from forwarder.doctor.values import Verdict
from forwarder.links.mqtt.settings import MqttSettings, broker_address
from forwarder.links.semtech_udp import wire
from forwarder.links.semtech_udp.settings import UdpSettings
from forwarder.sim.certificates import Authority

EUI = "0016c001ff10a235"


@pytest.fixture
def udp_server() -> Iterator[socket.socket]:
    """Answers every PULL_DATA, after a datagram that is none and one of another token."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=answer, args=(port,))
        thread.start()
        yield port
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", port.getsockname())
        thread.join()


def answer(port: socket.socket) -> None:
    while data := port.recvfrom(100):
        text, peer = data
        if not text:
            return
        token = wire.Datagram.decode(text).token
        for one in (b"noise", wire.pull_ack(token ^ 1), wire.pull_ack(token)):
            port.sendto(one, peer)


def write(path: Path, port: int, more: str = "") -> Path:
    path.write_text(
        f'{more}board = "sim"\nregion = "EU868"\n'
        f'[[server]]\naddress = "127.0.0.1"\nport = {port}\nname = "lns"\n'
    )
    return path


def verdicts(text: str) -> dict[str, str]:
    return {check["check"]: check["verdict"] for check in json.loads(text)["checks"]}


def test_a_gateway_that_works_is_0(
    udp_server: socket.socket,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EDGEMAST_DATA", str(tmp_path))
    file = write(tmp_path / "gateway.toml", udp_server.getsockname()[1])
    assert main(["doctor", "-c", str(file), "--json"]) == 0
    found = verdicts(capsys.readouterr().out)
    assert found["server lns"] == found["receive cycle"] == found["gateway EUI"] == "ok"
    assert "fail" not in found.values()


def test_a_server_that_is_not_there_is_1_and_says_where_to_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    assert main(["doctor", "-c", str(write(tmp_path / "gateway.toml", port))]) == 1
    said = capsys.readouterr().out
    assert f"127.0.0.1:{port}: refused, nothing listens there" in " ".join(said.split())
    assert said.rstrip().endswith("start with: server lns")


def test_a_configuration_that_is_wrong_is_2_and_the_machine_is_examined_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "gateway.toml", 1700, more="bord = 1\n")
    assert main(["doctor", "-c", str(file), "--json"]) == 2
    found = verdicts(capsys.readouterr().out)
    assert found["configuration"] == "fail" and found["radio"] == "skipped"
    assert found["disk"] == "ok"


def test_a_radio_that_is_none_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--radio", "nowhere"]) == 2
    assert "sim: or trace:FILE expected" in capsys.readouterr().err


def test_a_device_that_is_not_there_stops_the_chip_and_not_the_network(
    udp_server: socket.socket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "gateway.toml", udp_server.getsockname()[1])
    file.write_text(file.read_text() + f'[gateway]\neui = "{EUI}"\n')
    radio = "usb:/dev/no-such-board"
    assert main(["doctor", "-c", str(file), "--radio", radio, "--json"]) == 1
    out = capsys.readouterr().out
    found = verdicts(out)
    assert found["device"] == "fail" and found["chip version"] == "skipped"
    assert found["server lns"] == "ok"
    told = {check["check"]: check["read"] for check in json.loads(out)["checks"]}
    assert told["radios"] == "not tried, because of: device"


def test_a_running_gateway_keeps_its_server_to_itself(tmp_path: Path) -> None:
    case = doctor.make_case(str(write(tmp_path / "gateway.toml", 1700)), None)
    case.running = "edgemast run (pid 5)"
    (ask,) = [check for check in checks(case) if check.name == "server lns"]
    finding = ask.run()
    assert finding.verdict is Verdict.SKIPPED and "speaks to it" in finding.read


def test_a_server_that_is_silent_may_not_know_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "ANSWER_S", 0.01)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        settings = UdpSettings("lns", "127.0.0.1", "0" * 16, port_down=silent.getsockname()[1])
        finding = servers.probe(settings, EUI, Case())
    assert finding.read.endswith("no PULL_ACK to 2 PULL_DATA")
    assert finding.causes[0] == f"the server does not know a gateway {EUI}: register it"


def test_an_answer_to_somebody_elses_question_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "ANSWER_S", 0.05)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.bind(("127.0.0.1", 0))

        def answer_wrongly() -> None:
            for _ in range(servers.TRIES):
                text, peer = port.recvfrom(100)
                port.sendto(wire.pull_ack(wire.Datagram.decode(text).token ^ 1), peer)

        thread = threading.Thread(target=answer_wrongly)
        thread.start()
        settings = UdpSettings("lns", "127.0.0.1", "0" * 16, port_down=port.getsockname()[1])
        finding = servers.probe(settings, EUI, Case())
        thread.join()
    assert finding.verdict is Verdict.FAIL and "no PULL_ACK" in finding.read


def test_a_kind_of_server_that_nobody_can_check_says_so() -> None:
    assert servers.probe(object(), EUI, Case()).verdict is Verdict.SKIPPED


def test_a_name_that_nobody_knows_is_a_failure() -> None:
    assert network.resolves("a" * 70 + ".invalid").verdict is Verdict.FAIL
    assert network.resolves("localhost").verdict is Verdict.OK


@pytest.mark.parametrize(
    ("days", "verdict"),
    [(-3.0, Verdict.FAIL), (3.0, Verdict.WARN), (90.0, Verdict.OK), (None, Verdict.OK)],
)
def test_a_certificate_is_told_by_the_days_it_has_left(
    days: float | None, verdict: Verdict
) -> None:
    assert network.lifetime("lns", days).verdict is verdict


def test_gps_that_is_not_configured_is_not_looked_for() -> None:
    assert clock.gps(Case()).verdict is Verdict.SKIPPED


@pytest.mark.parametrize(
    ("days", "verdict"), [(29, Verdict.OK), (5, Verdict.WARN), (-1, Verdict.FAIL)]
)
def test_the_gateways_own_certificates_are_told_by_the_days_they_have_left(
    tmp_path: Path, days: int, verdict: Verdict
) -> None:
    now = datetime.now(UTC)
    authority = Authority("test", now)
    client, _ = authority.client("gateway", days=days).write(tmp_path, "client")
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.certificate)
    finding = certificates.good([ca, client], now)
    assert finding.verdict is verdict
    assert str(client) in finding.read


def test_a_certificate_that_cannot_be_read_is_a_failure(tmp_path: Path) -> None:
    noise = tmp_path / "noise.pem"
    noise.write_text("no certificate")
    for path in (noise, tmp_path / "nothing.pem"):
        finding = certificates.good([path], datetime.now(UTC))
        assert finding.verdict is Verdict.FAIL and str(path) in finding.read


def test_the_certificates_of_a_server_are_those_its_settings_name() -> None:
    broker = MqttSettings("b", (broker_address("mqtts://x"),), EUI)
    settings = replace(broker, ca_file="ca.pem", cert_file="me.pem", key_file="me.key")
    assert certificates.named(settings) == [Path("ca.pem"), Path("me.pem")]
    assert certificates.named(UdpSettings("u", "x", EUI)) == []


def test_a_semtech_file_in_the_usual_folder_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "global_conf.json").write_text("{}", encoding="utf-8")
    monkeypatch.setattr(doctor, "USUAL", tmp_path)
    assert doctor.make_case(None, None).path == tmp_path
