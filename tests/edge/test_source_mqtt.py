"""Keys from a real broker: mosquitto on a free port, with and without TLS."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from forwarder.edge.keys import SoftKey
from forwarder.edge.sources.chirpstack import Chirpstack, ChirpstackSettings
from forwarder.edge.sources.intake import Intake
from forwarder.edge.sources.loriot import Loriot, LoriotSettings
from forwarder.edge.sources.mqtt import MqttSource
from forwarder.edge.sources.open import open_source
from forwarder.edge.sources.report import Dialect
from forwarder.edge.sources.settings import BrokerSettings
from forwarder.edge.sources.thingpark import ThingPark, ThingParkSettings
from forwarder.edge.sources.tts import Tts, TtsSettings
from forwarder.edge.values import KeyNews
from forwarder.errors import ConfigError

from . import tunnels as t
from .authority import Authority
from .brokers import a_broker, free_port, mosquitto

UP = "application/17c82e96-be03-4f38-aef3-f83d48582d97/device/fd4706f1288e96a0/event/up"
PASSWORD = "s3cret-of-the-gateway"


class Told:
    """What a source told, and how it waited between tries: a test decides when a pause ends."""

    def __init__(self) -> None:
        self.news: asyncio.Queue[KeyNews] = asyncio.Queue()
        self.pauses: asyncio.Queue[float] = asyncio.Queue()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def pause(self, pause_s: float) -> None:
        self.pauses.put_nowait(pause_s)
        await self.go_on.wait()
        # A turn of the loop's clock, so that a broker that is away is not hammered.
        with suppress(TimeoutError):
            async with asyncio.timeout(0.02):
                await asyncio.Event().wait()


def dialects(broker: BrokerSettings) -> dict[str, Dialect]:
    return {
        "chirpstack": Chirpstack(ChirpstackSettings(name="lns", mqtt=broker)),
        "tts": Tts(TtsSettings(name="lns", mqtt=broker)),
        "thingpark": ThingPark(ThingParkSettings(name="lns", mqtt=broker)),
        "loriot": Loriot(LoriotSettings(name="lns", mqtt=broker)),
    }


@asynccontextmanager
async def a_source(
    broker: BrokerSettings, told: Told, kind: str = "chirpstack"
) -> AsyncIterator[MqttSource]:
    dialect = dialects(broker if broker.topics else _with_topic(broker))[kind]
    source = MqttSource(
        kind, broker, Intake("lns", dialect, told.news.put_nowait), pause=told.pause
    )
    task = asyncio.create_task(source.run())
    try:
        yield source
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _with_topic(broker: BrokerSettings) -> BrokerSettings:
    """Settings of a dialect without usual topics need one; the source itself uses its own."""
    return BrokerSettings(server=broker.server, topics=("any",))


async def publish(
    port: int, topic: str, *payloads: bytes, tls: ssl.SSLContext | None = None
) -> None:
    async with aiomqtt.Client("127.0.0.1", port, tls_context=tls) as client:
        for payload in payloads:
            await client.publish(topic, payload, qos=1)


def settings(port: int, **changes: Any) -> BrokerSettings:
    return BrokerSettings(server=f"mqtt://127.0.0.1:{port}", **changes)


def logins(folder: Path) -> tuple[str, ...]:
    """Lines for a broker that knows one user, who may read one application's events."""
    command = shutil.which("mosquitto_passwd")
    if command is None:
        pytest.skip("needs a broker's tools: sudo apt-get install mosquitto")
    users, rights = folder / "users", folder / "rights"
    subprocess.run([command, "-b", "-c", users, "gateway", PASSWORD], check=True)
    rights.write_text("user gateway\ntopic read application/mine/#\n")
    return ("allow_anonymous false", f"password_file {users}", f"acl_file {rights}")


def password_file(folder: Path, password: str) -> str:
    path = folder / "password"
    path.write_text(password + "\n")
    path.chmod(0o600)
    return str(path)


