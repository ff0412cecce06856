"""What ChirpStack v4 says, written with its own modules, is understood as it was meant."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToJson
from hypothesis import given
from hypothesis import strategies as st

from forwarder.links.chirpstack.context import pack
from forwarder.links.mqtt.dialect import (
    ChannelPlanPushed,
    Command,
    DownlinkRequest,
    ExecRequest,
    RawRequest,
    Unreadable,
)
from forwarder.links.settings import FeedSettings
from forwarder.packets import (
    AsSoonAsPossible,
    AtCounter,
    AtGps,
    AtTmst,
    Downlink,
    Refusal,
    Refused,
)
from hal.modulation import Fsk, LoRa

from .chirpstack_makers import SESSION, v4
from .semtech_makers import EUI

gw_pb2: Any = pytest.importorskip("chirpstack_api.gw.gw_pb2", reason="chirpstack-api is not there")

ROOT = Path(__file__).parent.parent.parent
FORMATS = pytest.mark.parametrize("as_json", [False, True], ids=["protobuf", "json"])
COUNTER_US = (2 << 32) + 0xFFFF_F000
CONTEXT = pack(COUNTER_US, SESSION)


def written(message: Any, as_json: bool) -> bytes:
    text: str = MessageToJson(message)
    return text.strip().encode() if as_json else bytes(message.SerializeToString())


def read(command: str, message: Any, as_json: bool = False, **changes: Any) -> Command:
    topic = f"eu868/gateway/{EUI}/command/{command}"
    return v4(**changes).read(topic, written(message, as_json), now_us=None)


def item(delay_s: float = 1.0, **changes: Any) -> Any:
    """An RX1 item as ChirpStack fills it (downlink/data.rs)."""
    made = gw_pb2.DownlinkFrameItem(
        phy_payload=b"\x60down",
        tx_info=gw_pb2.DownlinkTxInfo(
            frequency=868_100_000,
            power=14,
            modulation=gw_pb2.Modulation(
                lora=gw_pb2.LoraModulationInfo(
                    bandwidth=125_000,
                    spreading_factor=9,
                    code_rate=gw_pb2.CR_4_5,
                    polarization_inversion=True,
                )
            ),
            context=CONTEXT,
        ),
    )
    made.tx_info.timing.delay.delay.FromMicroseconds(round(delay_s * 1e6))
    for path, value in changes.items():
        *names, last = path.split("__")
        place: Any = made
        for name in names:
            place = getattr(place, name)
        if isinstance(value, (int, str, bytes)):
            setattr(place, last, value)
        else:
            getattr(place, last).CopyFrom(value)
    return made


def frame(*items: Any, **changes: Any) -> Any:
    return gw_pb2.DownlinkFrame(**{"gateway_id": EUI, "downlink_id": 77, "items": items} | changes)


def one(made: Any, as_json: bool = False, **changes: Any) -> Downlink | Refused:
    found = read("down", frame(made), as_json, **changes)
    assert isinstance(found, DownlinkRequest), found
    return found.items[0]


@FORMATS
def test_a_class_a_downlink_is_read_whole(as_json: bool) -> None:
    found = read("down", frame(item(1.0), item(2.0, tx_info__frequency=869_525_000)), as_json)
    assert isinstance(found, DownlinkRequest)
    rx1, rx2 = found.items
    assert found.key == (77).to_bytes(4, "big")
    assert rx1 == Downlink(
        link="here",
        token=77,
        when=AtCounter(COUNTER_US + 1_000_000),
        payload=b"\x60down",
        freq_hz=868_100_000,
        modulation=LoRa(9),
        power_dbm=14,
        preamble=None,
        crc=True,
        invert_polarity=True,
    )
    assert isinstance(rx2, Downlink)
    assert (rx2.when, rx2.freq_hz) == (AtCounter(COUNTER_US + 2_000_000), 869_525_000)


@pytest.mark.parametrize("configured", [False, True])
@FORMATS
def test_either_encoding_is_read_whatever_is_configured(as_json: bool, configured: bool) -> None:
    assert isinstance(one(item(), as_json, json=configured), Downlink)


def test_what_answers_a_frame_that_waited_keeps_to_its_time() -> None:
    found = one(item(tx_info__context=pack(5, SESSION)))
    assert isinstance(found, Downlink) and found.when == AtCounter(1_000_005)


@FORMATS
def test_class_c_goes_at_once_and_its_stale_context_is_not_looked_at(as_json: bool) -> None:
    made = item(tx_info__context=b"\0\1", tx_info__timing=gw_pb2.Timing(immediately={}))
    found = one(made, as_json)
    assert isinstance(found, Downlink) and found.when == AsSoonAsPossible()


@FORMATS
def test_class_b_names_a_gps_time(as_json: bool) -> None:
    timing = gw_pb2.Timing()
    timing.gps_epoch.time_since_gps_epoch.FromMilliseconds(1_474_035_218_123)
    found = one(item(tx_info__timing=timing), as_json)
    assert isinstance(found, Downlink) and found.when == AtGps(1_474_035_218_123)


@FORMATS
def test_an_fsk_downlink_has_its_deviation(as_json: bool) -> None:
    fsk = gw_pb2.FskModulationInfo(datarate=50_000, frequency_deviation=25_000)
    found = one(item(tx_info__modulation=gw_pb2.Modulation(fsk=fsk)), as_json)
    assert isinstance(found, Downlink)
    assert (found.modulation, found.invert_polarity) == (Fsk(50_000, 25_000), False)
    assert (found.preamble, found.crc) == (None, True)


def test_preamble_crc_and_polarity_are_taken_over() -> None:
    lora = "tx_info__modulation__lora__"
    changes = {f"{lora}preamble": 12, f"{lora}no_crc": True, f"{lora}polarization_inversion": False}
    found = one(item(**changes))
    assert isinstance(found, Downlink)
    assert (found.preamble, found.crc, found.invert_polarity) == (12, False, False)


def test_power_is_eirp_unless_the_configuration_says_conducted() -> None:
    eirp, conducted = one(item()), one(item(), feed=FeedSettings(conducted=True))
    assert isinstance(eirp, Downlink) and isinstance(conducted, Downlink)
    assert (eirp.conducted, conducted.conducted) == (False, True)


def test_a_preamble_that_the_modem_cannot_send_is_raised() -> None:
    found = one(item(tx_info__modulation__lora__preamble=2))
    assert isinstance(found, Downlink) and found.preamble == 6


def test_the_longest_payload_is_taken() -> None:
    found = one(item(phy_payload=bytes(255)))
    assert isinstance(found, Downlink) and len(found.payload) == 255


def test_the_first_moment_of_gps_time_is_one() -> None:
    timing = gw_pb2.Timing(gps_epoch={"time_since_gps_epoch": {}})
    found = one(item(tx_info__timing=timing))
    assert isinstance(found, Downlink) and found.when == AtGps(0)


def test_negative_power_stays_negative() -> None:
    found = one(item(tx_info__power=-3))
    assert isinstance(found, Downlink) and found.power_dbm == -3


def test_a_bare_counter_is_taken_with_its_wrap() -> None:
    found = one(item(tx_info__context=bytes.fromhex("fffff000")))
    assert isinstance(found, Downlink)
    assert found.when == AtTmst((0xFFFF_F000 + 1_000_000) % (1 << 32))


@pytest.mark.parametrize(
    ("made", "reason", "word"),
    [
        (item(tx_info__context=pack(COUNTER_US, b"else")), Refusal.TOO_LATE, "last start"),
        (item(tx_info__context=b"abc"), Refusal.UNREADABLE, "context"),
        (item(tx_info__context=bytes(16)), Refusal.UNREADABLE, "context"),
        (item(tx_info__timing=gw_pb2.Timing()), Refusal.UNREADABLE, "timing"),
        (item(-1.0), Refusal.UNREADABLE, "delay"),
        (item(90_000.0), Refusal.TOO_EARLY, "delay"),
        (item(phy_payload=b""), Refusal.UNREADABLE, "phy_payload"),
        (item(phy_payload=bytes(256)), Refusal.UNREADABLE, "phy_payload"),
        (item(tx_info__board=1), Refusal.UNREADABLE, "board"),
        (item(tx_info__antenna=1), Refusal.UNREADABLE, "antenna"),
        (item(tx_info__modulation=gw_pb2.Modulation()), Refusal.UNREADABLE, "nothing"),
        (
            item(tx_info__modulation=gw_pb2.Modulation(lr_fhss={"grid_steps": 8})),
            Refusal.UNREADABLE,
            "lr_fhss",
        ),
        (item(tx_info__modulation__lora__bandwidth=125), Refusal.UNREADABLE, "SF9 at 125 Hz"),
        (item(tx_info__modulation__lora__spreading_factor=4), Refusal.UNREADABLE, "SF4"),
        (item(tx_info__modulation__lora__code_rate=5), Refusal.UNREADABLE, "code rate"),
        (item(tx_info__modulation__lora__preamble=70_000), Refusal.UNREADABLE, "preamble"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_words(made: Any, reason: Refusal, word: str) -> None:
    found = one(made)
    assert isinstance(found, Refused) and found.reason is reason and word in found.detail


def test_one_item_that_cannot_be_sent_costs_only_itself() -> None:
    found = read("down", frame(item(tx_info__context=b""), item(2.0)))
    assert isinstance(found, DownlinkRequest)
    assert isinstance(found.items[0], Refused) and isinstance(found.items[1], Downlink)


def test_the_legacy_members_of_a_server_in_migration_are_ignored() -> None:
    made = item()
    made.tx_info_legacy.frequency = 1
    made.tx_info_legacy.lora_modulation_info.bandwidth = 125
    found = read("down", frame(made, gateway_id_legacy=bytes(8), downlink_id_legacy=bytes(16)))
    assert isinstance(found, DownlinkRequest) and found.items[0] == one(item())


@FORMATS
@pytest.mark.parametrize(
    "message",
    [
        pytest.param(frame(item(), gateway_id="0016c001f1500813"), id="another gateway"),
        pytest.param(frame(), id="no items"),
        pytest.param(frame(*[item()] * 17), id="too many items"),
    ],
)
def test_a_frame_that_is_not_for_us_is_not_sent(message: Any, as_json: bool) -> None:
    assert isinstance(read("down", message, as_json), Unreadable)


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        pytest.param("down", b"", id="nothing"),
        pytest.param("down", b"\xff\xff", id="half a tag"),
        pytest.param("down", b"{", id="half an object"),
        pytest.param("down", b"{}", id="an empty object"),
        pytest.param("down", b"{\xff}", id="no text"),
        pytest.param("down", b'{"items":' + b"[" * 5000, id="deep"),
        pytest.param("down", b'{"items":' * 3000, id="deep objects"),
        pytest.param("down", b'{"items":[{"phyPayload":5}]}', id="a number for bytes"),
        pytest.param("down", b'{"\\udc9a":5}', id="half a character for a name"),
        pytest.param("down", b'{"items":5}', id="a number for a list"),
        pytest.param("down", b'{"downlinkId":1e999,"items":[{}]}', id="a number without end"),
        pytest.param("down", b'{"items":[{"phyPayload":"a"}]}', id="no base64"),
        pytest.param("down", b"{" + bytes(300_000), id="too long"),
        pytest.param("mesh", b"", id="for a mesh"),
        pytest.param("reboot", b"", id="unknown"),
    ],
)
def test_what_no_server_may_send_is_unreadable_and_says_why(topic: str, payload: bytes) -> None:
    found = v4().read(f"eu868/gateway/{EUI}/command/{topic}", payload, now_us=None)
    assert isinstance(found, Unreadable) and 0 < len(found.detail) < 400


def test_a_topic_of_another_shape_is_unreadable() -> None:
    assert isinstance(v4().read("x", b"", now_us=None), Unreadable)


def test_a_channel_may_have_every_spreading_factor_of_the_chip() -> None:
    found = read("config", plan(lora_channel(868_100_000, *range(5, 13))))
    assert isinstance(found, ChannelPlanPushed) and not found.fault


def test_a_bandwidth_of_older_servers_is_kilohertz() -> None:
    legacy = {"bandwidth_legacy": 125, "spreading_factors": SFS}
    channel = gw_pb2.ChannelConfiguration(frequency=868_100_000, lora_modulation_config=legacy)
    found = read("config", plan(channel))
    assert isinstance(found, ChannelPlanPushed) and found.multi_sf_hz == (868_100_000,)


def test_a_bandwidth_of_older_servers_is_kilohertz_for_fsk_too() -> None:
    legacy = {"bandwidth_legacy": 125, "bitrate": 50_000}
    fsk = gw_pb2.ChannelConfiguration(frequency=868_800_000, fsk_modulation_config=legacy)
    found = read("config", plan(lora_channel(868_100_000, *SFS), fsk))
    assert isinstance(found, ChannelPlanPushed) and found.fsk == (868_800_000, 125_000, 50_000)


@FORMATS
def test_an_exec_request_is_read(as_json: bool) -> None:
    request = gw_pb2.GatewayCommandExecRequest(
        gateway_id=EUI, command="reboot", exec_id=9, stdin=b"in", environment={"A": "B"}
    )
    assert read("exec", request, as_json) == ExecRequest("reboot", 9, b"in", {"A": "B"})


@FORMATS
def test_raw_bytes_are_read(as_json: bool) -> None:
    raw = gw_pb2.RawPacketForwarderCommand(gateway_id=EUI, payload=b"\1\2")
    assert read("raw", raw, as_json) == RawRequest(b"\1\2")


def plan(*channels: Any, **changes: Any) -> Any:
    return gw_pb2.GatewayConfiguration(
        **{"gateway_id": EUI, "version": "v1", "channels": channels} | changes
    )


def lora_channel(freq_hz: int, *factors: int, bandwidth: int = 125_000, board: int = 0) -> Any:
    return gw_pb2.ChannelConfiguration(
        frequency=freq_hz,
        board=board,
        lora_modulation_config={"bandwidth": bandwidth, "spreading_factors": factors},
    )


def fsk_channel(bitrate: int = 50_000) -> Any:
    fsk = {"bandwidth": 125_000, "bitrate": bitrate}
    return gw_pb2.ChannelConfiguration(frequency=868_800_000, fsk_modulation_config=fsk)


EIGHT = range(867_100_000, 868_700_000, 200_000)
SFS = (7, 8, 9, 10, 11, 12)


@FORMATS
def test_a_pushed_channel_plan_is_read(as_json: bool) -> None:
    made = plan(
        *(lora_channel(hz, *SFS) for hz in EIGHT),
        lora_channel(868_300_000, 7, bandwidth=250_000),
        fsk_channel(),
    )
    made.stats_interval.seconds = 30
    assert read("config", made, as_json) == ChannelPlanPushed(
        "v1", 30.0, tuple(EIGHT), (868_300_000, 250_000, 7), (868_800_000, 125_000, 50_000)
    )


@pytest.mark.parametrize(
    ("asked_s", "taken_s"), [(0, None), (4, None), (5, 5.0), (86_400, 86_400.0), (86_401, None)]
)
def test_an_interval_of_reports_is_taken_over_within_bounds(
    asked_s: int, taken_s: float | None
) -> None:
    made = plan(lora_channel(868_100_000, *SFS))
    made.stats_interval.seconds = asked_s
    found = read("config", made)
    assert isinstance(found, ChannelPlanPushed) and found.stat_interval_s == taken_s


@pytest.mark.parametrize(
    ("channels", "word"),
    [
        pytest.param([], "no channel", id="none"),
        pytest.param([lora_channel(hz, *SFS) for hz in [*EIGHT, 1]], "at most 8", id="nine"),
        pytest.param([lora_channel(5, 7), lora_channel(6, 8)], "1 LoRa", id="two single"),
        pytest.param([fsk_channel(), fsk_channel()], "1 FSK", id="two FSK"),
        pytest.param([fsk_channel(1)], "bit/s", id="FSK of one bit"),
        pytest.param([lora_channel(5, 7, 8, bandwidth=500_000)], "125 kHz", id="wide multi-SF"),
        pytest.param([lora_channel(5, 7, bandwidth=7)], "125 kHz", id="7 Hz"),
        pytest.param([lora_channel(5)], "spreading factors", id="no SF"),
        pytest.param([lora_channel(5, 7, 13)], "spreading factors", id="SF13"),
        pytest.param([lora_channel(0, 7)], "no frequency", id="no frequency"),
        pytest.param([lora_channel(5, 7, board=1)], "board", id="a second board"),
    ],
)
def test_a_plan_that_is_none_says_why_and_keeps_its_version(channels: list[Any], word: str) -> None:
    found = read("config", plan(*channels))
    assert isinstance(found, ChannelPlanPushed)
    assert word in found.fault and found.version == "v1" and not found.multi_sf_hz


@given(st.binary(max_size=300), st.sampled_from(["down", "config", "exec", "raw"]))
def test_no_bytes_raise(payload: bytes, command: str) -> None:
    topic = f"eu868/gateway/{EUI}/command/{command}"
    v4().read(topic, payload, now_us=None)
    v4().read(topic, b"{" + payload, now_us=None)


@given(
    st.builds(
        item,
        st.floats(0, 16),
        phy_payload=st.binary(min_size=1, max_size=255),
        tx_info__frequency=st.integers(0, (1 << 32) - 1),
        tx_info__power=st.integers(-128, 127),
        tx_info__modulation__lora__spreading_factor=st.integers(5, 12),
        tx_info__modulation__lora__bandwidth=st.sampled_from([125_000, 250_000, 500_000]),
        tx_info__modulation__lora__code_rate=st.integers(1, 4),
        tx_info__modulation__lora__preamble=st.integers(0, 0xFFFF),
    )
)
def test_both_encodings_of_a_downlink_are_read_alike(made: Any) -> None:
    found = one(made)
    assert isinstance(found, Downlink) and found == one(made, True)
    lora = made.tx_info.modulation.lora
    assert found.modulation == LoRa(lora.spreading_factor, lora.bandwidth, lora.code_rate)
    assert found.payload == made.phy_payload and found.freq_hz == made.tx_info.frequency


@pytest.mark.parametrize("payload", ["3a02ffa0", "5b" * 3000], ids=["no text", "deep groups"])
def test_damage_is_unreadable_without_protobufs_c_code_too(payload: str) -> None:
    program = (
        "from tests.forwarder.chirpstack_makers import v4\nfrom tests.forwarder.semtech_makers import EUI\n"
        f"read = v4().read(f'eu868/gateway/{{EUI}}/command/down', bytes.fromhex('{payload}'), "
        "now_us=None)\n"
        "print(type(read).__name__)"
    )
    environment = {**os.environ, "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"}
    run = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, cwd=ROOT
    )
    assert run.stdout.strip() == "Unreadable", run.stderr
