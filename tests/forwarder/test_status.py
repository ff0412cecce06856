"""The state of a running gateway, as a value and as a file. The whole gateway on the simulated board."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from forwarder.packets import RadioCounters
from forwarder.state.state_file import NAME, StateFile, read
from forwarder.state.status import counters, snapshot
from hal.modulation import Cw, Fsk, LoRa
from tests.worlds import a_gateway


def test_counters_are_plain_values_by_words() -> None:
    radio = RadioCounters()
    radio.count_rx(868_100_000, LoRa(7))
    radio.count_tx(869_525_000, Fsk(50_000))
    radio.count_tx(869_525_000, Cw())
    found = counters(radio)
    assert found["rx_frequencies"] == {"868100000": 1}
    assert found["rx_modulations"] == {"SF7BW125": 1}
    assert found["tx_modulations"] == {"FSK 50000": 1, "CW": 1}
    json.dumps(found)


def test_a_running_gateway_tells_all_of_itself() -> None:
    async def look() -> None:
        async with a_gateway() as world:
            state = json.loads(json.dumps(snapshot(world.gateway)))
        assert state["radio"]["state"] == "up" and state["radio"]["session"] == 1
        assert state["eui"] == world.gateway.eui and state["started"].endswith("Z")
        (link,) = state["links"]
        assert link["kind"] == "semtech-udp" and state["gps"]["valid"] is False

    asyncio.run(look())


def test_the_file_is_whole_and_gone_after_a_clean_stop(tmp_path: Path) -> None:
    async def look() -> None:
        kept = StateFile(tmp_path / "run", lambda: {"eui": "x"})
        task = asyncio.create_task(kept.run())
        await asyncio.sleep(0)
        assert read(tmp_path / "run") == {"pid": os.getpid(), "eui": "x"}
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert list((tmp_path / "run").iterdir()) == []

    asyncio.run(look())


@pytest.mark.parametrize("text", ["", "[]", "{", '{"pid": 0}', '{"pid": 999999999}', "\xff"])
def test_a_file_of_nobody_is_no_state(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_bytes(text.encode("latin-1"))
    assert read(tmp_path) is None


def test_a_directory_that_cannot_be_made_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    kept = StateFile(tmp_path / "file" / "run", dict)
    kept.write()
    kept.write()
    assert len(caplog.records) == 1 and "RuntimeDirectory" in caplog.text
