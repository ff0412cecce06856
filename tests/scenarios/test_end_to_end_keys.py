"""End to end: the network's side never has what reads the payloads, and the gateway does.

device - external Join Server - network server - tunnelled envelope (or AppSKeyReq, or a token) -
gateway; and without any network server. Nothing that is written anywhere has an AppSKey in it.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Iterable
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

from forwarder.edge.codec.host import missing
from forwarder.edge.kek_store import open_token
from forwarder.edge.values import MicState, PayloadState, Record
from forwarder.sim import lns_reports
from forwarder.sim.device_spec import decode_reading
from forwarder.sim.edge_narrator import EdgeNarrator
from forwarder.sim.intruder import Trick
from forwarder.sim.key_site import AS_LABEL, KeySite
from forwarder.sim.lns_reports import Address
from forwarder.sim.narrator import json_object, text
from forwarder.sim.server_events import DataHeard
from tests.edge.standalone_network import Site, spec
from tests.edge.tokens import soft_token

from .keys_story import KeysStory, a_story


@pytest.fixture(autouse=True)
def _watched(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> list[bytes]:
    """Everything is logged; what the network server posts is kept."""
    monkeypatch.setattr("forwarder.edge.open.harden", lambda: "left as it is, for tests")
    caplog.set_level(logging.DEBUG)
    posted: list[bytes] = []
    real = lns_reports.post

    async def post(to: Address, query: str, body: bytes) -> int:
        posted.append(body)
        return await real(to, query, body)

    monkeypatch.setattr(lns_reports, "post", post)
    return posted


def forms(key: bytes) -> list[bytes]:
    """A key as it might be written."""
    digits = key.hex()
    return [
        key,
        digits.encode(),
        digits.upper().encode(),
        base64.b64encode(key)[:21],
        base64.urlsafe_b64encode(key)[:21],
        repr(key).encode()[2:-1],
    ]


def held(root: object) -> bytes:
    """All text and bytes that an object reaches through objects of ours and containers."""
    seen: set[int] = set()
    found: list[bytes] = []
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, type | ModuleType | FunctionType):
            continue
        seen.add(id(one))
        if isinstance(one, bytes | bytearray):
            found.append(bytes(one))
        elif isinstance(one, str):
            found.append(one.encode())
        elif isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, Iterable) and type(one).__module__ in ("builtins", "collections"):
            waiting += list(one)
        elif type(one).__module__.startswith("forwarder"):
            waiting += list(getattr(one, "__dict__", {}).values())
            slots = [name for kind in type(one).__mro__ for name in getattr(kind, "__slots__", ())]
            waiting += [getattr(one, name) for name in slots if hasattr(one, name)]
    return b"\n".join(found)


def assert_none(keys: dict[str, bytes], text: bytes, where: str) -> None:
    for name, key in keys.items():
        assert not any(form in text for form in forms(key)), f"the AppSKey of {name} is in {where}"


def assert_kept(story: KeysStory, posted: list[bytes], log: str) -> None:
    """No AppSKey with the network server, nor in anything that came out."""
    keys = story.app_s_keys()
    assert len(keys) == 3
    server = held([story.core, story.desk, story.reports])
    assert b"meter-1" in server and story.grants[0].nwk_s_key in server  # it does look inside
    assert_none(keys, server, "the network server")
    for spec_ in story.specs:
        assert spec_.app_key not in server
    narrator = EdgeNarrator({})
    lines = [line for event in story.events for line in narrator.server(event)]
    lines += [line for record in story.records for line in narrator.record(record)]
    told = "\n".join(f"{text(line, 1.0)}{json_object(line, 1.0)}" for line in lines)
    assert_none(keys, told.encode(), "the lines")
    assert_none(keys, b"\n".join(posted), "what was posted")
    assert_none(keys, log.encode(), "the log")
    assert_none(keys, Path("/proc/self/environ").read_bytes(), "the environment")
    assert_none(keys, str(story.edge.status()).encode(), "the status")
    written = [path for path in story.site.folder.rglob("*") if path.is_file()]
    assert {"edge.sqlite3", "records.jsonl"} <= {path.name for path in written}
    for path in written:
        assert_none(keys, path.read_bytes(), path.name)


def readings(story: KeysStory, name: str) -> list[Record]:
    return [one for one in story.records if one.device_name == name and one.payload is not None]


def assert_read(story: KeysStory, origin: str) -> None:
    """The gateway has every reading of every device, and the server ciphertext alone."""
    for name in ("meter-1", "meter-2"):
        told = readings(story, name)
        assert len(told) >= 3 and [one.fcnt for one in told] == list(range(len(told)))
        assert {one.mic for one in told} == {MicState.OK}
        assert {one.key_origin.value for one in told if one.key_origin} == {origin}
        sensed = [decode_reading(one.payload or b"") for one in told]
        assert all(one is not None and 15 < one[0] < 23 for one in sensed)
        if missing() is None:
            (celsius, humidity, volts) = sensed[0] or (0, 0, 0)
            assert told[0].decoded == {"celsius": celsius, "humidity": humidity, "volts": volts}
    assert int.from_bytes(readings(story, "old-meter")[0].payload or b"", "big") == 1
    heard = [event for event in story.events if isinstance(event, DataHeard) and event.payload]
    clear = {one.payload for one in story.records}
    assert len(heard) >= 8 and all(one.sealed and one.payload not in clear for one in heard)


def test_a_tunnelled_envelope_is_opened_at_the_gateway_alone(
    tmp_path: Path, _watched: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    async def tell() -> KeysStory:
        async with a_story(tmp_path) as story:
            await story.play(40)
            return story

    story = asyncio.run(tell())
    assert_read(story, "tunnel")
    assert {grant.app_s_key.label for grant in story.grants if grant.app_s_key} == {AS_LABEL}
    assert_kept(story, _watched, caplog.text)


def test_readings_go_on_without_backhaul_and_nobody_is_fooled(tmp_path: Path) -> None:
    async def tell() -> tuple[KeysStory, int, int]:
        async with a_story(tmp_path) as story:
            await story.play(20)
            story.cut = True
            before, at_server = len(story.records), len(story.events)
            await story.play(20)
            assert len(story.events) == at_server
            alone = len(story.records) - before
            for trick in Trick:
                story.intrude(trick)
                await story.play(0.5)
            return story, alone, before + alone

    story, alone, so_far = asyncio.run(tell())
    assert alone >= 5
    tricked = [one for one in story.records[so_far:] if one.payload is None]
    assert [(one.mic, one.payload_state) for one in tricked] == [
        (MicState.BAD, PayloadState.NO_KEY),
        (MicState.OK, PayloadState.REFUSED),
        (MicState.UNKNOWN_DEVICE, PayloadState.NO_KEY),
    ]


def test_with_a_session_id_alone_the_gateway_asks_the_join_server(
    tmp_path: Path, _watched: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    async def tell() -> KeysStory:
        async with a_story(tmp_path, asked=True) as story:
            await story.play(40)
            return story

    story = asyncio.run(tell())
    assert_read(story, "appskeyreq")
    assert not any(b"appSKey" in body for body in _watched)
    assert_kept(story, _watched, caplog.text)


def test_with_a_token_no_application_kek_is_in_a_file_or_the_process(
    tmp_path: Path,
    _watched: list[bytes],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = soft_token(tmp_path, monkeypatch)
    folder = tmp_path / "gateway"
    folder.mkdir()

    def with_token(site: KeySite, edge: str) -> str:
        from forwarder.edge.token_admin import import_kek

        import_kek(open_token(settings), AS_LABEL, 1, site.as_kek)
        keks = site.folder / "keks"
        lines = keks.read_text().splitlines(keepends=True)
        keks.write_text("".join(line for line in lines if not line.startswith(AS_LABEL)))
        token = (
            f'token = {{ module = "{settings.module}", label = "{settings.label}", '
            f'pin_file = "{settings.pin_file}" }}\n'
        )
        return edge.replace("[edge.keks]\n", f"[edge.keks]\n{token}")

    async def tell() -> KeysStory:
        async with a_story(folder, edge=with_token) as story:
            await story.play(40)
            return story

    story = asyncio.run(tell())
    assert_read(story, "tunnel")
    keys = story.app_s_keys()
    keys.pop("old-meter")  # its owner's KEK is in the file
    assert_none({**keys, "KEK": story.site.as_kek}, held(story.edge), "the gateway")
    assert_kept(story, _watched, caplog.text)


def test_standalone_has_the_same_readings_and_writes_no_key(tmp_path: Path) -> None:
    site = Site([spec(n) for n in (1, 2)], tmp_path / "s.db")
    site.run(90)
    read = {PayloadState.DECRYPTED}
    for name in ("d1", "d2"):
        told = [one for one in site.records if one.device_name == name]
        assert len(told) >= 2 and {one.payload_state for one in told} == read
    sessions = {name: one.session for name, one in site.world.devices.items()}
    keys = {name: one.app_s for name, one in sessions.items() if one is not None}
    assert len(keys) == 2
    for path in tmp_path.iterdir():
        assert_none(keys, path.read_bytes(), path.name)
    assert_none(keys, "\n".join([*site.events, *map(str, site.records)]).encode(), "what was told")
