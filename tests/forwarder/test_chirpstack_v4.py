"""What a gateway says to ChirpStack v4, read with ChirpStack's own modules."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import pytest
from google.protobuf.json_format import Parse
from google.protobuf.message import Message as ProtobufMessage
from hypothesis import given
from hypothesis import strategies as st

from forwarder.config.model import ETSI
from forwarder.links.chirpstack import fields
from forwarder.links.chirpstack.context import pack
from forwarder.links.mqtt.dialect import DownlinkRequest, ExecResult, RawRequest
from forwarder.packets import Answer, Position, Refusal, Refused, Uplink
from forwarder.scheduling.regulation import BandLoad
from hal.airtime import airtime_us
from hal.frames import Crc
from hal.modulation import Fsk, LoRa

from .chirpstack_makers import SESSION, report, sent, v4
from .semtech_makers import ACCEPTED, EUI, fsk_uplink, uplink

gw_pb2: Any = pytest.importorskip("chirpstack_api.gw.gw_pb2", reason="chirpstack-api is not there")

M = TypeVar("M", bound=ProtobufMessage)
FORMATS = pytest.mark.parametrize("as_json", [False, True], ids=["protobuf", "json"])


def theirs(payload: bytes, kind: type[M], as_json: bool) -> M:
    """The message as ChirpStack reads it: it tells JSON by the text gatewayId in it."""
    assert (b"gatewayId" in payload) == as_json
    return Parse(payload, kind()) if as_json else kind.FromString(payload)


def up(found: Uplink, *, late: bool = False, as_json: bool = False, **changes: Any) -> Any:
    message = sent(v4(json=as_json, **changes).uplink(found, late=late))
    assert message.topic == f"eu868/gateway/{EUI}/event/up" and not message.retain
    return theirs(message.payload, gw_pb2.UplinkFrame, as_json)


@FORMATS
def test_a_lora_uplink_is_told_as_chirpstack_looks_it_up(as_json: bool) -> None:
    found = up(uplink(b"\x40hello", counter_us=(3 << 32) + 0x01020304), as_json=as_json)
    lora = found.tx_info.modulation.lora
    assert found.phy_payload == b"\x40hello"
    assert found.tx_info.frequency == 868_500_000
    assert (lora.spreading_factor, lora.bandwidth, lora.code_rate) == (7, 125_000, gw_pb2.CR_4_5)
    assert not lora.code_rate_legacy and not lora.polarization_inversion
    rx = found.rx_info
    assert (rx.gateway_id, rx.rssi, rx.snr) == (EUI, -37, 9.0)
    assert (rx.channel, rx.rf_chain, rx.board, rx.antenna) == (2, 0, 0, 0)
    assert rx.crc_status == gw_pb2.CRC_OK
    assert rx.context == bytes.fromhex("01020304") + SESSION + b"\0\0\0\3"
    assert not rx.HasField("gw_time") and not rx.HasField("time_since_gps_epoch")
    assert not rx.HasField("ns_time") and not rx.HasField("location") and not rx.metadata


@FORMATS
def test_an_fsk_uplink_has_its_bit_rate_and_the_channels_strength(as_json: bool) -> None:
    found = up(fsk_uplink(), as_json=as_json)
    assert found.tx_info.modulation.fsk.datarate == 50_000
    assert not found.tx_info.modulation.fsk.frequency_deviation
    assert (found.rx_info.rssi, found.rx_info.snr) == (-36, 0.0)


@pytest.mark.parametrize(
    ("crc", "status"), [(Crc.OK, "CRC_OK"), (Crc.BAD, "BAD_CRC"), (Crc.NONE, "NO_CRC")]
)
def test_the_state_of_the_crc_is_told(crc: Crc, status: str) -> None:
    assert up(uplink(crc=crc)).rx_info.crc_status == gw_pb2.CRCStatus.Value(status)


@pytest.mark.parametrize(
    ("rate", "word"), [(1, "CR_4_5"), (2, "CR_4_6"), (3, "CR_4_7"), (4, "CR_4_8")]
)
def test_each_coding_rate_has_its_word(rate: int, word: str) -> None:
    found = up(uplink(modulation=LoRa(12, 500_000, rate)))
    assert found.tx_info.modulation.lora.code_rate == gw_pb2.CodeRate.Value(word)
    assert found.tx_info.modulation.lora.bandwidth == 500_000


@FORMATS
def test_times_come_from_gps_only_and_are_exact(as_json: bool) -> None:
    heard = Uplink(
        uplink(fine_time_ns=123_456_789).frame,
        utc_ns=1_790_000_000_123_000_000,
        gps_ms=1_474_035_218_123,
    )
    rx = up(heard, as_json=as_json).rx_info
    assert (rx.gw_time.seconds, rx.gw_time.nanos) == (1_790_000_000, 123_000_000)
    since = rx.time_since_gps_epoch
    assert (since.seconds, since.nanos) == (1_474_035_218, 123_000_000)
    fine = rx.fine_time_since_gps_epoch
    assert (fine.seconds, fine.nanos) == (1_474_035_218, 123_456_789)


@pytest.mark.parametrize(
    ("gps_ms", "fine_ns", "second"),
    [(10_000, 999_999_000, 9), (9_999, 1_000, 10), (10_001, 900_000, 10)],
)
def test_a_fine_time_beside_an_edge_is_of_the_nearer_second(
    gps_ms: int, fine_ns: int, second: int
) -> None:
    heard = Uplink(uplink(fine_time_ns=fine_ns).frame, gps_ms=gps_ms)
    fine = up(heard).rx_info.fine_time_since_gps_epoch
    assert (fine.seconds, fine.nanos) == (second, fine_ns)


@pytest.mark.parametrize("crc", [Crc.OK, Crc.NONE])
@pytest.mark.parametrize("size", [1, 51, 222])
@pytest.mark.parametrize("sf", [7, 10, 12])
@given(preamble_end_ns=st.integers(10**18, 10**18 + 5 * 10**9))
def test_the_fine_time_of_a_frame_that_takes_seconds_is_of_the_second_of_its_preamble(
    sf: int, size: int, crc: Crc, preamble_end_ns: int
) -> None:
    rate = LoRa(sf, 125_000, 1)
    symbols_ns = 8 * 1_000_000_000 * 2**sf // 125_000
    end_ns = preamble_end_ns + 1000 * airtime_us(rate, size, crc=crc is Crc.OK) - symbols_ns
    frame = uplink(
        bytes(size), modulation=rate, crc=crc, fine_time_ns=preamble_end_ns % 1_000_000_000
    ).frame
    told = fields.fine_time_ns(Uplink(frame), end_ns - end_ns % 1_000_000)
    assert told == preamble_end_ns


def test_a_fine_time_without_gps_time_is_left_out() -> None:
    rx = up(uplink(fine_time_ns=5)).rx_info
    assert not rx.HasField("fine_time_since_gps_epoch")


def test_two_gateways_tell_the_same_frame_with_the_same_tx_info() -> None:
    one = up(uplink(counter_us=5, snr_db=3.0, freq_offset_hz=100, if_chain=1))
    other = up(uplink(counter_us=9, snr_db=-7.0, freq_offset_hz=-90, if_chain=2), session=b"abcd")
    assert one.tx_info.SerializeToString() == other.tx_info.SerializeToString()


def test_the_same_frame_sent_again_is_the_same_to_the_byte() -> None:
    assert v4().uplink(uplink(), late=False) == v4().uplink(uplink(), late=False)
    assert up(uplink(counter_us=5)).rx_info.uplink_id != up(uplink(counter_us=6)).rx_info.uplink_id


@FORMATS
@pytest.mark.parametrize("clock", ["utc_ns", "received_ns"])
def test_a_frame_that_waited_is_marked_with_its_time_and_session(as_json: bool, clock: str) -> None:
    times: dict[str, Any] = {clock: 1_790_000_000_500_000_000}
    heard = Uplink(uplink().frame, session=b"past", **times)
    rx = up(heard, late=True, as_json=as_json).rx_info
    assert dict(rx.metadata) == {"late": "true", "received_at": "2026-09-21T14:13:20.500Z"}
    assert (rx.gw_time.seconds, rx.gw_time.nanos) == (1_790_000_000, 500_000_000)
    assert rx.context == pack(heard.frame.counter_us, b"past")


def test_a_frame_that_waited_without_a_clock_is_marked_all_the_same() -> None:
    assert dict(up(uplink(), late=True).rx_info.metadata) == {"late": "true"}


@FORMATS
def test_a_report_counts_what_came_since_the_last(as_json: bool) -> None:
    message = sent(
        v4(json=as_json).report(
            report(
                utc_ns=1_790_000_000_000_000_000,
                position=Position(47.5, 8.25, 400),
                rx_per_frequency={868_100_000: 3, 868_300_000: 2},
                tx_per_frequency={869_525_000: 2},
                rx_per_modulation={LoRa(7): 4, Fsk(50_000): 1},
                tx_per_modulation={LoRa(9, 125_000, 1): 2},
                tx_per_answer={"OK": 2, "FULL": 1, "LBT": 1, "RADIO": 1, "DUTY_CYCLE": 3},
                metrics={"temperature_c": 21.5},
                metadata={"model": "rak2287"},
            )
        )
    )
    assert message.topic == f"eu868/gateway/{EUI}/event/stats"
    stats = theirs(message.payload, gw_pb2.GatewayStats, as_json)
    assert (stats.gateway_id, stats.time.seconds) == (EUI, 1_790_000_000)
    assert (stats.location.latitude, stats.location.longitude) == (47.5, 8.25)
    assert stats.location.altitude == 400
    assert (stats.rx_packets_received, stats.rx_packets_received_ok) == (5, 4)
    assert (stats.tx_packets_received, stats.tx_packets_emitted) == (3, 2)
    assert dict(stats.rx_packets_per_frequency) == {868_100_000: 3, 868_300_000: 2}
    assert dict(stats.tx_packets_per_frequency) == {869_525_000: 2}
    lora, fsk = stats.rx_packets_per_modulation
    assert (lora.modulation.lora.spreading_factor, lora.count) == (7, 4)
    assert (fsk.modulation.fsk.datarate, fsk.count) == (50_000, 1)
    assert stats.tx_packets_per_modulation[0].modulation.lora.code_rate == gw_pb2.CR_4_5
    counts = {"OK": 2, "QUEUE_FULL": 1, "INTERNAL_ERROR": 2, "DUTY_CYCLE_OVERFLOW": 3}
    assert dict(stats.tx_packets_per_status) == counts
    assert dict(stats.metadata) == {"temperature_c": "21.5", "model": "rak2287"}


@FORMATS
def test_a_report_tells_what_the_last_hour_used_of_each_band(as_json: bool) -> None:
    load = BandLoad("869.4 to 869.65 MHz", 869_400_000, 869_650_000, 360_000_000, 1_500_000, True)
    message = sent(v4(json=as_json).report(report(loads=(load,))))
    told = theirs(message.payload, gw_pb2.GatewayStats, as_json).duty_cycle_stats
    assert told.window.seconds == 3600
    (band,) = told.bands
    assert (band.name, band.frequency_min, band.frequency_max) == (load.name, 869400000, 869650000)
    assert band.load_max.ToMilliseconds() == 360_000
    assert band.load_tracked.ToMilliseconds() == 1_500


@FORMATS
def test_a_report_names_the_regulation_where_it_is_known(as_json: bool) -> None:
    for standard, regulation in ((ETSI, 1), ("", 0)):
        load = BandLoad("M", 868_000_000, 868_600_000, 36_000_000, 0, True, standard)
        message = sent(v4(json=as_json).report(report(loads=(load,))))
        told = theirs(message.payload, gw_pb2.GatewayStats, as_json).duty_cycle_stats
        assert told.regulation == regulation


@FORMATS
@pytest.mark.parametrize(("from_gps", "source"), [(True, 1), (False, 2)], ids=["GPS", "CONFIG"])
def test_a_position_says_where_it_is_from(as_json: bool, from_gps: bool, source: int) -> None:
    place = Position(47.5, 8.25, 400, from_gps)
    message = sent(v4(json=as_json).report(report(position=place)))
    assert theirs(message.payload, gw_pb2.GatewayStats, as_json).location.source == source


def test_a_report_without_a_trusted_clock_has_no_time() -> None:
    stats = gw_pb2.GatewayStats.FromString(sent(v4().report(report())).payload)
    assert not stats.HasField("duty_cycle_stats")
    assert not stats.HasField("time") and not stats.HasField("location")


def metadata(remote_config: bool, **told: str) -> dict[str, str]:
    message = sent(v4(remote_config=remote_config).report(report(metadata=told)))
    return dict(gw_pb2.GatewayStats.FromString(message.payload).metadata)


def test_the_key_that_asks_for_a_channel_plan_is_told_only_where_one_is_wanted() -> None:
    assert metadata(False, concentratord_version="x", config_version="y", a="b") == {"a": "b"}
    told = metadata(True, config_version="v7")
    assert told == {"concentratord_version": "edgemast", "config_version": "v7"}


def test_metadata_that_is_no_text_does_not_cost_the_report() -> None:
    assert metadata(False, a="\udc80") == {"a": "?"}


@pytest.mark.parametrize("refusal", Refusal)
def test_each_refusal_has_a_status_that_chirpstack_knows(refusal: Refusal) -> None:
    (item,) = ack([Refused(refusal)], False).items
    assert item.status not in (gw_pb2.IGNORED, gw_pb2.OK)


def ack(answers: list[Answer | None], as_json: bool, items: int | None = None) -> Any:
    nothing = Refused(Refusal.UNREADABLE)
    request = DownlinkRequest(
        key=(7_000_000_007 % (1 << 32)).to_bytes(4, "big"),
        items=(nothing,) * (len(answers) if items is None else items),
        reference=None,
    )
    message = sent(v4(json=as_json).answer(request, answers))
    assert message.topic == f"eu868/gateway/{EUI}/event/ack"
    found = theirs(message.payload, gw_pb2.DownlinkTxAck, as_json)
    assert (found.gateway_id, found.downlink_id) == (EUI, 7_000_000_007 % (1 << 32))
    return found


@FORMATS
def test_an_ack_has_one_word_for_each_item(as_json: bool) -> None:
    late = Refused(Refusal.TOO_LATE)
    found = ack([late, ACCEPTED, None], as_json)
    assert [item.status for item in found.items] == [gw_pb2.TOO_LATE, gw_pb2.OK, gw_pb2.IGNORED]
    assert len(ack([ACCEPTED], as_json, items=2).items) == 2


@FORMATS
@pytest.mark.parametrize(("when", "state"), [("will", 0), ("birth", 1), ("farewell", 0)])
def test_the_state_is_retained(when: str, state: int, as_json: bool) -> None:
    told: Any = getattr(v4(json=as_json), when)()
    message = told if when == "will" else told[0]
    assert message.topic == f"eu868/gateway/{EUI}/state/conn" and message.retain
    found = theirs(message.payload, gw_pb2.ConnState, as_json)
    assert (found.gateway_id, found.state) == (EUI, state)


def test_offline_is_printed_in_json_although_it_is_zero() -> None:
    will = sent(v4(json=True).will())
    assert json.loads(will.payload) == {"gatewayId": EUI, "state": "OFFLINE"}


def test_no_state_is_told_where_none_is_wanted() -> None:
    dialect = v4(state_topic="none")
    assert dialect.will() is None and not dialect.birth() and not dialect.farewell()


@FORMATS
def test_the_result_of_a_command_goes_to_exec(as_json: bool) -> None:
    message = sent(v4(json=as_json).exec_result(ExecResult(9, b"out", b"err", "exit 1")))
    assert message.topic == f"eu868/gateway/{EUI}/event/exec"
    found = theirs(message.payload, gw_pb2.GatewayCommandExecResponse, as_json)
    assert (found.gateway_id, found.exec_id) == (EUI, 9)
    assert (found.stdout, found.stderr, found.error) == (b"out", b"err", "exit 1")


@FORMATS
def test_what_the_program_for_raw_commands_says_goes_to_raw(as_json: bool) -> None:
    message = sent(v4(json=as_json).raw_result(RawRequest(b"asked"), b"said"))
    assert message.topic == f"eu868/gateway/{EUI}/event/raw"
    found = theirs(message.payload, gw_pb2.RawPacketForwarderEvent, as_json)
    assert (found.gateway_id, found.payload) == (EUI, b"said")


@given(
    st.builds(
        uplink,
        st.binary(min_size=1, max_size=255),
        counter_us=st.integers(0, 1 << 60),
        freq_hz=st.integers(1, 4_000_000_000),
        if_chain=st.integers(0, 9),
        rssi_channel_dbm=st.floats(-200, 50),
        rssi_signal_dbm=st.none() | st.floats(-200, 50),
        snr_db=st.none() | st.floats(-64, 64, width=32),
        fine_time_ns=st.none() | st.integers(0, 999_999_999),
    ),
    st.booleans(),
)
def test_whatever_is_heard_is_told_alike_in_both_encodings(heard: Uplink, late: bool) -> None:
    assert up(heard, late=late) == up(heard, late=late, as_json=True)
