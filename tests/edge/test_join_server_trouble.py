"""A Join Server that is late, silent, wrong, hostile or somebody else."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
import pytest

from forwarder.edge.sources import ask_plan
from forwarder.edge.sources.join_server import JoinFailed, ServerSettings
from forwarder.edge.sources.ts002 import Reaction, ResultCode
from forwarder.edge.values import KeyNews, Scheme
from forwarder.lorawan import keys
from forwarder.sim.join_server import Fault, Reply

from .join_server_bench import (
    APP_KEY,
    DEV_EUI,
    NEW_EUI,
    Asked,
    Tls,
    a_core,
    a_join,
    opened,
    serving,
    settings_for,
)
from .js_client_bench import EUI, JOIN, joined_and_asked, tell


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return Tls.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture(autouse=True)
def heard(caplog: pytest.LogCaptureFixture) -> None:
    """A command under test elsewhere may have set the level."""
    caplog.set_level(logging.INFO)


# What goes wrong.


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries that a test can wait for."""
    short = ask_plan.Pauses(0.001, 0.002)
    for name in ("SERVER_AWAY", "SERVER_REFUSES"):
        monkeypatch.setattr(ask_plan, name, short)
    for reaction in ask_plan.PAUSES:
        monkeypatch.setitem(ask_plan.PAUSES, reaction, short)


FAULTS = [
    (Fault.LATE, "timeouts"),
    (Fault.NEVER, "timeouts"),
    (Fault.GARBAGE, "garbage"),
    (Fault.HUGE, "too_large"),
    (Fault.WRONG_TRANSACTION, "strays"),
    (Fault.OTHER_SESSION, "strays"),
    (Fault.UNAUTHORIZED, "http_errors"),
    (Fault.UNKNOWN_DEVICE, "refused"),
    (Fault.CLEAR_KEY, "clear_refused"),
]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("fault", "counter"), FAULTS, ids=lambda one: getattr(one, "value", one))
def test_a_key_that_did_not_come_is_asked_for_again(
    fault: Fault, counter: str, tls: Tls, caplog: pytest.LogCaptureFixture
) -> None:
    core = a_core()

    async def story(asked: Asked) -> None:
        joined = (await asked.client.join(a_join())).news
        core.fail(fault, 5.0 if fault is Fault.LATE else 0.0)
        asked.client.ask(EUI, JOIN, joined.session_id)
        news = await asked.news()
        assert opened(news.app_s_key) == opened(joined.app_s_key)
        assert asked.server()[counter] == 1 and asked.server()["fault"] == ""
        assert asked.client.status()["wanted"] == 0

    with serving(core, tls.server, tls.ca) as server:
        timeout_s = 0.5 if counter == "timeouts" else 5.0
        tell(story, settings_for(server, tls, timeout_s=timeout_s))
    assert caplog.records


@pytest.mark.parametrize(
    ("fault", "reaction"),
    [
        (Fault.LATE, Reaction.RETRY_LATER),
        (Fault.NEVER, Reaction.RETRY_LATER),
        (Fault.GARBAGE, Reaction.RETRY_LATER),
        (Fault.HUGE, Reaction.RETRY_LATER),
        (Fault.WRONG_TRANSACTION, Reaction.RETRY_LATER),
        (Fault.UNAUTHORIZED, Reaction.CONFIG_ERROR),
        (Fault.UNKNOWN_DEVICE, Reaction.RETRY_LATER),
        (Fault.CLEAR_KEY, Reaction.CONFIG_ERROR),
    ],
    ids=lambda one: one.value,
)
def test_a_join_that_fails_says_why_and_the_next_one_works(
    fault: Fault, reaction: Reaction, tls: Tls
) -> None:
    core = a_core()
    core.fail(fault, 5.0 if fault is Fault.LATE else 0.0)

    async def story(asked: Asked) -> None:
        with pytest.raises(JoinFailed) as failed:
            await asked.client.join(a_join(1), 0.5)
        assert failed.value.reaction is reaction and EUI in str(failed.value)
        assert (await asked.client.join(a_join(2))).phy_payload

    with serving(core, tls.server, tls.ca) as server:
        tell(story, settings_for(server, tls))


