"""The Join Server client against a Join Server over real sockets and TLS, well and badly meant."""

from __future__ import annotations

import asyncio
import http.client
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from forwarder.edge.sources import ask_plan
from forwarder.edge.sources.join_server import JoinFailed, ServerSettings
from forwarder.edge.sources.join_server_settings import Answers
from forwarder.edge.sources.settings import ListenSettings
from forwarder.edge.sources.ts002 import Reaction, ResultCode, Version
from forwarder.edge.values import KeyNews, KeyOrigin, Scheme
from forwarder.lorawan import crypto, keys
from forwarder.lorawan.frame import JoinAccept
from forwarder.sim.join_server import Fault, Gives, JoinServer, Reply

from .join_server_bench import (
    APP_KEY,
    DEV_EUI,
    JOIN_EUI,
    NEW_EUI,
    NWK_KEY,
    Asked,
    Tls,
    a_core,
    a_core_of,
    a_join,
    opened,
    serving,
    settings_for,
)

EUI, JOIN = f"{DEV_EUI:016x}", f"{JOIN_EUI:016x}"
Story = Callable[[Asked], Any]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return Tls.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture(autouse=True)
def heard(caplog: pytest.LogCaptureFixture) -> None:
    """A command under test elsewhere may have set the level."""
    caplog.set_level(logging.INFO)


def tell(story: Story, *servers: ServerSettings, **changes: Any) -> Any:
    """Run `story` with a client of these servers."""

    async def told() -> Any:
        async with Asked(*servers, **changes) as asked:
            return await story(asked)

    return asyncio.run(told())


async def joined_and_asked(asked: Asked) -> tuple[KeyNews, KeyNews]:
    joined = await asked.client.join(a_join())
    asked.client.ask(EUI, JOIN, joined.news.session_id)
    return joined.news, await asked.news()


def device_keys(phy_payload: bytes, nonce: int = 1) -> tuple[JoinAccept, keys.SessionKeys]:
    """What a 1.0 device makes of a join-accept."""
    clear, mic = crypto.open_join_accept(APP_KEY, phy_payload[1:])
    assert mic == crypto.join_accept_mic(APP_KEY, phy_payload[0], clear)
    accept = JoinAccept.parse(clear)
    return accept, keys.session_1_0(APP_KEY, accept.join_nonce, accept.net_id, nonce)


# What must work.


def test_device_and_gateway_have_the_same_keys_after_a_join_over_mutual_tls(tls: Tls) -> None:
    async def story(asked: Asked) -> None:
        answer = await asked.client.join(a_join())
        accept, session = device_keys(answer.phy_payload)
        assert (accept.dev_addr, accept.net_id) == (0x26C3D3AB, 0x13)
        assert opened(answer.news.f_nwk_s_int) == session.nwk_s_enc
        assert opened(answer.news.app_s_key) == session.app_s
        assert answer.news.origin is KeyOrigin.JOIN and answer.news.pending
        assert answer.news.lifetime_s == 86_400 and not answer.news.lorawan_1_1
        asked.client.ask(EUI, JOIN, answer.news.session_id)
        news = await asked.news()
        assert opened(news.app_s_key) == session.app_s
        assert (news.dev_eui, news.session_id) == (EUI, answer.news.session_id)
        assert news.origin is KeyOrigin.APP_S_KEY_REQ

    with serving(a_core(), tls.server, tls.ca) as server:
        tell(story, settings_for(server, tls))


def test_a_1_1_device_gets_three_network_keys_that_are_its_own(tls: Tls) -> None:
    async def story(asked: Asked) -> None:
        answer = await asked.client.join(a_join(dev_eui=NEW_EUI))
        clear, _ = crypto.open_join_accept(NWK_KEY, answer.phy_payload[1:])
        accept = JoinAccept.parse(clear)
        session = keys.session_1_1(NWK_KEY, APP_KEY, accept.join_nonce, JOIN_EUI, 1)
        news = answer.news
        assert accept.opt_neg and news.lorawan_1_1
        assert opened(news.f_nwk_s_int) == session.f_nwk_s_int
        assert opened(news.s_nwk_s_int) == session.s_nwk_s_int
        assert opened(news.nwk_s_enc) == session.nwk_s_enc
        assert opened(news.app_s_key) == session.app_s
        assert asked.server()["version"] == "1.1"

    with serving(a_core(), tls.server, tls.ca) as server:
        one = settings_for(server, tls, version=Version.V1_1)
        tell(story, one, ns_id="0011223344556677")


def test_one_connection_carries_many_requests(tls: Tls) -> None:
    async def story(asked: Asked) -> None:
        for nonce in range(1, 6):
            await asked.client.join(a_join(nonce))

    with serving(a_core(), tls.server, tls.ca) as server:
        tell(story, settings_for(server, tls))
        assert server.connections == 1


def test_a_connection_that_the_server_closed_meanwhile_costs_nothing(tls: Tls) -> None:
    async def story(asked: Asked) -> None:
        for nonce in (1, 2):
            await asked.client.join(a_join(nonce))
        # What a server does with an idle client: the next request finds the end of the stream.
        (idle,) = asked.client._peers[0]._channel._idle
        assert idle.sock is not None
        idle.sock.shutdown(socket.SHUT_WR)
        await asked.client.join(a_join(3))
        assert asked.server()["granted"] == 3

    with serving(a_core(), tls.server, tls.ca) as server:
        tell(story, settings_for(server, tls))
        assert server.connections == 2


