"""The page's server on a whole gateway: its addresses, and what a bad viewer cannot do to it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from forwarder import parts
from forwarder.__main__ import main
from forwarder.capture import pcap
from forwarder.capture.loratap import decode
from forwarder.errors import ConfigError
from forwarder.page.live import QUEUE, VIEWERS, Live
from forwarder.page.server import Limits, PageServer, open_server
from forwarder.page.settings import PageSettings
from forwarder.sim.certificates import Authority
from forwarder.state.recent import Recent
from tests.forwarder.semtech_makers import body
from tests.page.bench import DATA_UP, HERE, a_page, ask, hear, next_event, say, stream
from tests.worlds import World, a_gateway

Look = Callable[[World, PageServer], Awaitable[None]]


def with_page(look: Look, settings: PageSettings = HERE) -> None:
    async def run() -> None:
        async with a_page(settings) as (world, page):
            await look(world, page)

    asyncio.run(run())


def test_every_address_answers_with_headers_that_keep_others_out() -> None:
    async def look(world: World, page: PageServer) -> None:
        for path in ("/", "/page.js", "/page.css", "/icon.svg", "/state.json", "/metrics",
                     "/capture.pcap", "/healthz", "/login"):  # fmt: skip
            reply = await ask(page.port, path)
            assert reply.status == 200 and reply.body, path
            assert "default-src 'none'" in reply.headers["content-security-policy"]
            assert reply.headers["x-content-type-options"] == "nosniff"
            assert reply.headers["referrer-policy"] == "no-referrer"
            assert not any(name.startswith("access-control") for name in reply.headers)

    with_page(look)


def test_a_frame_is_told_live_and_is_in_state_metrics_and_capture() -> None:
    async def look(world: World, page: PageServer) -> None:
        events, writer = await stream(page.port, "/events")
        tap, tap_writer = await stream(page.port, "/capture.pcap?live")
        assert (await next_event(events, "state"))["radio"]["state"] == "up"
        hear(world)
        frame = await next_event(events, "frame")
        assert (frame["dev_addr"], frame["fcnt"], frame["way"]) == ("deadbeef", 5, "up")
        assert (await ask(page.port, "/state.json")).json["frames"] == [frame]
        assert b"edgemast_rx_frames_total" in (await ask(page.port, "/metrics")).body
        kept = (await ask(page.port, "/capture.pcap")).body
        assert await tap.readexactly(len(kept)) == kept
        (record,) = pcap.read(kept)[1]
        captured = decode(record.data)
        assert captured.payload == DATA_UP and f"{captured.gateway:016x}" == world.gateway.eui
        writer.close()
        tap_writer.close()

    with_page(look)


def test_a_downlink_is_told_when_it_is_asked_for_and_when_it_left() -> None:
    async def look(world: World, page: PageServer) -> None:
        events, writer = await stream(page.port, "/events")
        world.server.downlink(body(imme=True, tmst=None))
        fates = [await next_event(events, "frame") for _ in range(2)]
        assert [one["fate"] for one in fates] == ["waiting", "sent"]
        assert fates[0]["n"] == fates[1]["n"]
        assert len((await ask(page.port, "/capture.pcap")).body) > 24
        writer.close()

    with_page(look)


def test_changes_of_state_are_in_the_state_with_their_reasons() -> None:
    async def look(world: World, page: PageServer) -> None:
        world.gateway.radio.restart("the test wants it")
        await world.gateway.until("up 2")
        state = (await ask(page.port, "/state.json")).json
        told = [(one["state"], one["text"]) for one in state["events"] if one["what"] == "radio"]
        assert told[0] == ("up", "SX1302, start 2") and told[-1] == ("up", "SX1302, start 1")
        assert told[1][0] == "down" and "the test wants it; next: reopen" in told[1][1]

    with_page(look)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param(b"DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, id="another method"),
        pytest.param(b"POST /state.json HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", 405, id="a change"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, id="DNS rebinding"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 421, id="no host"),
        pytest.param(b"GET /../server.py HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, id="out of the folder"),
        pytest.param(b"GET /%2e%2e/server.py HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, id="out, encoded"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400, id="TLS to a plain port"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"a: b\r\n" * 2000 + b"\r\n", 431, id="endless head"),
        pytest.param(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\n", 413, id="endless body"),
        pytest.param(b"POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", 411, id="chunked"),
        pytest.param(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400, id="negative"),
    ],
)  # fmt: skip
def test_what_no_viewer_of_ours_says_is_refused(request_: bytes, status: int) -> None:
    async def look(world: World, page: PageServer) -> None:
        assert (await say(page.port, request_)).status == status
        assert (await ask(page.port, "/healthz")).status == 200

    with_page(look)


def a_token(folder: Path) -> PageSettings:
    file = folder / "token"
    file.write_text("correct horse\n")
    file.chmod(0o600)
    return PageSettings("127.0.0.1", 0, token_file=str(file))


def test_with_a_token_nothing_is_seen_without_it(tmp_path: Path) -> None:
    async def look(world: World, page: PageServer) -> None:
        for path in ("/state.json", "/events", "/metrics", "/capture.pcap", "/", "/page.js"):
            assert (await ask(page.port, path)).status == 401, path
        as_browser = await ask(page.port, "/", accept="text/html")
        assert (as_browser.status, as_browser.headers["location"]) == (303, "/login")
        assert (await ask(page.port, "/healthz")).status == 200
        bearer = await ask(page.port, "/state.json", authorization="Bearer correct horse")
        assert bearer.status == 200 and "correct horse" not in bearer.body.decode()

    with_page(look, a_token(tmp_path))


def test_the_login_form_gives_a_cookie_that_admits(tmp_path: Path) -> None:
    async def look(world: World, page: PageServer) -> None:
        guarded = open_server(a_token(tmp_path), world.gateway, Limits(guess_s=0))
        running = asyncio.create_task(guarded.run())
        await guarded.listening.wait()
        wrong = await ask(guarded.port, "/login", method="POST", body=b"token=wrong")
        assert wrong.status == 403 and "set-cookie" not in wrong.headers
        right = await ask(guarded.port, "/login", method="POST", body=b"token=correct+horse")
        assert right.status == 303
        cookie = right.headers["set-cookie"].split(";")[0]
        assert (await ask(guarded.port, "/state.json", cookie=cookie)).status == 200
        running.cancel()

    with_page(look)


def test_beyond_this_machine_it_is_tls_with_a_token_or_a_certificate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authority = Authority("test", datetime.now(UTC))
    certificate, key = authority.server().write(tmp_path, "server")
    own, own_key = authority.client("viewer").write(tmp_path, "viewer")
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.certificate)
    secured = replace(a_token(tmp_path), cert_file=str(certificate), key_file=str(key))
    for_known = replace(secured, token_file="", client_ca_file=str(ca))
    context = ssl.create_default_context(cafile=str(ca))

    async def look(world: World, page: PageServer) -> None:
        assert (await say(page.port, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")).status == 0
        url = f"https://127.0.0.1:{page.port}"
        given = ["--once", "--url", url, "--ca-file", str(ca)]
        assert await asyncio.to_thread(main, ["monitor", *given]) == 1
        token = ["--token-file", secured.token_file]
        assert await asyncio.to_thread(main, ["monitor", *given, *token]) == 0
        guarded = open_server(for_known, world.gateway)
        running = asyncio.create_task(guarded.run())
        await guarded.listening.wait()
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await over_tls(guarded.port, context)
        context.load_cert_chain(own, own_key)
        assert b" 200 OK" in await over_tls(guarded.port, context)
        running.cancel()

    with_page(look, secured)
    assert "radio up" in capsys.readouterr().out


async def over_tls(port: int, context: ssl.SSLContext) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        writer.write(b"GET /state.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return await reader.readuntil(b"\r\n")
    except asyncio.IncompleteReadError as error:
        raise ConnectionError("cut off") from error
    finally:
        writer.transport.abort()


def test_one_that_sends_nothing_loses_its_connection_only() -> None:
    async def look(world: World, page: PageServer) -> None:
        quick = open_server(HERE, world.gateway, Limits(head_s=0.05, connections=2))
        running = asyncio.create_task(quick.run())
        await quick.listening.wait()
        silent = [await asyncio.open_connection("127.0.0.1", quick.port) for _ in range(2)]
        silent[0][1].write(b"GET / HT")
        assert (await ask(quick.port)).status in (0, 503), "as many as there may be"
        for reader, writer in silent:
            with suppress(ConnectionError):
                assert await reader.read(-1) == b"", "cut off, not answered"
            writer.close()
        assert (await ask(quick.port, "/healthz")).status == 200
        running.cancel()

    with_page(look)


def test_one_that_reads_nothing_is_left_behind_and_the_rest_is_served() -> None:
    async def look(world: World, page: PageServer) -> None:
        quick = open_server(HERE, world.gateway, Limits(write_s=0.05))
        running = asyncio.create_task(quick.run())
        await quick.listening.wait()
        ring = world.gateway.watching.ring
        assert ring is not None
        for number in range(30):
            ring._records.append(bytes([number]) * 1_000_000)  # more than sockets hold
        _, writer = await stream(quick.port, "/capture.pcap?live")
        assert ring.followers == 1
        while ring.followers:
            await asyncio.sleep(0.01)
        assert (await ask(quick.port, "/healthz")).status == 200
        writer.close()
        running.cancel()

    with_page(look)


def test_a_viewer_that_is_too_slow_loses_events_and_costs_no_memory() -> None:
    async def look() -> None:
        recent = Recent()
        live = Live(lambda: {"frames": []}, recent, lambda: 0.0)
        slow, quick = live.follow(), live.follow()
        assert b"event: state" in await anext(slow)
        assert b"event: state" in await anext(quick)
        for number in range(QUEUE + 5):
            live._tell(b"event %d" % number)
            await anext(quick)
        assert live.missed == 5
        await slow.aclose()
        await quick.aclose()
        assert not live._viewers

    asyncio.run(look())


def test_there_are_only_so_many_live_viewers_and_the_next_is_told() -> None:
    async def look(world: World, page: PageServer) -> None:
        viewers = [await stream(page.port, "/events") for _ in range(VIEWERS)]
        for reader, _ in viewers:
            await next_event(reader, "state")
        assert (await ask(page.port, "/events")).status == 503
        assert (await ask(page.port, "/state.json")).status == 200
        for _, writer in viewers:
            writer.close()

    with_page(look)


def test_a_gateway_with_viewers_ends_at_once() -> None:
    async def look(world: World, page: PageServer) -> None:
        reader, writer = await stream(page.port, "/events")
        await next_event(reader, "state")
        world.running.cancel()
        async with asyncio.timeout(2):
            await asyncio.gather(world.running, return_exceptions=True)
            await reader.read(-1)
        writer.close()

    async def run() -> None:
        with pytest.raises(AssertionError, match="the gateway has ended"):
            async with a_page() as (world, page):
                await look(world, page)

    asyncio.run(run())


def test_without_the_library_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import sys

    monkeypatch.delitem(sys.modules, "forwarder.page.server", raising=False)
    monkeypatch.delitem(sys.modules, "forwarder.page.routes", raising=False)
    monkeypatch.setitem(sys.modules, "microdot", None)

    async def run() -> None:
        with pytest.raises(ConfigError, match=r"pip install 'edgemast\[page\]'"):
            async with a_gateway(page=HERE):
                pass

    asyncio.run(run())


def test_a_gateway_without_a_page_keeps_no_capture_and_loads_no_framework() -> None:
    async def look() -> None:
        async with a_gateway() as world:
            assert world.gateway.page is None and world.gateway.watching.ring is None

    asyncio.run(look())
    assert parts.open_page.__doc__


def test_an_address_that_is_taken_is_told_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async def look(world: World, page: PageServer) -> None:
        settings = PageSettings("127.0.0.1", page.port)
        late = open_server(settings, world.gateway, Limits(again_s=0.01))
        running = asyncio.create_task(late.run())
        while "cannot be listened on" not in caplog.text:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.03)
        assert caplog.text.count("cannot be listened on") == 1 and not late.listening.is_set()
        running.cancel()

    with_page(look)


def test_handshakes_that_say_nothing_are_counted_like_any_connection(tmp_path: Path) -> None:
    authority = Authority("test", datetime.now(UTC))
    certificate, key = authority.server().write(tmp_path, "server")
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.certificate)
    secured = replace(a_token(tmp_path), cert_file=str(certificate), key_file=str(key))
    context = ssl.create_default_context(cafile=str(ca))

    async def look(world: World, page: PageServer) -> None:
        few = open_server(secured, world.gateway, Limits(connections=2, head_s=0.2))
        running = asyncio.create_task(few.run())
        await few.listening.wait()
        silent = [await asyncio.open_connection("127.0.0.1", few.port) for _ in range(2)]
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await over_tls(few.port, context)
        for reader, writer in silent:
            with suppress(ConnectionError):
                assert await reader.read(-1) == b""
            writer.close()
        assert b" 401 " in await over_tls(few.port, context)
        running.cancel()

    with_page(look, secured)
