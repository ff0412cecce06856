"""Keys that are sent to us: the push API and webhooks, over real sockets and real TLS."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from forwarder.edge.keys import SoftKey
from forwarder.edge.sources.chirpstack import ChirpstackSettings
from forwarder.edge.sources.http import HttpSource
from forwarder.edge.sources.http_message import MAX_HEAD
from forwarder.edge.sources.http_server import MAX_CONNECTIONS
from forwarder.edge.sources.open import open_source
from forwarder.edge.sources.push import MAX_BODY, PATH, PushSettings, PushSource
from forwarder.edge.sources.settings import ListenSettings
from forwarder.edge.sources.thingpark import ThingParkSettings
from forwarder.edge.values import KeyNews, KeyOrigin
from forwarder.errors import ConfigError

from . import tunnels as t
from .authority import Authority
from .test_source_dialects import KPN_KEY, KPN_QUERY, kpn_uplink

TOKEN = "let-me-in-6f1d"
Source = PushSource | HttpSource


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def secret(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


def body(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "dev_eui": t.DEV_EUI,
        "dev_addr": f"{t.DEV_ADDR:08x}",
        "join_eui": t.JOIN_EUI,
        "session_id": t.SESSION_ID.hex(),
        "lorawan": "1.0",
        "app_s_key": {"kek_label": t.LABEL, "aes_key": t.WRAPPED.hex()},
        "nwk_s_key": {"kek_label": t.LABEL, "aes_key": t.WRAPPED.hex()},
    }
    return {name: value for name, value in (whole | changes).items() if value is not None}


class Caller:
    """A source that listens, and a client that trusts its authority."""

    def __init__(self, source: Source, context: ssl.SSLContext | None, told: list[KeyNews]) -> None:
        self.source = source
        self.told = told
        self._context = context

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(
            "127.0.0.1", self.source.server.port, ssl=self._context
        )

    async def raw(self, data: bytes) -> tuple[int, str]:
        """Status and words of the answer to exactly these bytes; 0 if there was none."""
        reader, writer = await self.connect()
        writer.write(data)
        try:
            came = await reader.read()
        finally:
            writer.transport.abort()
        if not came:
            return 0, ""
        head, _, words = came.partition(b"\r\n\r\n")
        return int(head.split()[1]), words.decode()

    async def post(
        self, content: object, *, token: str = TOKEN, path: str = PATH, method: str = "POST"
    ) -> tuple[int, str]:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: gateway\r\nContent-Length: {len(data)}\r\n"
        if token:
            head += f"Authorization: Bearer {token}\r\n"
        return await self.raw(head.encode() + b"\r\n" + data)


@asynccontextmanager
async def running(
    make: Callable[[Callable[[KeyNews], None]], Source], context: ssl.SSLContext | None
) -> AsyncIterator[Caller]:
    told: list[KeyNews] = []
    source = make(told.append)
    task = asyncio.create_task(source.run())
    listening = asyncio.create_task(source.server.listening.wait())
    try:
        await asyncio.wait([task, listening], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        yield Caller(source, context, told)
    finally:
        task.cancel()
        listening.cancel()
        await asyncio.gather(task, listening, return_exceptions=True)


Scenario = Callable[[Caller], Awaitable[None]]


@pytest.fixture
def push(tmp_path: Path, authority: Authority) -> Callable[..., None]:
    """Runs a scenario against a push API with TLS."""
    certificate, key = authority.issue("gateway")
    token = secret(tmp_path / "token", TOKEN + "\n")

    def run(scenario: Scenario, *, deadline_s: float = 10.0, **changes: Any) -> None:
        client_ca = changes.pop("client_ca_file", "")
        settings = PushSettings(
            http=ListenSettings(
                listen="127.0.0.1:0",
                cert_file=str(certificate),
                key_file=str(key),
                token_file=token,
                client_ca_file=client_ca,
            ),
            **changes,
        )
        context = ssl.create_default_context(cafile=str(authority.ca))

        async def whole() -> None:
            def make(tell: Callable[[KeyNews], None]) -> PushSource:
                return PushSource(settings, tell, deadline_s=deadline_s)

            async with running(make, context) as caller:
                await scenario(caller)

        asyncio.run(whole())

    return run


def test_a_good_key_is_taken_and_opens(push: Callable[..., None]) -> None:
    async def scenario(caller: Caller) -> None:
        assert await caller.post(body()) == (204, "")
        (news,) = caller.told
        assert (news.source, news.origin, news.dev_eui) == ("push", KeyOrigin.PUSH, t.DEV_EUI)
        assert (news.dev_addr, news.join_eui) == (t.DEV_ADDR, t.JOIN_EUI)
        assert news.session_id == t.SESSION_ID and not news.lorawan_1_1
        assert news.app_s_key is not None and news.f_nwk_s_int is not None
        assert t.TestVault().open(news.app_s_key, "push") == SoftKey(t.APP_S_KEY)

    push(scenario)


def test_the_same_session_twice_is_the_same_news_twice(push: Callable[..., None]) -> None:
    async def scenario(caller: Caller) -> None:
        assert [await caller.post(body()), await caller.post(body(), method="PUT")] == [
            (204, ""),
            (204, ""),
        ]
        assert caller.told[0] == caller.told[1]

    push(scenario)


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", TOKEN[:-1], TOKEN.upper()])
def test_a_wrong_token_is_refused_before_the_body_is_read(
    push: Callable[..., None], token: str
) -> None:
    async def scenario(caller: Caller) -> None:
        status, words = await caller.post(b"garbage", token=token)
        assert status == 401 and "Bearer TOKEN expected" in words
        assert not caller.told

    push(scenario)


def test_a_huge_body_is_refused_by_its_announcement(push: Callable[..., None]) -> None:
    async def scenario(caller: Caller) -> None:
        head = b"POST /v1/sessions HTTP/1.1\r\nContent-Length: 10000000\r\n\r\n"
        status, words = await caller.raw(head)
        assert status == 413 and str(MAX_BODY) in words

    push(scenario, deadline_s=0.5)


def test_who_sends_a_big_body_anyway_still_reads_why_it_was_refused(
    push: Callable[..., None],
) -> None:
    async def scenario(caller: Caller) -> None:
        assert (await caller.post(b"x" * 5 * MAX_BODY))[0] == 413

    push(scenario, deadline_s=0.5)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"dev_eui": "12"}, "dev_eui: 16 hex digits", id="short DevEUI"),
        pytest.param({"dev_addr": "12345"}, "dev_addr", id="odd DevAddr"),
        pytest.param({"typo": 1}, "typo", id="an unknown name"),
        pytest.param({"lorawan": "2.0"}, "lorawan", id="an unknown LoRaWAN"),
        pytest.param({"app_s_key": None, "nwk_s_key": None}, "came none", id="no key"),
        pytest.param(
            {"app_s_key": {"aes_key": t.APP_S_KEY.hex()}}, "a key in clear", id="a clear key"
        ),
        pytest.param(
            {"app_s_key": {"kek_label": "k", "aes_key": t.APP_S_KEY.hex()}},
            "came 16 with a KEK label",
            id="32 digits with a label",
        ),
        pytest.param({"lorawan": "1.1"}, "nwk_s_key is for LoRaWAN 1.0", id="1.0's key in 1.1"),
        pytest.param({"lifetime_s": 0}, "lifetime_s", id="no lifetime"),
        pytest.param({"session_id": "0g"}, "session_id", id="no hex"),
    ],
)
def test_what_is_no_session_is_refused_in_words(
    push: Callable[..., None], changes: dict[str, Any], words: str
) -> None:
    async def scenario(caller: Caller) -> None:
        status, said = await caller.post(body(**changes))
        assert status == 400 and words in said
        assert t.APP_S_KEY.hex() not in said and not caller.told

    push(scenario)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[" * 9000, b"\xff\xfe", b"null", b'{"dev_eui":1}']
)
def test_garbage_is_refused_in_words(push: Callable[..., None], content: bytes) -> None:
    async def scenario(caller: Caller) -> None:
        status, words = await caller.post(content)
        assert status == 400 and words.strip()

    push(scenario)


def test_a_key_in_clear_is_taken_where_a_setting_allows_it(push: Callable[..., None]) -> None:
    async def scenario(caller: Caller) -> None:
        assert (await caller.post(body(app_s_key={"aes_key": t.APP_S_KEY.hex()})))[0] == 204
        assert len(caller.told) == 1

    push(scenario, allow_clear=True)


def test_a_1_1_session_has_its_own_keys(push: Callable[..., None]) -> None:
    key = {"kek_label": t.LABEL, "aes_key": t.WRAPPED.hex()}

    async def scenario(caller: Caller) -> None:
        sent = body(lorawan="1.1", nwk_s_key=None, f_nwk_s_int=key, s_nwk_s_int=key, nwk_s_enc=key)
        assert (await caller.post(sent))[0] == 204
        (news,) = caller.told
        assert news.lorawan_1_1 and news.s_nwk_s_int is not None and news.nwk_s_enc is not None

    push(scenario)


def test_other_paths_and_methods_are_named(push: Callable[..., None]) -> None:
    async def scenario(caller: Caller) -> None:
        assert (await caller.post(body(), path="/"))[0] == 404
        assert (await caller.post(body(), method="GET"))[0] == 405

    push(scenario)


def test_who_calls_too_often_is_told_so_even_with_wrong_tokens(push: Callable[..., None]) -> None:
    async def scenario(caller: Caller) -> None:
        statuses = [(await caller.post(body(), token="guess"))[0] for _ in range(4)]
        assert statuses == [401, 401, 401, 429]
        assert (await caller.post(body()))[0] == 429

    push(scenario, per_minute=3)


def test_a_slow_client_loses_its_connection_and_holds_up_nobody(push: Callable[..., None]) -> None:
    async def scenario(caller: Caller) -> None:
        reader, writer = await caller.connect()
        writer.write(b"POST /v1/sessions HTTP/1.1\r\nX-Slow: ")
        assert (await caller.post(body()))[0] == 204
        assert await reader.read() == b""  # ends by the server's deadline
        writer.transport.abort()

    push(scenario, deadline_s=0.5)


def test_a_client_that_trickles_loses_its_connection_too(push: Callable[..., None]) -> None:
    async def scenario(caller: Caller) -> None:
        reader, writer = await caller.connect()
        ended = asyncio.create_task(reader.read())
        writer.write(b"POST /v1/sessions HTTP/1.1\r\nContent-Length: 9000\r\n\r\n")
        while not ended.done():
            writer.write(b"x")
            await asyncio.wait([ended], timeout=0.02)
        writer.transport.abort()
        assert caller.source.server.answers == {}

    push(scenario, deadline_s=0.3)


def test_a_client_without_tls_gets_nothing_and_breaks_nothing(push: Callable[..., None]) -> None:
    async def scenario(caller: Caller) -> None:
        plain = Caller(caller.source, None, caller.told)
        status = 0
        with suppress(OSError):
            status, _ = await plain.post(body())
        assert status == 0
        assert (await caller.post(body()))[0] == 204

    push(scenario)


def test_a_client_certificate_can_be_demanded(
    push: Callable[..., None], authority: Authority
) -> None:
    certificate, key = authority.issue("owner")

    async def scenario(caller: Caller) -> None:
        status = 0
        with suppress(OSError):
            status, _ = await caller.post(body())
        assert status == 0 and not caller.told
        context = ssl.create_default_context(cafile=str(authority.ca))
        context.load_cert_chain(certificate, key)
        known = Caller(caller.source, context, caller.told)
        assert (await known.post(body()))[0] == 204

    push(scenario, client_ca_file=str(authority.ca))


def test_when_all_places_are_taken_the_next_is_told_so(push: Callable[..., None]) -> None:
    async def scenario(caller: Caller) -> None:
        held = [await caller.connect() for _ in range(MAX_CONNECTIONS)]
        assert (await caller.post(body()))[0] == 503
        for _, writer in held:
            writer.transport.abort()

    push(scenario)


def test_the_status_counts_answers_and_holds_no_secret(push: Callable[..., None]) -> None:
    async def scenario(caller: Caller) -> None:
        await caller.post(body())
        await caller.post(body(), token="wrong")
        status = caller.source.status()
        assert status["state"] == "listening" and status["news"] == 1
        assert status["answers"] == {204: 1, 401: 1}
        assert TOKEN not in repr(status) and t.WRAPPED.hex() not in repr(status)

    push(scenario)


# Webhooks


def webhook(settings: Any, scenario: Scenario) -> None:
    """Runs a scenario against a source that `open_source` makes, without TLS."""

    async def whole() -> None:
        def make(tell: Callable[[KeyNews], None]) -> HttpSource:
            source = open_source(settings, tell)
            assert isinstance(source, HttpSource)
            return source

        async with running(make, None) as caller:
            await scenario(caller)

    asyncio.run(whole())


LOCAL = ListenSettings(listen="127.0.0.1:0")


@pytest.mark.parametrize("document", [t.thingpark_xml(), t.thingpark_json()])
def test_thingpark_posts_its_reports(document: bytes) -> None:
    async def scenario(caller: Caller) -> None:
        assert await caller.post(document, path="/any?LrnDevEui=x", token="") == (204, "")
        (news,) = caller.told
        assert (news.source, news.dev_eui) == ("thingpark", t.DEV_EUI)

    webhook(ThingParkSettings(http=LOCAL), scenario)


def test_a_thingpark_report_without_its_token_is_refused(tmp_path: Path) -> None:
    settings = ThingParkSettings(
        http=LOCAL, tunnel_key_file=secret(tmp_path / "tunnel-key", KPN_KEY)
    )
    signed = {"DevEUI_uplink": kpn_uplink() | {"AppSKey": t.CBC0.hex()}}

    async def scenario(caller: Caller) -> None:
        assert (await caller.post(signed, path=f"/?{KPN_QUERY}", token=""))[0] == 204
        status, words = await caller.post(t.thingpark_json(), path=f"/?{KPN_QUERY}", token="")
        assert status == 400 and "Token" in words
        assert len(caller.told) == 1
        assert caller.source.status()["refused"] == 1

    webhook(settings, scenario)


def test_chirpstacks_webhook_says_the_event_in_its_query() -> None:
    async def scenario(caller: Caller) -> None:
        document = t.chirpstack_up_protobuf()
        assert (await caller.post(document, path="/hook?event=up", token=""))[0] == 204
        assert (await caller.post(b"{}", path="/hook?event=status", token=""))[0] == 204
        assert len(caller.told) == 1

    webhook(ChirpstackSettings(http=LOCAL), scenario)


def test_a_webhook_can_ask_for_a_token(tmp_path: Path) -> None:
    listen = ListenSettings(listen="127.0.0.1:0", token_file=secret(tmp_path / "t", TOKEN))

    async def scenario(caller: Caller) -> None:
        assert (await caller.post(t.chirpstack_up(), path="/", token="x"))[0] == 401
        assert (await caller.post(t.chirpstack_up(), path="/"))[0] == 204

    webhook(ChirpstackSettings(http=listen), scenario)


def test_a_key_in_clear_is_counted_not_told_and_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    key = {"appSKey": {"aesKey": t.base64(t.APP_S_KEY)}}

    async def scenario(caller: Caller) -> None:
        assert (await caller.post(t.chirpstack_up(key), path="/", token=""))[0] == 204
        assert not caller.told and caller.source.status()["clear_refused"] == 1

    webhook(ChirpstackSettings(http=LOCAL), scenario)
    assert "came in clear and was not taken" in caplog.text
    assert t.base64(t.APP_S_KEY) not in caplog.text and t.APP_S_KEY.hex() not in caplog.text


def test_headers_without_end_are_refused(push: Callable[..., None]) -> None:
    async def scenario(caller: Caller) -> None:
        head = b"POST / HTTP/1.1\r\nX: " + b"x" * 3 * MAX_HEAD
        assert (await caller.raw(head))[0] == 431

    push(scenario, deadline_s=0.5)


def test_a_token_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(TOKEN)
    path.chmod(0o644)
    settings = PushSettings(http=ListenSettings(listen="127.0.0.1:0", token_file=str(path)))
    with pytest.raises(ConfigError, match="chmod 600"):
        open_source(settings, lambda news: None)


def test_certificates_that_are_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("nothing")
    listen = ListenSettings(
        listen="127.0.0.1:0",
        cert_file=str(tmp_path / "x.pem"),
        key_file=str(tmp_path / "x.pem"),
        token_file=secret(tmp_path / "token", TOKEN),
    )

    def make(tell: Callable[[KeyNews], None]) -> PushSource:
        return PushSource(PushSettings(http=listen), tell)

    async def whole() -> None:
        async with running(make, None):
            pass

    with pytest.raises(ConfigError, match=r"x\.pem cannot be used"):
        asyncio.run(whole())
