"""The Things Stack's gateway MQTT: what goes up, what comes down, what is answered."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, EnumDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto
from hypothesis import given
from hypothesis import strategies as st

from forwarder.links.mqtt.dialect import DownlinkRequest, Message, Report, Unreadable
from forwarder.links.mqtt.settings import BrokerAddress, MqttSettings, broker_address
from forwarder.links.settings import FeedSettings
from forwarder.links.tts import gateway_pb2
from forwarder.links.tts.dialect import RESULTS, TtsDialect
from forwarder.links.tts.gateway_pb2 import (
    DataRate,
    GatewayDown,
    GatewayStatus,
    TxAcknowledgment,
    TxSettings,
    UplinkMessage,
)
from forwarder.links.tts.up import KEY
from forwarder.packets import (
    AsSoonAsPossible,
    AtGps,
    AtTmst,
    Downlink,
    Position,
    Refusal,
    Refused,
    Uplink,
)
from hal.frames import Crc
from hal.gps.leap import LeapTable
from hal.modulation import Fsk, LoRa

from .semtech_makers import ACCEPTED, EUI, fsk_uplink, uplink

DATA = Path(__file__).parent.parent / "data"
LEAPS = LeapTable(((1_435_708_800, 17), (1_483_228_800, 18)), 2_000_000_000)
UTC_S, GPS_S = 1_700_000_000, 1_384_035_218  # the same second
DOWN = "v3/roof@ttn/down"


def a_dialect(*, place: Position | None = None, **changes: Any) -> TtsDialect:
    values: dict[str, Any] = {
        "name": "ttn",
        "addresses": (BrokerAddress("broker", 8882, tls=True),),
        "eui": EUI,
        "profile": "tts",
        "feed": FeedSettings(conducted=True),
        "qos": 0,
        "gateway_id": "roof@ttn",
    }
    settings = MqttSettings(**values | changes)
    return TtsDialect(settings, LEAPS, position=lambda: place, version="edgemast 1")


# The messages themselves.


def messages(found: Any) -> Iterator[Descriptor]:
    for message in found:
        if not message.GetOptions().map_entry:
            yield message
            yield from messages(message.nested_types)


def test_our_fields_have_the_names_numbers_and_types_of_the_things_stacks_own() -> None:
    # Read from lorawan-stack 1d21821: api/ttn/lorawan/v3; number, type and label of each field.
    theirs = json.loads((DATA / "tts_messages.json").read_text(encoding="utf-8"))
    seen = set()
    for message in messages(gateway_pb2.DESCRIPTOR.message_types_by_name.values()):
        name = message.full_name.removeprefix("edgemast.tts.")
        copy = DescriptorProto()
        message.CopyToProto(copy)
        ours = {field.name: [field.number, field.type, field.label] for field in copy.field}
        assert ours.items() <= theirs[name].items()
        seen |= {name, *(enums(message.enum_types, theirs))}
    seen |= set(enums(gateway_pb2.DESCRIPTOR.enum_types_by_name.values(), theirs))
    assert seen == set(theirs)


def enums(found: Any, theirs: dict[str, dict[str, int]]) -> Iterator[str]:
    enum: EnumDescriptor
    for enum in found:
        name = enum.full_name.removeprefix("edgemast.tts.")
        assert {value.name: value.number for value in enum.values}.items() <= theirs[name].items()
        yield name


# Who we are.


def test_the_gateways_name_is_user_client_and_part_of_every_topic() -> None:
    named, unnamed = a_dialect(), a_dialect(gateway_id="")
    assert (named.client_id, named.username) == ("roof@ttn", "roof@ttn")
    assert unnamed.subscriptions == ((f"v3/eui-{EUI}/down", 0),)
    assert up(named, uplink()).topic == "v3/roof@ttn/up"


@pytest.mark.parametrize(
    ("host", "changes", "uid"),
    [
        ("eu1.cloud.thethings.network", {}, "roof@ttn"),
        ("eu1.cloud.thethings.network", {"gateway_id": "roof"}, "roof@ttn"),
        ("eu1.cloud.thethings.network", {"gateway_id": ""}, f"eui-{EUI}@ttn"),
        ("farm.eu1.cloud.thethings.industries", {"gateway_id": "roof"}, "roof@farm"),
        ("eu1.cloud.thethings.industries", {"gateway_id": "roof"}, "roof"),
        ("lns.example", {"gateway_id": "roof"}, "roof"),
        ("lns.example", {"gateway_id": "", "username": "barn@farm"}, "barn@farm"),
    ],
)
def test_the_name_has_the_tenant_where_the_vendors_servers_want_one(
    host: str, changes: dict[str, Any], uid: str
) -> None:
    dialect = a_dialect(addresses=(BrokerAddress(host, 8882, tls=True),), **changes)
    assert dialect.username == dialect.client_id == uid
    assert dialect.subscriptions == ((f"v3/{uid}/down", 0),)


def test_the_ports_and_the_protocol_are_the_servers_own() -> None:
    assert broker_address("mqtts://lns.example", profile="tts").port == 8882
    assert broker_address("mqtt://lns.example", profile="tts").port == 1882
    assert broker_address("mqtts://lns.example:8883", profile="tts").port == 8883
    with pytest.raises(ValueError, match=r"3\.1\.1"):
        a_dialect(protocol="5")


def test_a_gateway_that_takes_no_downlinks_asks_for_none() -> None:
    assert a_dialect(uplink_only=True).subscriptions == ()


def test_the_servers_clock_is_not_spoilt_by_late_frames_and_starts_anew_with_the_radio() -> None:
    dialect = a_dialect()
    assert not dialect.replays and dialect.reconnects_with_radio
    assert dialect.uplink(uplink(), late=True) is None


# Up.


def up(dialect: TtsDialect, heard: Uplink) -> Message:
    message = dialect.uplink(heard, late=False)
    assert message is not None and not message.retain
    return message


def read_up(heard: Uplink, **changes: Any) -> UplinkMessage:
    return UplinkMessage.FromString(up(a_dialect(**changes), heard).payload)


def test_an_uplink_says_what_was_heard_and_by_whom() -> None:
    message = read_up(uplink(fine_time_ns=123_456_789), place=Position(48.5, 11.25, 520))
    (heard,) = message.rx_metadata
    settings = message.settings
    lora = settings.data_rate.lora
    assert message.raw_payload == b"hello" and message.crc_status.value
    assert (lora.bandwidth, lora.spreading_factor, lora.coding_rate) == (125_000, 7, "4/5")
    assert (settings.frequency, settings.enable_crc) == (868_500_000, True)
    assert (heard.gateway_ids.gateway_id, heard.gateway_ids.eui.hex()) == ("roof", EUI)
    assert (heard.rssi, heard.channel_rssi, heard.signal_rssi.value, heard.snr) == (
        -36,
        -36,
        -37,
        9,
    )
    assert (heard.frequency_offset, heard.channel_index) == (-215, 2)
    assert (heard.fine_timestamp, heard.antenna_index) == (123_456_789, 0)
    assert (heard.location.latitude, heard.location.altitude) == (48.5, 520)


def test_the_counter_stands_where_the_clock_and_where_the_downlink_is_taken_from() -> None:
    message = read_up(uplink(counter_us=(7 << 32) + 12_345))
    assert message.settings.timestamp == message.rx_metadata[0].timestamp == 12_345


def test_an_fsk_frame_has_its_bit_rate_and_no_signal_strength() -> None:
    message = read_up(fsk_uplink())
    assert message.settings.data_rate.fsk.bit_rate == 50_000
    assert not message.rx_metadata[0].HasField("signal_rssi")


def test_times_are_sent_only_where_a_reference_told_them() -> None:
    bare = read_up(uplink())
    assert not bare.settings.HasField("time")
    assert not any(bare.rx_metadata[0].HasField(name) for name in ("time", "gps_time", "location"))
    timed = replace(uplink(), utc_ns=UTC_S * 10**9 + 123_456_789, gps_ms=GPS_S * 1000 + 123)
    heard = read_up(timed).rx_metadata[0]
    assert (heard.time.seconds, heard.time.nanos) == (UTC_S, 123_456_789)
    assert (heard.gps_time.seconds, heard.gps_time.nanos) == (UTC_S, 123_000_000)


def test_a_damaged_frame_is_not_sent_and_one_without_a_crc_claims_none() -> None:
    assert a_dialect().uplink(uplink(crc=Crc.BAD), late=False) is None
    bare = read_up(uplink(crc=Crc.NONE))
    assert not bare.settings.enable_crc and not bare.HasField("crc_status")


# Reports.


def status(**changes: Any) -> GatewayStatus:
    values: dict[str, Any] = {
        "utc_ns": None,
        "boot_utc_ns": None,
        "position": None,
        "rx_received": 5,
        "rx_ok": 4,
        "tx_received": 2,
        "tx_emitted": 1,
    }
    message = a_dialect().report(Report(**values | changes))
    assert message is not None and message.topic == "v3/roof@ttn/status"
    return GatewayStatus.FromString(message.payload)


def test_a_report_has_counts_versions_times_and_the_place() -> None:
    told = status(
        utc_ns=UTC_S * 10**9,
        boot_utc_ns=(UTC_S - 60) * 10**9,
        position=Position(48.5, 11.25, 520),
        metrics={"temp": 30.5},
        metadata={"Board model": "rak2287"},
    )
    assert told.metrics == {"rxin": 5, "rxok": 4, "txin": 2, "txok": 1, "temp": 30.5}
    assert told.versions == {"forwarder": "edgemast 1", "board_model": "rak2287"}
    assert (told.time.seconds, told.boot_time.seconds) == (UTC_S, UTC_S - 60)
    assert told.antenna_locations[0].longitude == 11.25


def test_what_is_not_known_is_not_in_a_report() -> None:
    told = status()
    assert not told.HasField("time") and not told.HasField("boot_time")
    assert not told.antenna_locations


@given(
    st.dictionaries(st.text(max_size=60), st.text(max_size=200), max_size=20),
    st.dictionaries(st.text(max_size=60), st.floats(), max_size=50),
)
def test_a_report_keeps_the_servers_rules_whatever_it_is_made_of(
    metadata: dict[str, str], metrics: dict[str, float]
) -> None:
    told = status(metadata=metadata, metrics=metrics)
    assert len(told.versions) <= 10 and len(told.metrics) <= 32
    for key in (*told.versions, *told.metrics):
        assert re.fullmatch("^[a-z0-9](?:[_-]?[a-z0-9]){2,}$", key) and len(key) <= 36
    assert all(len(value) <= 128 for value in told.versions.values())
    assert all(math.isfinite(value) for value in told.metrics.values())
    assert told.versions["forwarder"] == "edgemast 1" and told.metrics["rxin"] == 5
    assert KEY.fullmatch("rxin")


# Down.


def down(**changes: Any) -> bytes:
    """A class A downlink as the server sends it; what `changes` says of the settings is said."""
    message = GatewayDown()
    body = message.downlink_message
    body.raw_payload = b"\x60payload"
    body.correlation_ids.extend(["gs:down:token:17", "ns:downlink:1"])
    scheduled: dict[str, Any] = {
        "data_rate": lora(9),
        "frequency": 869_525_000,
        "timestamp": 123_456,
        "downlink": TxSettings.Downlink(tx_power=26.5, invert_polarization=True),
    }
    body.scheduled.CopyFrom(TxSettings(**scheduled | changes))
    return message.SerializeToString()


def lora(sf: int, bandwidth: int = 125_000, coding_rate: str = "4/5") -> DataRate:
    rate = DataRate()
    rate.lora.spreading_factor, rate.lora.bandwidth = sf, bandwidth
    rate.lora.coding_rate = coding_rate
    return rate


def asked(payload: bytes, **changes: Any) -> DownlinkRequest:
    command = a_dialect(**changes).read(DOWN, payload, now_us=None)
    assert isinstance(command, DownlinkRequest)
    return command


def test_a_class_a_downlink_is_one_attempt_at_its_counter_without_a_crc() -> None:
    assert asked(down()).items == (
        Downlink(
            link="ttn",
            token=0,
            when=AtTmst(123_456),
            payload=b"\x60payload",
            freq_hz=869_525_000,
            modulation=LoRa(9),
            power_dbm=26.5,
            crc=False,
            invert_polarity=True,
            conducted=True,
        ),
    )


def test_the_power_reference_is_the_settings() -> None:
    (item,) = asked(down(), feed=FeedSettings(conducted=False)).items
    assert isinstance(item, Downlink) and not item.conducted


@pytest.mark.parametrize(
    ("changes", "when"),
    [
        ({}, AtTmst(123_456)),
        ({"timestamp": 0}, AsSoonAsPossible()),
        ({"timestamp": 0, "time": (UTC_S, 30_400_000)}, AtGps(GPS_S * 1000 + 30)),
        ({"timestamp": 0, "time": (1_480_000_000, 999_600_000)}, AtGps(1_164_035_218_000)),
        ({"time": (UTC_S, 0)}, AtTmst(123_456)),
    ],
    ids=str,
)
def test_a_downlink_is_sent_at_its_counter_else_at_its_time_else_now(
    changes: dict[str, Any], when: object
) -> None:
    if "time" in changes:
        seconds, nanos = changes["time"]
        changes = changes | {"time": {"seconds": seconds, "nanos": nanos}}
    (item,) = asked(down(**changes)).items
    assert isinstance(item, Downlink) and item.when == when


def test_fsk_has_half_its_bit_rate_as_deviation() -> None:
    rate = DataRate()
    rate.fsk.bit_rate = 50_000
    (item,) = asked(down(data_rate=rate)).items
    assert isinstance(item, Downlink) and item.modulation == Fsk(50_000, 25_000)


def hopping() -> DataRate:
    rate = DataRate()
    rate.lrfhss.operating_channel_width = 137_000
    return rate


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"data_rate": lora(13)}, "SF13"),
        ({"data_rate": lora(7, 200_000)}, "200000 Hz"),
        ({"data_rate": lora(7, coding_rate="4/9")}, "4/9"),
        ({"data_rate": hopping()}, "not lrfhss"),
        ({"data_rate": DataRate()}, "not nothing"),
        ({"frequency": 0}, "frequency"),
        ({"frequency": 1 << 63}, "frequency"),
        ({"timestamp": 0, "time": {"seconds": 1 << 40}}, "time"),
        ({"timestamp": 0, "time": {"seconds": -1}}, "time"),
        ({"timestamp": 0, "time": {"seconds": UTC_S, "nanos": -1}}, "time"),
        ({"downlink": TxSettings.Downlink(tx_power=math.nan)}, "power"),
    ],
)
def test_a_request_that_cannot_be_carried_out_is_refused_and_answered(
    changes: dict[str, Any], why: str
) -> None:
    request = asked(down(**changes))
    (item,) = request.items
    assert isinstance(item, Refused) and item.reason is Refusal.UNREADABLE and why in item.detail
    assert acknowledged(request, item).result == TxAcknowledgment.UNKNOWN_ERROR


@pytest.mark.parametrize("size", [0, 256])
def test_a_payload_that_is_no_frame_is_refused(size: int) -> None:
    message = GatewayDown.FromString(down())
    message.downlink_message.raw_payload = bytes(size)
    (item,) = asked(message.SerializeToString()).items
    assert isinstance(item, Refused) and "255" in item.detail


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (DOWN, b"\xff"),
        (DOWN, b""),
        (DOWN, b'{"downlink_message":{}}'),
        ("v3/other/down", down()),
        ("v3/roof@ttn/up", down()),
    ],
)
def test_what_no_server_sends_is_told_and_not_answered(topic: str, payload: bytes) -> None:
    assert isinstance(a_dialect().read(topic, payload, now_us=None), Unreadable)


@given(st.binary(max_size=200), st.integers(0, 60), st.binary(max_size=4))
def test_whatever_the_broker_brings_nothing_is_raised(
    noise: bytes, place: int, patch: bytes
) -> None:
    dialect, whole = a_dialect(), down()
    for payload in (noise, whole[:place] + patch + whole[place + len(patch) :]):
        command = dialect.read(DOWN, payload, now_us=None)
        if isinstance(command, DownlinkRequest):
            assert dialect.answer(command, [None]) is not None


# Answers.


def acknowledged(request: DownlinkRequest, *answers: Any) -> TxAcknowledgment:
    message = a_dialect().answer(request, answers)
    assert message is not None and message.topic == "v3/roof@ttn/down/ack"
    return TxAcknowledgment.FromString(message.payload)


def test_an_answer_carries_all_correlation_identifiers_back() -> None:
    ack = acknowledged(asked(down()), ACCEPTED)
    assert list(ack.correlation_ids) == ["gs:down:token:17", "ns:downlink:1"]
    assert ack.result == TxAcknowledgment.SUCCESS


@pytest.mark.parametrize("reason", Refusal)
def test_a_refusal_has_the_protocols_word_and_never_that_of_success(reason: Refusal) -> None:
    result = acknowledged(asked(down()), Refused(reason)).result
    named = TxAcknowledgment.Result.Name(result)
    assert named in (reason.name, "UNKNOWN_ERROR") and RESULTS[reason] == result
    assert (named == reason.name) == (reason.name in TxAcknowledgment.Result.keys())  # noqa: SIM118


def test_what_was_not_tried_is_an_unknown_error() -> None:
    assert acknowledged(asked(down()), None).result == TxAcknowledgment.UNKNOWN_ERROR


def test_two_requests_differ_in_their_key_and_a_repeat_does_not() -> None:
    assert asked(down()).key == asked(down()).key != asked(down(timestamp=1)).key
