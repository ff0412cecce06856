"""A device on the air, the chip, the driver, the app: up untouched, and read here."""

from __future__ import annotations

import asyncio
import base64
import logging
import secrets
import traceback
from pathlib import Path
from typing import Any

import pytest

from forwarder.edge import records
from forwarder.lorawan.keys import SessionKeys, wrap
from forwarder.lorawan.region import REGIONS
from forwarder.sim.device_spec import DeviceSpec, Payload, PayloadKind, Traffic, decode_reading
from forwarder.sim.world import World
from forwarder.state.log_lines import status_line

from .devices import Node
from .site import EUI, Files, a_site


@pytest.fixture(autouse=True)
def _soft_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What shuts out debuggers would stay for all tests that this process still runs."""
    monkeypatch.setattr("forwarder.edge.open.harden", lambda: "left as it is, for tests")


def run(story: Any) -> None:
    asyncio.run(story)


def test_a_frame_goes_up_and_is_read_here(tmp_path: Path) -> None:
    node = Node(3)

    async def story() -> None:
        async with a_site(Files.write(tmp_path, [node])) as site:
            frame = node.send(0, b"21.5 C", fport=7)
            rxpk = await site.heard(frame)
            assert base64.b64decode(rxpk["data"]) == frame
            (record,) = await site.records(1)
        assert record["schema"] == records.SCHEMA and record["gateway"] == EUI
        assert (record["mic"], record["payload_state"], record["fcnt_state"]) == (
            "ok",
            "decrypted",
            "new",
        )
        assert (record["dev_eui"], record["name"]) == (node.dev_eui, "node 3")
        assert base64.b64decode(record["payload"]) == b"21.5 C"
        assert base64.b64decode(record["raw"]) == frame
        assert (record["fport"], record["fcnt"], record["key_origin"]) == (7, 0, "static")
        assert record["radio"]["freq_hz"] == 868_100_000
        assert record["radio"]["rssi_dbm"] == rxpk["rssi"]
        assert record["radio"]["tmst"] == rxpk["tmst"]

    run(story())


def test_forged_replayed_and_foreign_frames_are_shown_for_what_they_are(tmp_path: Path) -> None:
    node, stranger = Node(1), Node(2, 0x27000001)

    async def story() -> None:
        files = Files.write(tmp_path, [node], edge="publish_unknown = true\n")
        (tmp_path / "devices.json").write_text(
            f'{{"dev_eui": "{node.dev_eui}", "exclusive": true}}\n'
        )
        async with a_site(files) as site:
            first = node.send(0)
            forged = node.send(9)[:-4] + b"\1\2\3\4"
            for frame in (first, node.send(1), first, forged, stranger.send(0)):
                await site.heard(frame)
            told = await site.records(5)
        assert [(one["mic"], one["fcnt_state"]) for one in told] == [
            ("ok", "new"),
            ("ok", "new"),
            ("ok", "repeat"),
            ("bad", "new"),
            ("unknown-device", "new"),
        ]
        assert all("payload" not in one for one in told[2:])

    run(story())


def test_after_a_restart_no_replay_is_new(tmp_path: Path) -> None:
    node = Node()

    async def story() -> None:
        files = Files.write(tmp_path, [node])
        frames = [node.send(fcnt) for fcnt in (0, 65_536)]
        async with a_site(files) as site:
            for frame in frames:
                await site.heard(frame)
            await site.records(2)
        async with a_site(files) as site:
            for frame in (*frames, node.send(65_537)):
                await site.heard(frame)
            told = await site.records(5)
        assert [one["fcnt_state"] for one in told[2:]] == ["reset?", "repeat", "new"]
        assert all("payload" not in one for one in told[2:4])

    run(story())


async def sent_up(files: Files, frames: list[bytes], *, local: bool) -> list[dict[str, Any]]:
    async with a_site(files, local=local) as site:
        return [await site.heard(frame) for frame in frames]


@pytest.mark.parametrize("wrong_keys", [False, True])
def test_what_goes_up_is_the_same_with_and_without_local_mode(
    tmp_path: Path, wrong_keys: bool
) -> None:
    node = Node()
    frames = [node.send(0), node.send(1)[:-1] + b"\0", b"\xe0own", Node(5, 5).send(1), node.send(2)]

    async def story() -> None:
        files = Files.write(tmp_path, [node], wrong_keys=wrong_keys)
        without = await sent_up(files, frames, local=False)
        with_it = await sent_up(files, frames, local=True)
        assert [list(one) for one in with_it] == [list(one) for one in without]
        for moving in ("tmst", "rssi", "rssis", "lsnr", "foff"):  # the time and the air differ
            for one in (*with_it, *without):
                one.pop(moving)
        assert with_it == without
        assert [base64.b64decode(one["data"]) for one in with_it] == frames

    run(story())


def test_a_forged_frame_is_kept_from_the_server_only_where_that_is_switched_on(
    tmp_path: Path,
) -> None:
    node = Node()

    async def story() -> None:
        files = Files.write(tmp_path, [node], edge="drop_forged = true\n")
        (tmp_path / "devices.json").write_text(
            f'[{{"dev_eui": "{node.dev_eui}", "exclusive": true}}]'
        )
        async with a_site(files) as site:
            site.on_air(node.send(0)[:-4] + bytes(4))
            (told,) = await site.records(1)
            assert told["mic"] == "bad"
            good = node.send(0)
            assert base64.b64decode((await site.heard(good))["data"]) == good
            assert site.gateway.counters.rx_unwanted == 1

    run(story())


def test_a_wrong_kek_is_said_in_the_record_and_costs_nobody_a_frame(tmp_path: Path) -> None:
    node = Node()

    async def story() -> None:
        async with a_site(Files.write(tmp_path, [node], wrong_keys=True)) as site:
            await site.heard(node.send(0))
            (record,) = await site.records(1)
        assert record["mic"] == "no-key" and "KEK 'site'" in record["note"]

    run(story())


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.name != "keks")


def test_no_key_is_in_anything_that_comes_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Logs at debug, records, the database, the environment, the status and a crash's text."""
    caplog.set_level(logging.DEBUG)
    nodes = [Node(n, 0x26010000 + n) for n in range(1, 4)]
    out: list[str] = []

    async def story() -> bytes:
        files = Files.write(tmp_path, nodes)
        async with a_site(files) as site:
            for fcnt in range(2):
                for node in nodes:
                    await site.heard(node.send(fcnt))
            await site.heard(nodes[0].send(0))
            await site.records(7)
            out.append(repr(site.edge.status()) + status_line(site.gateway))
            out.append(repr(site.edge.mode.enrolment.devices) + repr(site.gateway.config))
            session: Any = site.edge.mode.enrolment.devices[nodes[0].dev_eui].sessions[0]
            try:
                session.network_key(None).cmac(None)
            except Exception as error:
                whole = traceback.TracebackException.from_exception(error, capture_locals=True)
                out.append("".join(whole.format()) + repr(session))
            while_running = await asyncio.to_thread(on_disk, tmp_path)
        return while_running + files.kek

    while_running = asyncio.run(story())
    kek = while_running[-16:]
    out += [caplog.text, *capfd.readouterr()]
    content = while_running[:-16] + "".join(out).encode()
    content += on_disk(tmp_path)
    content += Path("/proc/self/environ").read_bytes()
    assert wrap(kek, nodes[0].app) in content, "the wrapped key is in the store: the search works"
    for key in (kek, *(key for node in nodes for key in (node.app, node.nwk))):
        for form in (key, key.hex().encode(), key.hex().upper().encode(), base64.b64encode(key)):
            assert form not in content
        assert repr(key)[2:-1].encode() not in content


