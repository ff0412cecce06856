"""The Join Server client against a Join Server over real sockets and TLS, well and badly meant."""

from __future__ import annotations

import asyncio
import http.client
import logging
import socket
import threading
from pathlib import Path

import msgspec
import pytest

from forwarder.edge.sources.join_server import JoinFailed
from forwarder.edge.sources.join_server_settings import Answers
from forwarder.edge.sources.settings import ListenSettings
from forwarder.edge.sources.ts002 import ResultCode, Version
from forwarder.edge.values import KeyNews, KeyOrigin
from forwarder.lorawan import crypto, keys
from forwarder.lorawan.frame import JoinAccept
from forwarder.sim.join_server import Fault, Gives, JoinServer, Reply

from .join_server_bench import (
    APP_KEY,
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
from .js_client_bench import EUI, JOIN, device_keys, joined_and_asked, tell


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return Tls.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture(autouse=True)
def heard(caplog: pytest.LogCaptureFixture) -> None:
    """A command under test elsewhere may have set the level."""
    caplog.set_level(logging.INFO)


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
