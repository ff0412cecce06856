"""What a network may change in a simulated device, and the answers it gets (TS001-1.0.4, 5)."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.lorawan import mac_commands
from forwarder.lorawan.frame import DataFrame, parse
from forwarder.lorawan.keys import SessionKeys
from forwarder.lorawan.region import REGIONS
from forwarder.sim.device import Device
from forwarder.sim.device_spec import DeviceSpec, Payload, Traffic
from forwarder.sim.mac_state import MacState

S = 1_000_000_000
SESSION = SessionKeys.of_1_0(bytes(16), bytes(16))
SPEC = DeviceSpec(
    "d", 0x02AA, 0x02BB, bytes(16), REGIONS["EU868"], session=SESSION, dr=5,
    traffic=Traffic(every_s=60),
)  # fmt: skip
SUB_BAND_2 = frozenset({*range(8, 16), 65})


def told(mac: MacState, commands: str) -> str:
    """The answers to a downlink's MAC commands, as one hexadecimal text."""
    parsed = mac_commands.parse(bytes.fromhex(commands), uplink=False)
    return b"".join(mac.answers(parsed, 7.0)).hex()


def us915() -> MacState:
    return MacState(REGIONS["US915"], SUB_BAND_2)


def test_adjacent_link_adr_requests_are_one_block() -> None:
    mac = us915()
    # All 125 kHz channels off, 500 kHz channel 65 on; then channels 24 to 31, DR2, power 5.
    assert told(mac, "03f0020071" + "032500ff11") == "03070307"
    assert mac.enabled == {*range(24, 32), 65}
    assert (mac.data_rate, mac.power_index) == (2, 5)


def test_a_block_is_refused_whole() -> None:
    mac = MacState(REGIONS["EU868"])
    before = set(mac.enabled)
    assert told(mac, "0350010001" + "0330ff0001") == "03040304"  # channels 3 to 7 do not exist
    assert (mac.enabled, mac.data_rate) == (before, 5)


def test_another_command_between_two_link_adr_requests_ends_the_block() -> None:
    mac = MacState(REGIONS["EU868"])
    assert told(mac, "0330010001" + "06" + "0340ff0001") == "0307" + "060007" + "0304"
    assert (mac.enabled, mac.data_rate) == ({0}, 3)


def test_us915_masks_switch_banks_and_wide_channels() -> None:
    mac = us915()
    assert told(mac, "03f0010061") == "0307"
    assert mac.enabled == {*range(64), 64}
    assert told(mac, "03f0020051") == "0307"  # bank 1 and the wide channel beside it
    assert mac.enabled == SUB_BAND_2
    assert told(mac, "03f0000041") == "0307"
    assert mac.enabled == {*range(8, 16)}


def test_cn470_has_six_blocks_and_no_wide_channels() -> None:
    mac = MacState(REGIONS["CN470"], frozenset(range(8)))
    assert told(mac, "03f0ff0051") == "0307"
    assert mac.enabled == {*range(8), *range(80, 88)}
    assert told(mac, "03f0000061") == "0307" and mac.enabled == set(range(96))
    assert told(mac, "03f0ff0071") == "0304" and mac.enabled == set(range(96))


@pytest.mark.parametrize(("name", "most"), [("EU868", 7), ("US915", 14), ("IN865", 10)])
def test_power_goes_down_to_the_last_index_of_the_region(name: str, most: int) -> None:
    mac = MacState(REGIONS[name])
    rest = "010001"
    assert told(mac, f"03f{most:x}" + rest) == "0307"
    assert mac.power_index == most
    if most < 14:
        assert told(mac, f"03f{most + 1:x}" + rest) == "0303"
        assert mac.power_index == most


def test_the_duty_cycle_that_the_network_sets_is_kept() -> None:
    device = Device(replace(SPEC, traffic=Traffic(every_s=1)), random.Random(1))
    assert told(device.mac, "040a") == "04"
    starts, air_ns = [], 100_000_000
    for _ in range(3):
        at_ns = device.next_ns
        assert at_ns is not None
        assert device.wake(at_ns) is not None
        starts.append(at_ns)
        run_out(device, at_ns + air_ns)
    assert starts[1] - starts[0] >= 1024 * air_ns <= starts[2] - starts[1]


@pytest.mark.parametrize(("region", "answer"), [("AS923-1", "09"), ("AU915", "09"), ("EU868", "")])
def test_tx_param_setup_is_answered_only_where_it_exists(region: str, answer: str) -> None:
    assert told(MacState(REGIONS[region]), "0915") == answer


def test_new_channels_exist_only_where_channels_are_free() -> None:
    mac = MacState(REGIONS["EU868"])
    assert told(mac, "0703184f8450") == "0703"  # index 3, 867.1 MHz, DR0 to DR5
    assert mac.channels[3].freq_hz == 867_100_000 and 3 in mac.enabled
    assert told(mac, "0700184f8450") == "0702"  # a default channel
    assert told(us915(), "0703184f8450") == ""


@given(st.binary(max_size=40), st.sampled_from(sorted(REGIONS)))
def test_any_commands_leave_a_device_that_can_send(commands: bytes, region: str) -> None:
    mac = MacState(REGIONS[region])
    mac.answers(mac_commands.parse(commands, uplink=False), 0.0)
    assert mac.enabled and mac.enabled <= set(mac.channels)
    assert mac.rx2()[1] in REGIONS[region].data_rates.values()
    assert mac.nb_trans >= 1 and 0 < mac.max_duty <= 1


# The back-off of a device with ADR, in frames since the last downlink.


def run_out(device: Device, end_ns: int) -> None:
    """Both windows, silent."""
    window = device.tx_done(end_ns)
    following = device.window_done(None, window.to_ns)
    assert following is not None
    device.window_done(None, following.to_ns)


def sent(device: Device) -> tuple[DataFrame, int]:
    """The next frame and its data rate; nobody answers."""
    at_ns = device.next_ns
    assert at_ns is not None
    send = device.wake(at_ns)
    assert send is not None
    run_out(device, at_ns + 50_000_000)
    frame = parse(send.payload)
    assert isinstance(frame, DataFrame)
    return frame, device.mac.data_rate


def test_adr_asks_after_64_frames_and_backs_off_from_96() -> None:
    device = Device(replace(SPEC, adr=True), random.Random(1))
    told(device.mac, "0352010003")  # DR5, power 2, channel 0 only, three times each
    device.mac.nb_trans = 1
    frames = [sent(device) for _ in range(96 + 32 * 7)]
    assert [frame.adr_ack_req for frame, _ in frames[:66]] == [False] * 64 + [True] * 2
    assert [rate for _, rate in frames[64::32]] == [5, 5, 4, 3, 2, 1, 0, 0]
    assert device.mac.power_index == 0
    assert device.mac.enabled == {0, 1, 2}


def test_a_repeated_frame_stays_at_a_data_rate_that_carries_it() -> None:
    long = replace(SPEC, confirmed=1.0, payload=Payload(size=200))
    device = Device(long, random.Random(1))
    rates = [sent(device)[1] for _ in range(8)]
    assert rates[0] == 5 and rates[-1] == 4  # DR3 carries 115 bytes