@pytest.mark.parametrize(
    ("join", "code"),
    [
        pytest.param(a_join(key=bytes(16)), ResultCode.MIC_FAILED, id="wrong root key"),
        pytest.param(a_join(dev_eui=7, key=APP_KEY), ResultCode.UNKNOWN_DEV_EUI, id="stranger"),
        pytest.param(a_join(0), ResultCode.JOIN_REQ_FAILED, id="replayed DevNonce"),
        pytest.param(a_join(phy_payload=b"\x40" * 12), ResultCode.MALFORMED_REQUEST, id="no join"),
    ],
)
def test_the_join_server_refuses_what_it_should(join: Any, code: ResultCode) -> None:
    async def story(asked: Asked) -> None:
        await asked.client.join(a_join(0))
        with pytest.raises(JoinFailed) as failed:
            await asked.client.join(join)
        assert failed.value.code is code and failed.value.reaction is code.reaction

    with serving(a_core()) as server:
        tell(story, settings_for(server))


def test_a_damaged_envelope_is_the_vaults_to_find() -> None:
    core = a_core()
    core.fail(Fault.DAMAGED_ENVELOPE)

    async def story(asked: Asked) -> KeyNews:
        return (await asked.client.join(a_join())).news

    with serving(core) as server:
        news = tell(story, settings_for(server))
    with pytest.raises(keys.EnvelopeError):
        opened(news.app_s_key)


def test_a_clear_key_passes_where_it_may_and_loudly(caplog: pytest.LogCaptureFixture) -> None:
    async def story(asked: Asked) -> KeyNews:
        news = (await asked.client.join(a_join())).news
        assert asked.server()["clear_keys"] == 1
        return news

    with serving(a_core(wrapped=False)) as server:
        news = tell(story, settings_for(server), allow_clear=True)
    assert news.app_s_key is not None and news.app_s_key.scheme is Scheme.CLEAR
    assert "in clear" in caplog.text and news.app_s_key.wrapped.hex() not in caplog.text


def certificates(tls: Tls) -> dict[str, tuple[tuple[str, str], dict[str, str]]]:
    def client(pair: tuple[str, str]) -> dict[str, str]:
        return {"cert_file": pair[0], "key_file": pair[1]}

    return {
        "wrong CA": (tls.server, {"ca_file": tls.foreign_ca}),
        "no CA": (tls.server, {"ca_file": ""}),
        "expired": (tls.expired_server, {}),
        "another host's": (tls.elsewhere, {}),
        "our certificate is of a stranger": (tls.server, client(tls.foreign_client)),
        "our certificate has expired": (tls.server, client(tls.expired_client)),
        "no certificate of ours": (tls.server, client(("", ""))),
        "the key of another certificate": (
            tls.server,
            client((tls.client[0], tls.foreign_client[1])),
        ),
        "no such file": (tls.server, {"ca_file": "/nowhere/ca.pem"}),
    }


@pytest.mark.parametrize(
    "case",
    [
        *("wrong CA", "no CA", "expired", "another host's", "our certificate is of a stranger"),
        *("our certificate has expired", "no certificate of ours"),
        *("the key of another certificate", "no such file"),
    ],
)
def test_without_the_right_certificates_nothing_is_said(case: str, tls: Tls) -> None:
    certificate, changes = certificates(tls)[case]
    core = a_core()

    async def story(asked: Asked) -> dict[str, Any]:
        with pytest.raises(JoinFailed):
            await asked.client.join(a_join())
        return asked.server()

    with serving(core, certificate, tls.ca) as server:
        facts = tell(story, settings_for(server, tls, **changes))
    assert facts["tls_errors"] + facts["unreachable"] == 1 and core.answered == 0
    assert facts["fault"]


def test_a_client_certificate_of_another_name_does_not_get_the_keys(tls: Tls) -> None:
    async def story(asked: Asked) -> None:
        asked.client._settings = msgspec.structs.replace(asked.client._settings, net_id="000014")
        with pytest.raises(JoinFailed) as failed:
            await asked.client.join(a_join())
        assert failed.value.code is ResultCode.UNKNOWN_SENDER

    with serving(a_core(), tls.server, tls.ca) as server:
        tell(story, settings_for(server, tls))


def test_certificates_that_end_soon_are_told(tls: Tls, caplog: pytest.LogCaptureFixture) -> None:
    async def story(asked: Asked) -> None:
        await asked.client.join(a_join(1))
        await asked.client.join(a_join(2))
        facts = asked.server()
        assert (facts["certificate_days"], facts["client_certificate_days"]) == (19, 9)

    with serving(a_core(), tls.server, tls.ca) as server:
        tell(story, settings_for(server, tls))
    told = [record.getMessage() for record in caplog.records if "expires" in record.getMessage()]
    assert len(told) == 2 and "its certificate expires in 19 days" in told[0]


