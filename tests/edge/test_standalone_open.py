"""From a configuration file to a standalone server that runs, or to words that say why not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from forwarder.config import load
from forwarder.edge.open import Parts, open_parts
from forwarder.edge.standalone.open import Site, fitted, heard_hz
from forwarder.edge.standalone.settings import StandaloneSettings
from forwarder.errors import ConfigError
from forwarder.lorawan.region import REGIONS
from forwarder.packets import Answer, Downlink, Refusal, Refused

JOIN_SERVER = """
[[edge.source]]
type = "join_server"
net_id = "000013"
as_id = "edge"
[[edge.source.server]]
url = "https://js.example"
"""


def write(folder: Path, *, mode: str = "standalone", more: str = "", source: str = JOIN_SERVER,
          region: str = "EU868", server: str = "") -> Path:  # fmt: skip
    keks = folder / "keks"
    keks.touch(mode=0o600)
    keks.write_text("ns = 000102030405060708090a0b0c0d0e0f\n")
    path = folder / "gateway.toml"
    path.write_text(
        f'board = "sim"\nregion = "{region}"\n{server}'
        f'[edge]\nmode = "{mode}"\ndatabase = "edge.db"\n'
        f'[edge.keks]\nfile = "{keks}"\n'
        f'[edge.standalone]\nnet_id = "000013"\nstore = "alone.db"\n{more}'
        '[[edge.device]]\ndev_eui = "70B3D57ED1000001"\n'
        f"{source}"
    )
    return path


def refuse(downlink: Downlink) -> Answer:
    return Refused(Refusal.RADIO)


async def opened(path: Path) -> Parts:
    config = load(path)
    assert config.edge is not None
    site = Site(refuse, config.region or "", config.concentrator, lambda: True)
    parts = open_parts(config.edge, "0016c001f1500001", site)
    if parts.standalone is not None:
        task = asyncio.create_task(parts.standalone.run())
        async with asyncio.timeout(20):
            while not parts.standalone.core.restored:
                await asyncio.to_thread(lambda: None)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return parts


def test_a_configured_server_starts_with_its_own_file_and_is_in_charge(tmp_path: Path) -> None:
    parts = asyncio.run(opened(write(tmp_path)))
    assert parts.standalone is not None
    assert parts.standalone.status()["state"] == "serving"
    assert (tmp_path / "alone.db").exists()


def test_in_fallback_mode_it_stands_by_beside_the_servers(tmp_path: Path) -> None:
    server = '[[server]]\naddress = "127.0.0.1"\n'
    parts = asyncio.run(opened(write(tmp_path, mode="fallback", server=server)))
    assert parts.standalone is not None and parts.standalone.status()["state"] == "standby"


def test_beside_an_lns_alone_there_is_no_network_server(tmp_path: Path) -> None:
    parts = asyncio.run(opened(write(tmp_path, mode="observe")))
    assert parts.standalone is None


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"source": ""}, "join_server"),
        ({"source": JOIN_SERVER.replace('net_id = "000013"', "")}, "join_server"),
        ({"server": '[[server]]\naddress = "127.0.0.1"\n'}, "fallback"),
        ({"more": "rx2_dr = 14\n"}, "no data rate 14"),
        ({"more": "sub_band = 2\n"}, "no sub-band"),
        ({"more": "queue_most = 0\n"}, "1 to 1000"),
        ({"more": 'adr = "fast"\n'}, "adr"),
    ],
)
def test_what_cannot_be_a_network_server_is_told_in_words(
    tmp_path: Path, facts: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        asyncio.run(opened(write(tmp_path, **facts)))


def test_devices_are_told_of_the_channels_that_are_heard_here(tmp_path: Path) -> None:
    heard = heard_hz(load(write(tmp_path)).concentrator)
    settings = fitted(StandaloneSettings(), REGIONS["EU868"], heard)
    assert settings.channels_hz == tuple(867_100_000 + 200_000 * i for i in range(5))
    us915 = REGIONS["US915"]
    second = [903_900_000 + 200_000 * i for i in range(8)]
    assert fitted(StandaloneSettings(), us915, second).sub_band == 2
    with pytest.raises(ValueError, match="set sub_band"):
        fitted(StandaloneSettings(), us915, [902_300_000, 903_900_000])