@pytest.mark.parametrize("gives", Gives)
def test_a_join_answer_with_key_or_session_id_or_both_is_understood(gives: Gives) -> None:
    async def story(asked: Asked) -> KeyNews:
        return (await asked.client.join(a_join())).news

    with serving(a_core(gives=gives)) as server:
        news = tell(story, settings_for(server))
    assert (news.app_s_key is not None) == (gives is not Gives.SESSION_ID)
    assert bool(news.session_id) == (gives is not Gives.KEY)


def test_the_longest_prefix_chooses_the_server(tls: Tls) -> None:
    async def story(asked: Asked) -> None:
        await asked.client.join(a_join())
        assert (asked.server(0)["requests"], asked.server(1)["requests"]) == (0, 1)
        assert not asked.client.serves("0000000000000001")
        asked.client.ask(EUI, "0000000000000001", b"id")
        assert asked.client.status()["no_server"] == 1

    with serving(a_core()) as wide, serving(a_core()) as narrow:
        tell(
            story,
            settings_for(wide, join_eui=("02bb000000000000/16",)),
            settings_for(narrow, join_eui=("02BB0000", "ff")),
        )


def test_basic_authentication_comes_from_a_file(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("open sesame\n")
    password.chmod(0o600)
    with serving(a_core(), authorization="Basic ZWRnZTpvcGVuIHNlc2FtZQ==") as server:
        asked = settings_for(server, username="edge", password_file=str(password))
        joined, news = tell(joined_and_asked, asked)
    assert opened(news.app_s_key) == opened(joined.app_s_key)


def test_an_authorization_header_comes_from_a_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "js").write_text("Bearer abc")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with serving(a_core(), authorization="Bearer abc") as server:
        tell(joined_and_asked, settings_for(server, authorization_file="credential:js"))


def test_the_other_version_is_tried_once_and_kept() -> None:
    core = a_core()
    core.fail(Fault.REFUSE_VERSION)

    async def story(asked: Asked) -> None:
        await asked.client.join(a_join(1))
        assert asked.server()["version"] == "1.1" and asked.server()["requests"] == 2
        await asked.client.join(a_join(2))
        assert asked.server()["requests"] == 3

    with serving(core) as server:
        tell(story, settings_for(server))


def test_a_server_that_refuses_both_versions_is_a_configuration_error() -> None:
    core = a_core()
    core.fail(Fault.REFUSE_VERSION, times=2)

    async def story(asked: Asked) -> None:
        with pytest.raises(JoinFailed) as failed:
            await asked.client.join(a_join())
        assert failed.value.code is ResultCode.INVALID_PROTOCOL_VERSION
        assert asked.server()["version"] == "1.0"

    with serving(core) as server:
        tell(story, settings_for(server))


def test_paths_differ_by_message() -> None:
    async def story(asked: Asked) -> None:
        await joined_and_asked(asked)

    with serving(a_core()) as server:
        seen: list[str] = []
        reply = server.reply

        def overheard(path: str, body: bytes, client: frozenset[str] | None) -> Reply:
            seen.append(path)
            return reply(path, body, client)

        server.reply = overheard  # type: ignore[method-assign]  # a tap on the wire
        one = settings_for(server, paths={"AppSKeyReq": "/as"})
        tell(story, msgspec.structs.replace(one, url=one.url + "/js"))
    assert seen == ["/js", "/js/as"]


class Acknowledging(JoinServer):
    """Its HTTP responses only acknowledge; what it answers is kept."""

    said: list[bytes]
    ready: threading.Event

    def answer(self, body: bytes, client: frozenset[str] | None = None) -> Reply:
        self.said.append(super().answer(body, client).body)
        self.ready.set()
        return Reply(b"")


def call(port: int, body: bytes, token: str) -> int:
    """The status of a POST to ourselves."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", "/", body, {"Authorization": f"Bearer {token}"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_an_answer_in_a_request_of_its_own_is_waited_for(tmp_path: Path) -> None:
    core = a_core_of(Acknowledging)
    core.said, core.ready = [], threading.Event()
    token = tmp_path / "token"
    token.write_text("js-token")
    token.chmod(0o600)

    async def story(asked: Asked) -> None:
        assert asked.client.listener is not None
        await asked.client.listener.server.listening.wait()
        port = asked.client.listener.server.port
        joining = asyncio.create_task(asked.client.join(a_join(), 20))
        await asyncio.to_thread(core.ready.wait, 20)
        (said,) = core.said
        wrong = msgspec.json.decode(said)
        wrong["TransactionID"] ^= 1
        for body, word, status in (
            (msgspec.json.encode(wrong), "js-token", 404),
            (b"garbage", "js-token", 404),
            (said, "guessed", 401),
            (said, "js-token", 204),
            (said, "js-token", 404),
        ):
            assert await asyncio.to_thread(call, port, body, word) == status
        assert opened((await joining).news.app_s_key)
        assert asked.client.status()["strays"] == 3

    listen = ListenSettings(listen="127.0.0.1:0", token_file=str(token))
    with serving(core) as server:
        tell(story, settings_for(server, answers=Answers.ASYNC), http=listen)


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