def test_a_join_with_little_time_to_spare_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def story(asked: Asked) -> None:
        await asked.client.join(a_join(), 0.9)
        margin_ms = asked.server()["join_margin_ms"]
        assert 0 < margin_ms < 900

    with serving(a_core()) as server:
        tell(story, settings_for(server))
    assert "to spare" in caplog.text


@contextmanager
def a_socket(say: bytes, *, trickle: bytes = b"") -> Iterator[int]:
    """Something on a port that says `say` to whoever connects, then `trickle` again and again."""
    listener = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            with suppress(OSError):
                client, _ = listener.accept()
                held.append(client)
                client.sendall(say)
                while trickle and not over.wait(0.02):
                    client.sendall(trickle)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for client in held:
            client.close()


ENDLESS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("say", "trickle", "counter"),
    [
        pytest.param(b"", b"", "timeouts", id="silence"),
        pytest.param(OK + b"Content-", b"", "timeouts", id="half a header"),
        pytest.param(OK + b"X: ", b"y", "timeouts", id="a header in drops"),
        pytest.param(OK, b"X: y\r\n", "timeouts", id="headers in drops"),
        pytest.param(OK + b"Content-Length: 999\r\n\r\n", b" ", "timeouts", id="a body in drops"),
        pytest.param(OK + b"Content-Length: 9\r\n\r\n{", b"", "timeouts", id="half a body"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", b"", "garbage", id="another protocol"),
        pytest.param(b"x" * 70_000, b"", "garbage", id="an endless line"),
        pytest.param(ENDLESS + b"100000\r\n" + b" " * 0x100000, b"", "too_large", id="chunks"),
        pytest.param(OK + b"Content-Length: 99999999\r\n\r\n", b"", "too_large", id="a threat"),
        pytest.param(
            b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere\r\nContent-Length: 0\r\n\r\n",
            b"",
            "http_errors",
            id="elsewhere",
        ),
    ],
)
def test_whatever_answers_there_costs_one_failure(say: bytes, trickle: bytes, counter: str) -> None:
    async def story(asked: Asked) -> None:
        with pytest.raises(JoinFailed):
            await asked.client.join(a_join(), 0.4)
        assert asked.server()[counter] == 1

    with a_socket(say, trickle=trickle) as port:
        tell(story, ServerSettings(url=f"http://127.0.0.1:{port}", allow_http=True))


def test_a_server_that_is_silent_in_the_handshake_costs_its_time_limit(tls: Tls) -> None:
    async def story(asked: Asked) -> None:
        with pytest.raises(JoinFailed):
            await asked.client.join(a_join(), 0.3)
        assert asked.server()["timeouts"] == 1

    with a_socket(b"") as port:
        tell(story, ServerSettings(url=f"https://127.0.0.1:{port}", ca_file=tls.ca))


def test_nobody_at_home_is_unreachable() -> None:
    async def story(asked: Asked) -> None:
        with pytest.raises(JoinFailed):
            await asked.client.join(a_join())
        assert asked.server()["unreachable"] == 1

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    tell(story, ServerSettings(url=f"http://127.0.0.1:{port}", allow_http=True))


@pytest.mark.usefixtures("impatient")
def test_no_key_and_no_body_is_ever_logged(tls: Tls, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    core, bodies = a_core(wrapped=False), list[bytes]()
    for fault in (Fault.GARBAGE, Fault.WRONG_TRANSACTION, Fault.UNAUTHORIZED, Fault.HUGE):
        core.fail(fault)
    answer = core.answer

    def overheard(body: bytes, client: frozenset[str] | None = None) -> Reply:
        reply = answer(body, client)
        bodies.extend((body, reply.body))
        return reply

    core.answer = overheard  # type: ignore[method-assign]  # a tap on the wire

    async def story(asked: Asked) -> tuple[KeyNews, str]:
        for nonce in range(4):
            with pytest.raises(JoinFailed):
                await asked.client.join(a_join(nonce, dev_eui=NEW_EUI if nonce < 2 else DEV_EUI))
        joined, news = await joined_and_asked(asked)
        return news, repr(asked.client.status()) + repr(joined) + repr(news)

    with serving(core, tls.server, tls.ca) as server:
        news, shown = tell(story, settings_for(server, tls), allow_clear=True)
    assert news.app_s_key is not None
    everything = caplog.text + shown
    assert news.app_s_key.wrapped.hex() not in everything
    for body in bodies:
        if b"AESKey" in body:
            for name, value in msgspec.json.decode(body).items():
                if isinstance(value, dict) and "AESKey" in value:
                    assert value["AESKey"] not in everything, name
