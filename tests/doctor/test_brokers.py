"""Brokers: who lets us in, who does not and why, on a broker of a few bytes."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from forwarder.doctor import brokers, servers
from forwarder.doctor.case import Case
from forwarder.doctor.values import Finding, Verdict
from forwarder.links.mqtt.settings import MqttSettings, broker_address
from forwarder.sim.certificates import Authority

EUI = "0016c001ff10a235"
CONNECT, PUBLISH, SUBSCRIBE, DISCONNECT = 0x10, 0x30, 0x80, 0xE0


class Broker(threading.Thread):
    """Speaks MQTT 3.1.1 as far as CONNACK and SUBACK; `heard` are the kinds of packet that came."""

    def __init__(self, connack: int, suback: int, context: ssl.SSLContext | None) -> None:
        super().__init__(daemon=True)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.listening.settimeout(0.2)
        self.port = self.listening.getsockname()[1]
        self.heard: list[int] = []
        self.client = b""
        self._answers = connack, suback
        self._context = context
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.is_set():
            try:
                raw, _ = self.listening.accept()
                raw.settimeout(5)
                with self._secure(raw) as peer:
                    self._serve(peer)
            except OSError:
                continue

    def _secure(self, raw: socket.socket) -> socket.socket:
        return self._context.wrap_socket(raw, server_side=True) if self._context else raw

    def _serve(self, peer: socket.socket) -> None:
        connack, suback = self._answers
        while head := peer.recv(2):
            body = peer.recv(head[1]) if head[1] else b""
            kind = head[0] & 0xF0
            self.heard.append(kind)
            if kind == CONNECT:
                self.client = body
                peer.sendall(bytes((0x20, 2, 0, connack)))
            elif kind == SUBSCRIBE:
                peer.sendall(bytes((0x90, 3)) + body[:2] + bytes((suback,)))
            if connack or kind == DISCONNECT:
                return

    def stop(self) -> None:
        self._over.set()
        self.join()
        self.listening.close()


@contextmanager
def a_broker(
    connack: int = 0, suback: int = 1, context: ssl.SSLContext | None = None
) -> Iterator[Broker]:
    broker = Broker(connack, suback, context)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brokers, "TRY_S", 1.0)


def asked(*urls: str, ca_file: str = "") -> Finding:
    pytest.importorskip("paho.mqtt")
    settings = MqttSettings("lns", tuple(map(broker_address, urls)), "0" * 16, ca_file=ca_file)
    return servers.probe(settings, EUI, Case())


def test_a_broker_that_lets_us_in_and_listen_is_well_and_hears_nothing_from_us() -> None:
    with a_broker() as broker:
        finding = asked(f"mqtt://127.0.0.1:{broker.port}")
    assert finding.verdict is Verdict.OK and "without TLS" in finding.read
    assert broker.heard[:2] == [CONNECT, SUBSCRIBE] and PUBLISH not in broker.heard
    flags = broker.client[7]
    assert not flags & 0x04, "a will would tell the server that the gateway has gone"


def test_a_broker_that_refuses_our_password_says_so() -> None:
    with a_broker(connack=4) as broker:
        finding = asked(f"mqtt://127.0.0.1:{broker.port}")
    assert finding.verdict is Verdict.FAIL
    assert "user name or password is wrong" in finding.read


def test_a_session_without_its_command_topic_is_broken() -> None:
    with a_broker(suback=0x80) as broker:
        finding = asked(f"mqtt://127.0.0.1:{broker.port}")
    assert finding.verdict is Verdict.FAIL
    assert "does not let" in finding.read and f"{EUI}/command" in finding.read


def test_a_broker_that_is_not_there_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    finding = asked(f"mqtt://127.0.0.1:{port}")
    assert finding.verdict is Verdict.FAIL and f"127.0.0.1:{port}" in finding.read


def test_of_several_brokers_one_that_lets_us_in_is_enough() -> None:
    with a_broker() as broker:
        finding = asked("mqtt://127.0.0.1:1", f"mqtt://127.0.0.1:{broker.port}")
    assert finding.verdict is Verdict.OK


@pytest.mark.parametrize(
    ("days", "verdict", "words"),
    [
        (29, Verdict.OK, "is good for 29 days"),
        (5, Verdict.WARN, "ends in 5 days"),
        (-1, Verdict.FAIL, "certificate has expired"),
    ],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho lets go of it
def test_a_brokers_certificate_is_verified_and_its_end_told(
    tmp_path: Path, days: int, verdict: Verdict, words: str
) -> None:
    authority = Authority("test", datetime.now(UTC))
    certificate, key = authority.server(days=days).write(tmp_path, "server")
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with a_broker(context=context) as broker:
        finding = asked(f"mqtts://127.0.0.1:{broker.port}", ca_file=str(ca))
    assert (finding.verdict, words in finding.read) == (verdict, True), finding.read