@pytest.mark.parametrize(
    ("kind", "topics", "topic", "document"),
    [
        ("chirpstack", (), UP, t.chirpstack_up()),
        ("chirpstack", (), UP, t.chirpstack_up_protobuf()),
        ("chirpstack", (), UP.replace("/up", "/join"), t.chirpstack_join_protobuf()),
        ("tts", (), "v3/cold-store@ttn/devices/door-3/up", t.tts_up()),
        ("tts", (), "v3/cold-store@ttn/devices/door-3/join", t.tts_join()),
        ("thingpark", ("tpx/+/uplink",), "tpx/site/uplink", t.thingpark_json()),
        ("loriot", ("loriot/#",), "loriot/app/BE7A0000", t.loriot_answer()),
    ],
)
def test_every_dialect_comes_through_a_broker(
    tmp_path: Path, kind: str, topics: tuple[str, ...], topic: str, document: bytes
) -> None:
    async def scenario() -> None:
        told = Told()
        async with (
            a_broker(tmp_path, free_port()) as port,
            a_source(settings(port, topics=topics), told, kind) as source,
        ):
            await source.connected.wait()
            await publish(port, topic, document)
            news = await told.news.get()
            assert (news.source, news.dev_eui) == ("lns", t.DEV_EUI)
            assert news.app_s_key is not None
            assert t.TestVault().open(news.app_s_key, "lns") == SoftKey(t.APP_S_KEY)

    asyncio.run(scenario())


def test_garbage_costs_itself_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        told = Told()
        async with (
            a_broker(tmp_path, free_port()) as port,
            a_source(settings(port), told) as source,
        ):
            await source.connected.wait()
            huge = b'{"x": "' + b"x" * 1_000_000 + b'"}'
            await publish(port, UP, b"", b"{", b"\xff" * 40, huge, t.chirpstack_up())
            assert (await told.news.get()).dev_eui == t.DEV_EUI
            status = source.status()
            assert (status["reports"], status["news"], status["state"]) == (5, 1, "connected")

    asyncio.run(scenario())
    warned = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(warned) == 1 and "refused a report" in warned[0].getMessage()


def test_a_broker_that_restarts_is_found_and_subscribed_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        told, port = Told(), free_port()
        told.go_on.clear()
        async with a_source(settings(port), told) as source:
            assert await told.pauses.get() <= 1.0  # nobody there yet
            assert source.status()["state"] == "connecting" and source.status()["trouble"]
            for round_number in (1, 2):
                async with a_broker(tmp_path, port):
                    told.go_on.set()
                    await source.connected.wait()
                    told.go_on.clear()
                    await publish(port, UP, t.chirpstack_up())
                    await told.news.get()
                    assert source.status()["connections"] == round_number
                    assert source.status()["trouble"] == ""
                    while not told.pauses.empty():
                        told.pauses.get_nowait()
                await told.pauses.get()
                assert not source.connected.is_set()

    asyncio.run(scenario())


def test_pauses_grow_while_a_broker_is_away() -> None:
    async def scenario() -> None:
        told = Told()
        async with a_source(settings(free_port()), told):
            pauses = [await told.pauses.get() for _ in range(5)]
            assert pauses[0] <= 1.0 and pauses[4] >= 8.0

    asyncio.run(scenario())


