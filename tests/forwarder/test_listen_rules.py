"""Where listening before talking is the law: what is said, and what is not sent. Rung 1: pure."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from forwarder.config import GatewayConfig
from forwarder.config.load import loads
from forwarder.config.regions import choose
from forwarder.packets import Accepted, Answer, AsSoonAsPossible, Downlink, Refusal, Refused
from forwarder.scheduling.downlinks import Scheduler
from forwarder.state.status import snapshot
from hal.config import LbtChannel, Sx1261Config
from hal.modulation import LoRa
from hal.radio import sx1261
from hal.sim.board import SimBoard
from hal.sim.rx_encode import Record
from hal.sx1302 import lbt
from tests.hal.configs import EU868
from tests.worlds import SkippingClock, a_gateway

HEAD = 'board = "wm1302-usb"\nregion = "{}"\n[[server]]\naddress = "localhost"\n'
BROKEN = "expected standby RC and ready, read 0x00"


def config(region: str, text: str = "") -> GatewayConfig:
    return loads(HEAD.format(region) + text, "gateway.toml")


def answer(config: GatewayConfig, freq_hz: int, *, sx1261_fault: str = "") -> Answer:
    scheduler = Scheduler(config.concentrator)
    scheduler.silence = config.silence(sx1261_fault)
    frame = Downlink(
        "lns", 1, AsSoonAsPossible(), bytes(12), freq_hz, LoRa(7), power_dbm=14, rf_chain=0
    )
    return scheduler.schedule(frame, 5_000_000)


@pytest.mark.parametrize(
    ("region", "freq_hz"), [("AS923-1-JP", 923_200_000), ("KR920", 922_100_000)]
)
class TestWhereTheLawDemandsIt:
    def test_nothing_is_sent_without_it_and_the_words_say_what_to_do(
        self, region: str, freq_hz: int
    ) -> None:
        conf = config(region)
        (warning,) = [text for text in conf.warnings if "listen before talk" in text]
        assert "every downlink will be refused" in warning and "sx1261.lbt = true" in warning
        refused = answer(conf, freq_hz)
        assert isinstance(refused, Refused) and refused.reason is Refusal.LBT
        assert f"{region} demands listen before talk" in refused.detail
        assert "allow_without_lbt" in refused.detail

    def test_one_word_switches_it_on_with_the_regions_channels(
        self, region: str, freq_hz: int
    ) -> None:
        conf = config(region, "[sx1261]\nlbt = true\n")
        assert not [text for text in conf.warnings if "listen" in text]
        listens = conf.concentrator.sx1261
        assert listens is not None and listens.lbt_rssi_target_dbm == -80
        assert LbtChannel(freq_hz, 125_000, 5000, 4000) in listens.lbt_channels
        assert isinstance(answer(conf, freq_hz), Accepted)

    def test_a_radio_that_does_not_work_silences_the_gateway_with_its_reason(
        self, region: str, freq_hz: int
    ) -> None:
        refused = answer(config(region, "[sx1261]\nlbt = true\n"), freq_hz, sx1261_fault=BROKEN)
        assert isinstance(refused, Refused) and refused.reason is Refusal.LBT
        assert BROKEN in refused.detail

    @pytest.mark.parametrize("wanted", ["", "[sx1261]\nlbt = true\n"])
    def test_the_owner_may_take_the_risk(self, region: str, freq_hz: int, wanted: str) -> None:
        conf = config(region, wanted + "[limits]\nallow_without_lbt = true\n")
        assert isinstance(answer(conf, freq_hz, sx1261_fault=BROKEN), Accepted)
        assert any("at your own risk" in text for text in conf.warnings) is (not wanted)


@pytest.mark.parametrize("region", ["AS923-1-JP", "KR920", "AS923-1", "AS923-2", "AS923-4"])
def test_the_regions_channels_are_those_that_its_devices_are_answered_on(region: str) -> None:
    plan, file = choose(region, None).plan, choose(region, None).file
    conf = config(region, "[sx1261]\nlbt = true\n").concentrator
    assert conf.sx1261 is not None
    places = {(ch.freq_hz, ch.bw_hz) for ch in conf.sx1261.lbt_channels}
    assert {(freq_hz, 125_000) for freq_hz in plan.multi_sf_hz} <= places
    assert (file.rx2.freq_hz, file.rx2.bw_hz) in places
    if plan.lora_std is not None:
        assert (plan.lora_std.freq_hz, plan.lora_std.bw_hz) in places
    assert lbt.faults(conf) == [] and len(places) <= 16
    assert all(ch.scan_time_us in sx1261.SCANS for ch in conf.sx1261.lbt_channels)


def test_a_running_gateway_whose_sx1261_is_dead_receives_and_refuses() -> None:
    async def story() -> None:
        board = SimBoard(SkippingClock())
        board.faults.dead_radios.add(2)
        channels = (LbtChannel(868_100_000, 125_000, 128, 4000),)
        listens = Sx1261Config(lbt_enable=True, lbt_channels=channels)
        async with a_gateway(board=board, concentrator=replace(EU868, sx1261=listens)) as world:
            world.server.downlink(json.dumps({"txpk": TXPK}).encode())
            ack = await world.server.tx_ack()
            assert json.loads(ack[12:]) == {"txpk_ack": {"error": "UNKNOWN"}}
            silence = snapshot(world.gateway)["downlinks"]
            assert isinstance(silence, dict) and "standby RC and ready" in silence["silence"]
            world.on_board(lambda: board.inject(Record(b"hello world!", channel=2)))
            assert (await world.server.push())["rxpk"][0]["size"] == 12

    asyncio.run(story())


TXPK = {
    "imme": True, "freq": 868.1, "rfch": 0, "powe": 14, "modu": "LORA", "datr": "SF7BW125",
    "codr": "4/5", "ipol": True, "size": 5, "data": "aGVsbG8=",
}  # fmt: skip


def test_where_no_law_asks_a_gateway_sends_without_listening() -> None:
    assert config("EU868").silence() == "" and config("AS923-1").silence() == ""


def test_listening_without_channels_is_doubted() -> None:
    warnings = config("EU868", "[sx1261]\nlbt = true\n").warnings
    assert any("without sx1261.lbt_channels" in text for text in warnings)


def test_channels_of_ones_own_replace_the_regions() -> None:
    own = "[sx1261]\nlbt = true\nlbt_channels = [{ freq_hz = 923_200_000, scan_time_us = 128, transmit_time_ms = 400 }]\n"
    listens = config("AS923-1-JP", own).concentrator.sx1261
    assert listens is not None
    assert listens.lbt_channels == (LbtChannel(923_200_000, 125_000, 128, 400),)
