"""What a gateway and ChirpStack v3 say to each other, after that version's published schema."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToJson, Parse
from hypothesis import given
from hypothesis import strategies as st

from forwarder.links.chirpstack import gw_v3_pb2
from forwarder.links.chirpstack.context import pack
from forwarder.links.mqtt.dialect import (
    ChannelPlanPushed,
    Command,
    DownlinkRequest,
    ExecRequest,
    ExecResult,
    RawRequest,
    Unreadable,
)
from forwarder.packets import (
    Answer,
    AsSoonAsPossible,
    AtCounter,
    AtGps,
    Downlink,
    Position,
    Refusal,
    Refused,
    Uplink,
)
from hal.modulation import Fsk, LoRa

from .chirpstack_makers import SESSION, report, sent, v3
from .chirpstack_v3_schema import ENUMS, V3
from .semtech_makers import ACCEPTED, EUI, GATEWAY, fsk_uplink, uplink

FORMATS = pytest.mark.parametrize("as_json", [False, True], ids=["protobuf", "json"])
COUNTER_US = 5_000_000_000
UUID = bytes(range(16))


def theirs(message: Any, kind: Any, as_json: bool) -> Any:
    """As the network server reads it: it tells JSON by the text "gatewayID" in it."""
    payload = sent(message).payload
    assert (b'"gatewayID"' in payload) == as_json
    return Parse(payload, kind()) if as_json else kind.FromString(payload)


def ours(made: Any, as_json: bool) -> bytes:
    """As its Go library prints it: with defaults, null for messages that are absent."""
    if not as_json:
        return bytes(made.SerializeToString())
    values = json.loads(MessageToJson(made, always_print_fields_with_no_presence=True))
    for field in made.DESCRIPTOR.fields:
        values.setdefault(field.json_name, None)
    return json.dumps(values).encode()


def read(command: str, made: Any, as_json: bool = False) -> Command:
    return v3().read(f"gateway/{EUI}/command/{command}", ours(made, as_json), now_us=None)


def test_our_messages_have_the_fields_of_the_schema() -> None:
    """Names of messages differ in case; numbers, types and both names of fields must not."""
    for name, mine in gw_v3_pb2.DESCRIPTOR.message_types_by_name.items():
        renamed = {"Rx": "RX", "Tx": "TX", "Lora": "LoRa", "LrFhss": "LRFHSS", "Fsk": "FSK"}
        other = name
        for ours_, theirs_ in renamed.items():
            other = other.replace(ours_, theirs_)
        if other in ("LRFHSSModulationInfo", "EnvironmentEntry"):
            continue
        schema = getattr(V3, other).DESCRIPTOR.fields_by_number
        for field in mine.fields:
            if field.message_type is not None and field.message_type.name.startswith("LrFhss"):
                continue
            same = schema[field.number]
            assert same.json_name == field.json_name and same.type == field.type, field.full_name
            assert same.name.lower().replace("_", "") == field.name.replace("_", "")


@FORMATS
def test_a_lora_uplink_is_told_in_kilohertz_and_text(as_json: bool) -> None:
    heard = uplink(b"\x40hello", counter_us=COUNTER_US)
    found = theirs(v3(json=as_json).uplink(heard, late=False), V3.UplinkFrame, as_json)
    assert (found.phy_payload, found.tx_info.frequency) == (b"\x40hello", 868_500_000)
    assert found.tx_info.modulation == ENUMS["Modulation_"].index("LORA")
    lora, rx = found.tx_info.lora_modulation_info, found.rx_info
    assert (lora.bandwidth, lora.spreading_factor, lora.code_rate) == (125, 7, "4/5")
    assert (rx.gateway_id, rx.rssi, rx.lora_snr) == (GATEWAY, -37, 9.0)
    assert (rx.channel, rx.rf_chain, rx.board) == (2, 0, 0)
    assert rx.crc_status == ENUMS["CRCStatus"].index("CRC_OK")
    assert rx.context == pack(COUNTER_US, SESSION) and len(rx.uplink_id) == 16
    assert not rx.HasField("time") and not rx.fine_timestamp_type


@FORMATS
def test_an_fsk_uplink_has_its_bit_rate(as_json: bool) -> None:
    found = theirs(v3(json=as_json).uplink(fsk_uplink(), late=False), V3.UplinkFrame, as_json)
    assert found.tx_info.modulation == ENUMS["Modulation_"].index("FSK")
    assert found.tx_info.fsk_modulation_info.datarate == 50_000


@FORMATS
def test_times_come_from_gps_and_the_fine_one_is_a_full_time(as_json: bool) -> None:
    heard = Uplink(
        uplink(fine_time_ns=123_456_789).frame,
        utc_ns=1_790_000_000_123_000_000,
        gps_ms=1_474_035_218_123,
    )
    rx = theirs(v3(json=as_json).uplink(heard, late=False), V3.UplinkFrame, as_json).rx_info
    assert (rx.time.seconds, rx.time.nanos) == (1_790_000_000, 123_000_000)
    assert rx.time_since_gps_epoch.ToMilliseconds() == 1_474_035_218_123
    assert rx.fine_timestamp_type == ENUMS["FineTimestampType"].index("PLAIN")
    fine = rx.plain_fine_timestamp.time
    assert (fine.seconds, fine.nanos) == (1_790_000_000, 123_456_789)


def test_json_prints_what_is_zero() -> None:
    values = json.loads(sent(v3(json=True).uplink(uplink(), late=False)).payload)
    assert values["txInfo"]["modulation"] == "LORA" and values["rxInfo"]["board"] == 0
    assert values["rxInfo"]["loRaSNR"] == 9.0


@FORMATS
def test_a_report_is_told(as_json: bool) -> None:
    told = report(
        utc_ns=1_790_000_000_000_000_000,
        position=Position(47.5, 8.25, 400),
        rx_per_frequency={868_100_000: 3},
        rx_per_modulation={LoRa(7): 4, Fsk(50_000): 1},
        tx_per_answer={"OK": 2, "DUTY_CYCLE": 3},
        metrics={"temperature_c": 21.5},
        metadata={"config_version": "v7", "model": "x"},
    )
    stats = theirs(v3(json=as_json).report(told), V3.GatewayStats, as_json)
    assert (stats.gateway_id, stats.time.seconds) == (GATEWAY, 1_790_000_000)
    assert (stats.rx_packets_received, stats.rx_packets_received_ok) == (5, 4)
    assert (stats.tx_packets_received, stats.tx_packets_emitted) == (3, 2)
    assert (stats.location.altitude, stats.location.source) == (400, 2)
    assert len(stats.stats_id) == 16
    assert dict(stats.rx_packets_per_frequency) == {868_100_000: 3}
    lora, fsk = stats.rx_packets_per_modulation
    assert (lora.modulation.lora.bandwidth, lora.count) == (125, 4)
    assert (fsk.modulation.fsk.datarate, fsk.count) == (50_000, 1)
    assert dict(stats.tx_packets_per_status) == {"OK": 2, "INTERNAL_ERROR": 3}
    assert stats.config_version == "v7"
    assert dict(stats.meta_data) == {"temperature_c": "21.5", "model": "x"}


def tx_info(**changes: Any) -> Any:
    made = V3.DownlinkTXInfo(
        gateway_id=GATEWAY,
        frequency=868_100_000,
        power=14,
        lora_modulation_info={
            "bandwidth": 125,
            "spreading_factor": 9,
            "code_rate": "4/5",
            "polarization_inversion": True,
        },
        timing=1,
        context=pack(COUNTER_US, SESSION),
    )
    made.delay_timing_info.delay.seconds = 1
    made.MergeFrom(V3.DownlinkTXInfo(**changes))
    return made


def items(*infos: Any, **changes: Any) -> Any:
    made = [V3.DownlinkFrameItem(phy_payload=b"\x60down", tx_info=info) for info in infos]
    values = {"gateway_id": GATEWAY, "downlink_id": UUID, "token": 77, "items": made}
    return V3.DownlinkFrame(**values | changes)


def single(info: Any) -> Any:
    return V3.DownlinkFrame(phy_payload=b"\x60down", tx_info=info, token=77)


WHOLE = Downlink(
    link="here",
    token=77,
    when=AtCounter(COUNTER_US + 1_000_000),
    payload=b"\x60down",
    freq_hz=868_100_000,
    modulation=LoRa(9),
    power_dbm=14,
    invert_polarity=True,
)


@FORMATS
def test_a_list_of_items_is_read(as_json: bool) -> None:
    found = read("down", items(tx_info(), tx_info(frequency=869_525_000)), as_json)
    assert isinstance(found, DownlinkRequest) and found.key == UUID
    rx1, rx2 = found.items
    assert rx1 == WHOLE and isinstance(rx2, Downlink) and rx2.freq_hz == 869_525_000


@FORMATS
def test_a_single_frame_with_a_token_is_read(as_json: bool) -> None:
    found = read("down", single(tx_info()), as_json)
    assert isinstance(found, DownlinkRequest) and found.items == (WHOLE,)
    assert found.key == b"token" + (77).to_bytes(4, "big")


@FORMATS
def test_class_b_and_class_c_are_read(as_json: bool) -> None:
    soon, gps = tx_info(), tx_info(timing=2)
    soon.timing = 0
    gps.gps_epoch_timing_info.time_since_gps_epoch.FromMilliseconds(123_456)
    found = read("down", items(soon, gps), as_json)
    assert isinstance(found, DownlinkRequest)
    whens = [one.when for one in found.items if isinstance(one, Downlink)]
    assert whens == [AsSoonAsPossible(), AtGps(123_456)]


@FORMATS
def test_an_fsk_downlink_is_read(as_json: bool) -> None:
    info = tx_info(modulation=1, fsk_modulation_info={"datarate": 50_000})
    found = read("down", items(info), as_json)
    assert isinstance(found, DownlinkRequest)
    (item,) = found.items
    assert isinstance(item, Downlink)
    assert item.modulation == Fsk(50_000, 25_000)
    assert (item.preamble, item.crc, item.invert_polarity) == (None, True, False)


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        (tx_info(context=pack(COUNTER_US, b"else")), Refusal.TOO_LATE),
        (tx_info(board=1), Refusal.UNREADABLE),
        (tx_info(timing=7), Refusal.UNREADABLE),
        (tx_info(lora_modulation_info={"code_rate": "5/4"}), Refusal.UNREADABLE),
        (tx_info(lora_modulation_info={"bandwidth": 126}), Refusal.UNREADABLE),
    ],
)
def test_what_cannot_be_sent_is_refused(info: Any, reason: Refusal) -> None:
    found = read("down", items(info))
    assert isinstance(found, DownlinkRequest)
    assert isinstance(found.items[0], Refused) and found.items[0].reason is reason


@FORMATS
@pytest.mark.parametrize(
    "made",
    [
        pytest.param(items(tx_info(), gateway_id=bytes(8)), id="another gateway"),
        pytest.param(single(tx_info(gateway_id=bytes(8))), id="another gateway in its item"),
        pytest.param(items(), id="nothing to send"),
        pytest.param(items(tx_info(), downlink_id=bytes(17)), id="a long identifier"),
    ],
)
def test_a_frame_that_is_not_for_us_is_not_sent(made: Any, as_json: bool) -> None:
    assert isinstance(read("down", made, as_json), Unreadable)


def ack(made: Any, answers: list[Answer | None], as_json: bool) -> Any:
    request = read("down", made)
    assert isinstance(request, DownlinkRequest)
    return theirs(v3(json=as_json).answer(request, answers), V3.DownlinkTXAck, as_json)


@FORMATS
def test_items_are_answered_by_items(as_json: bool) -> None:
    answers: list[Answer | None] = [Refused(Refusal.DUTY_CYCLE), ACCEPTED]
    found = ack(items(tx_info(), tx_info()), answers, as_json)
    assert (found.gateway_id, found.token, found.downlink_id) == (GATEWAY, 77, UUID)
    said = [ENUMS["TxAckStatus"][item.status] for item in found.items]
    assert said == ["INTERNAL_ERROR", "OK"] and not found.error


@FORMATS
def test_a_single_frame_is_answered_by_its_token_and_an_error(as_json: bool) -> None:
    found = ack(single(tx_info()), [Refused(Refusal.TOO_LATE)], as_json)
    assert (found.token, found.error, len(found.items)) == (77, "TOO_LATE", 0)
    assert ack(single(tx_info()), [ACCEPTED], as_json).error == ""


@FORMATS
def test_a_command_is_answered_under_its_own_identifier(as_json: bool) -> None:
    asked = V3.GatewayCommandExecRequest(gateway_id=GATEWAY, command="ping", stdin=b"x")
    asked.ExecId = UUID
    found = read("exec", asked, as_json)
    assert found == ExecRequest("ping", int.from_bytes(UUID, "big"), b"x", {})
    assert isinstance(found, ExecRequest)
    result = ExecResult(found.exec_id, b"out", b"", "")
    answer = theirs(v3(json=as_json).exec_result(result), V3.GatewayCommandExecResponse, as_json)
    assert (answer.exec_id, answer.stdout, answer.gateway_id) == (UUID, b"out", GATEWAY)


@FORMATS
def test_what_the_program_for_raw_commands_says_has_the_commands_identifier(as_json: bool) -> None:
    raw = V3.RawPacketForwarderCommand(gateway_id=GATEWAY, raw_id=UUID, payload=b"\1")
    found = read("raw", raw, as_json)
    assert found == RawRequest(b"\1", UUID)
    assert isinstance(found, RawRequest)
    message = v3(json=as_json).raw_result(found, b"said")
    event = theirs(message, V3.RawPacketForwarderEvent, as_json)
    assert (event.gateway_id, event.raw_id, event.payload) == (GATEWAY, UUID, b"said")


@FORMATS
def test_an_identifier_longer_than_a_uuid_is_refused(as_json: bool) -> None:
    raw = V3.RawPacketForwarderCommand(gateway_id=GATEWAY, raw_id=bytes(17), payload=b"\1")
    found = read("raw", raw, as_json)
    assert isinstance(found, Unreadable) and "raw_id" in found.detail


@FORMATS
def test_a_channel_plan_is_read(as_json: bool) -> None:
    many = {"bandwidth": 125, "spreading_factors": [7, 8, 9]}
    one = {"bandwidth": 250, "spreading_factors": [7]}
    made = V3.GatewayConfiguration(gateway_id=GATEWAY, version="v1")
    made.channels.add(frequency=868_100_000, lora_modulation_config=many)
    made.channels.add(frequency=868_300_000, lora_modulation_config=one)
    made.channels.add(frequency=868_800_000, fsk_modulation_config={"bitrate": 50_000})
    assert read("config", made, as_json) == ChannelPlanPushed(
        "v1", None, (868_100_000,), (868_300_000, 250_000, 7), (868_800_000, 0, 50_000)
    )


@FORMATS
@pytest.mark.parametrize(("when", "state"), [("will", 0), ("birth", 1), ("farewell", 0)])
def test_the_state_is_retained(when: str, state: int, as_json: bool) -> None:
    told: Any = getattr(v3(json=as_json), when)()
    message = told if when == "will" else told[0]
    assert message.topic == f"gateway/{EUI}/state/conn" and message.retain
    found = theirs(message, V3.ConnState, as_json)
    assert (found.gateway_id, found.state) == (GATEWAY, state)


@given(st.binary(max_size=300), st.sampled_from(["down", "config", "exec", "raw", "mesh"]))
def test_no_bytes_raise(payload: bytes, command: str) -> None:
    v3().read(f"gateway/{EUI}/command/{command}", payload, now_us=None)
    v3().read(f"gateway/{EUI}/command/{command}", b"{" + payload, now_us=None)