def test_a_broker_that_is_away_is_one_line_of_log(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        told = Told()
        async with a_source(settings(free_port()), told):
            for _ in range(4):
                await told.pauses.get()

    asyncio.run(scenario())
    warned = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(warned) == 1 and "no connection to mqtt://127.0.0.1" in warned[0].getMessage()


def test_what_comes_while_we_are_away_is_kept_for_a_client_id(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with a_broker(tmp_path, free_port()) as port:
            named = settings(port, client_id="gateway-7")
            async with a_source(named, Told()) as source:
                await source.connected.wait()
            await publish(port, UP, t.chirpstack_up())
            told = Told()
            async with a_source(named, told):
                assert (await told.news.get()).dev_eui == t.DEV_EUI

    asyncio.run(scenario())


def test_the_right_password_is_let_in_and_a_wrong_one_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        lines = logins(tmp_path)
        topics = ("application/mine/device/+/event/up",)
        async with a_broker(tmp_path, free_port(), *lines) as port:
            for password, welcome in ((PASSWORD, True), ("wrong", False)):
                login = settings(
                    port,
                    username="gateway",
                    password_file=password_file(tmp_path, password),
                    topics=topics,
                )
                told = Told()
                async with a_source(login, told) as source:
                    if welcome:
                        await source.connected.wait()
                        continue
                    await told.pauses.get()
                    assert "ot authori" in str(source.status()["trouble"])
                    assert not source.connected.is_set()

    asyncio.run(scenario())
    assert PASSWORD not in caplog.text and "wrong" not in caplog.text


async def _refusing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A broker that lets anybody in and grants no subscription. Packets are under 128 bytes."""
    while len(head := await reader.read(2)) == 2:
        packet = await reader.readexactly(head[1])
        match head[0] >> 4:
            case 1:
                writer.write(b"\x20\x02\x00\x00")
            case 8:
                writer.write(b"\x90\x03" + packet[:2] + b"\x80")
    writer.close()


def test_a_refused_subscription_is_no_connection() -> None:
    async def scenario() -> None:
        told = Told()
        async with await asyncio.start_server(_refusing, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with a_source(settings(port), told) as source:
                await told.pauses.get()
                assert not source.connected.is_set()
                trouble = str(source.status()["trouble"])
                assert "refuses the subscription to application/+" in trouble

    asyncio.run(scenario())


# paho drops the socket of a failed handshake without closing it.
@pytest.mark.filterwarnings("ignore:.*unclosed <ssl.SSLSocket")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_tls_is_spoken_and_the_authority_checked(tmp_path: Path) -> None:
    ours, other = Authority(tmp_path), Authority(tmp_path, "another authority")
    certificate, key = ours.issue("broker")

    async def scenario() -> None:
        lines = (f"certfile {certificate}", f"keyfile {key}")
        context = ssl.create_default_context(cafile=str(ours.ca))
        async with a_broker(tmp_path, free_port(), *lines) as port:
            server, told = f"mqtts://127.0.0.1:{port}", Told()
            trusting = BrokerSettings(server=server, ca_file=str(ours.ca))
            async with a_source(trusting, told) as source:
                await source.connected.wait()
                await publish(port, UP, t.chirpstack_up(), tls=context)
                assert (await told.news.get()).dev_eui == t.DEV_EUI
            told = Told()
            doubting = BrokerSettings(server=server, ca_file=str(other.ca))
            async with a_source(doubting, told) as source:
                await told.pauses.get()
                assert "certificate verify failed" in str(source.status()["trouble"])

    mosquitto()
    asyncio.run(scenario())


def test_a_client_certificate_is_shown(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("broker")
    ours, our_key = authority.issue("gateway")
    lines = (
        f"cafile {authority.ca}",
        f"certfile {certificate}",
        f"keyfile {key}",
        "require_certificate true",
    )

    async def scenario() -> None:
        async with a_broker(tmp_path, free_port(), *lines) as port:
            server, ca_file = f"mqtts://127.0.0.1:{port}", str(authority.ca)
            known = BrokerSettings(
                server=server, ca_file=ca_file, cert_file=str(ours), key_file=str(our_key)
            )
            async with a_source(known, Told()) as source:
                await source.connected.wait()

    mosquitto()
    asyncio.run(scenario())


def test_certificates_that_are_none_are_named_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    broker = BrokerSettings(server="mqtts://127.0.0.1", ca_file=str(tmp_path / "ca.pem"))
    with pytest.raises(ConfigError, match=r"ca\.pem cannot be used"):
        open_source(ChirpstackSettings(mqtt=broker), lambda news: None)