def test_a_simulated_device_is_read_as_it_measures(tmp_path: Path) -> None:
    """The device of `edgemast demo`: its habits, its channels, its counter, on the same air."""
    spec = DeviceSpec(
        "thermometer",
        dev_eui=0x0200000000000001,
        join_eui=1,
        app_key=bytes(16),
        region=REGIONS["EU868"],
        at=(50.0, 0.0, 1.0),
        dev_addr=0x01020304,
        session=SessionKeys.of_1_0(secrets.token_bytes(16), secrets.token_bytes(16)),
        payload=Payload(PayloadKind.TEMPERATURE, fport=5),
        traffic=Traffic(every_s=0.3),
        duty_cycle=1.0,
        start_s=0.0,
    )
    assert spec.session is not None
    node = Node(spec.dev_eui, spec.dev_addr, nwk=spec.session.nwk_s_enc, app=spec.session.app_s)

    async def story() -> None:
        async with a_site(Files.write(tmp_path, [node])) as site:
            world = World(site.air)
            site.act(lambda now_ns: world.place([spec], seed=1, start_ns=now_ns + 10_000_000))
            told = await site.records(3)
        for fcnt, record in enumerate(told[:3]):
            assert (record["mic"], record["fcnt"], record["fport"]) == ("ok", fcnt, 5)
            reading = decode_reading(base64.b64decode(record["payload"]))
            assert reading is not None and 15 < reading[0] < 25

    run(story())
