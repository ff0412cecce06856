"""Records to a real broker and a real HTTP server, which fail as such things do."""

from __future__ import annotations

import asyncio
import hmac
import json
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import aiomqtt
import pytest
from msgspec.structs import replace

from forwarder.edge.sinks.mqtt import MqttSink, MqttSinkSettings
from forwarder.edge.sinks.webhook import WebhookSettings, WebhookSink
from forwarder.edge.values import LocalDownlink

from .brokers import a_broker, free_port
from .test_sinks_pure import DEVICE, RECORD

PATIENCE_S = 20
BASE = f"edgemast/{RECORD.gateway}"


async def no_pause(_: float) -> None:
    await asyncio.sleep(0)


@asynccontextmanager
async def running(sink: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(sink.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def within(test: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
    async def limited() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await test(*args)

    asyncio.run(limited())


async def next_message(client: aiomqtt.Client) -> tuple[str, dict[str, Any]]:
    message = await anext(aiter(client.messages))
    assert isinstance(message.payload, bytes)
    return message.topic.value, json.loads(message.payload)


def a_sink(port: int, **options: Any) -> MqttSink:
    take = options.pop("take", None)
    settings = MqttSinkSettings(server=f"mqtt://127.0.0.1:{port}", **options)
    return MqttSink(settings, RECORD.gateway, take, pause=no_pause)


async def records_and_state(folder: Path) -> None:
    async with a_broker(folder, free_port()) as port:
        sink = a_sink(port)
        async with aiomqtt.Client("127.0.0.1", port) as client:
            await client.subscribe(f"{BASE}/#", qos=1)
            async with running(sink):
                assert await next_message(client) == (f"{BASE}/state", {"state": "online"})
                sink.publish(RECORD)
                topic, body = await next_message(client)
                assert topic == f"{BASE}/{DEVICE}/up"
                assert body["decoded"]["temperature"] == 21.5 and body["payload_hex"] == "01"
        assert sink.status()["delivered"] == 1


def test_a_record_reaches_the_broker_and_the_state_says_online(tmp_path: Path) -> None:
    within(records_and_state, tmp_path)


async def over_a_restart(folder: Path) -> None:
    port = free_port()
    sink = a_sink(port)
    sink.publish(replace(RECORD, fcnt=1))
    async with running(sink):
        async with a_broker(folder, port):
            await sink.broker.connected.wait()
        sink.publish(replace(RECORD, fcnt=2))
        async with a_broker(folder, port), aiomqtt.Client("127.0.0.1", port) as client:
            await client.subscribe(f"{BASE}/+/up", qos=1)
            sink.publish(replace(RECORD, fcnt=3))
            seen = 0
            while seen < 3:
                seen = (await next_message(client))[1]["fcnt"]
        assert sink.status()["dropped"] == 0


def test_what_waits_is_sent_when_the_broker_is_back(tmp_path: Path) -> None:
    within(over_a_restart, tmp_path)


async def kept_by_the_broker(port: int, body: bytes) -> None:
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.publish(f"{BASE}/{DEVICE}/down", body, qos=1, retain=True)


async def downlinks(folder: Path) -> None:
    taken: list[LocalDownlink] = []

    def take(downlink: LocalDownlink) -> str:
        taken.append(downlink)
        return "queued"

    async with a_broker(folder, free_port()) as port:
        sink = a_sink(port, take=take)
        async with running(sink), aiomqtt.Client("127.0.0.1", port) as client:
            await sink.broker.connected.wait()
            await client.subscribe(f"{BASE}/{DEVICE}/down/state", qos=1)
            body = b'{"fport":2,"payload_hex":"0a","reference":"r"}'
            await client.publish(f"{BASE}/{DEVICE}/down", body, qos=1)
            assert (await next_message(client))[1] == {"state": "queued", "reference": "r"}
            await client.publish(f"{BASE}/{DEVICE}/down", b'{"fport":0}', qos=1)
            assert "fport is 0" in (await next_message(client))[1]["state"]
            await client.publish(f"{BASE}/nobody/down", body, qos=1)  # is no device at all
        await kept_by_the_broker(port, body)
        async with aiomqtt.Client("127.0.0.1", port) as client:
            await client.subscribe(f"{BASE}/{DEVICE}/down/state", qos=1)
            async with running(sink):
                assert "retain" in (await next_message(client))[1]["state"]
    assert taken == [LocalDownlink(DEVICE, 2, b"\x0a", reference="r")]


def test_a_downlink_is_taken_and_told_what_became_of_it(tmp_path: Path) -> None:
    within(downlinks, tmp_path)


async def discovery(folder: Path) -> None:
    async with a_broker(folder, free_port()) as port:
        sink = a_sink(port, home_assistant=True)
        async with running(sink), aiomqtt.Client("127.0.0.1", port) as client:
            await client.subscribe("homeassistant/#", qos=1)
            sink.publish(RECORD)
            topics = {(await next_message(client))[0] for _ in range(3)}
    assert f"homeassistant/sensor/edgemast_{DEVICE}_temperature/config" in topics


def test_home_assistant_is_told_of_each_value(tmp_path: Path) -> None:
    within(discovery, tmp_path)


# Webhook.


class Hook(HTTPServer):
    """Answers with the next of `statuses` (200 when they are used up) and keeps requests."""

    def __init__(self, *statuses: int, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.statuses = list(statuses)
        self.requests: SimpleQueue[tuple[dict[str, str], bytes]] = SimpleQueue()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook?x=1"


class _Handler(BaseHTTPRequestHandler):
    server: Hook
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.requests.put((dict(self.headers), body))

    def log_message(self, template: str, *args: object) -> None:
        pass


@contextmanager
def a_hook(*statuses: int, port: int = 0) -> Iterator[Hook]:
    hook = Hook(*statuses, port=port)
    thread = threading.Thread(target=hook.serve_forever, daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        hook.shutdown()
        thread.join()
        hook.server_close()


async def taken(hook: Hook) -> tuple[dict[str, str], bytes]:
    return await asyncio.to_thread(hook.requests.get, timeout=PATIENCE_S)


def test_a_record_is_posted_and_signed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("shared secret\n")
    secret.chmod(0o600)

    async def main() -> None:
        with a_hook() as hook:
            settings = WebhookSettings(url=hook.url, secret_file=str(secret))
            sink = WebhookSink(settings, RECORD.gateway, pause=no_pause, clock=lambda: 1000.7)
            async with running(sink):
                sink.publish(RECORD)
                headers, body = await taken(hook)
        assert json.loads(body)["dev_eui"] == DEVICE
        digest = hmac.new(b"shared secret", b"1000." + body, "sha256").hexdigest()
        assert headers["X-Edgemast-Signature"] == f"t=1000,v1={digest}"

    within(main)


@pytest.mark.parametrize("statuses", [(503, 500), (429,), (302,)], ids=str)
def test_a_server_that_cannot_take_it_now_gets_it_again(statuses: tuple[int, ...]) -> None:
    async def main() -> None:
        with a_hook(*statuses) as hook:
            sink = WebhookSink(WebhookSettings(url=hook.url), RECORD.gateway, pause=no_pause)
            async with running(sink):
                sink.publish(RECORD)
                bodies = {(await taken(hook))[1] for _ in range(len(statuses) + 1)}
        assert len(bodies) == 1

    within(main)


def test_a_record_that_is_refused_does_not_block_the_next() -> None:
    async def main() -> None:
        with a_hook(422) as hook:
            sink = WebhookSink(WebhookSettings(url=hook.url), RECORD.gateway, pause=no_pause)
            async with running(sink):
                sink.publish(replace(RECORD, fcnt=1))
                sink.publish(replace(RECORD, fcnt=2))
                seen = [json.loads((await taken(hook))[1])["fcnt"] for _ in range(2)]
        assert seen == [1, 2] and sink.status()["refused"] == 1

    within(main)


def test_a_server_that_is_away_is_found_again() -> None:
    async def main() -> None:
        with a_hook() as gone:
            url = gone.url
        tries = asyncio.Event()

        async def pause(_: float) -> None:
            tries.set()
            await asyncio.sleep(0)

        sink = WebhookSink(WebhookSettings(url=url), RECORD.gateway, pause=pause)
        async with running(sink):
            sink.publish(RECORD)
            await tries.wait()
            assert sink.status()["state"] == "failing" and sink.status()["waiting"] == 1

    within(main)


@pytest.mark.parametrize("url", ["ftp://x/", "https:///p", "http://example.com/"])
def test_a_hook_without_tls_is_for_this_machine_only(url: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        WebhookSettings(url=url)
