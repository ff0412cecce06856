"""What a simulated EU868 1.0 device does not show: 1.1, other regions, class C, ADR, MAC answers."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.edge.keks import KeyRing, SoftKek, SourceKeys
from forwarder.edge.session import Device as Enrolled
from forwarder.edge.sources.js_answers import joined_news
from forwarder.edge.sources.ts002 import Header as Ts002Header
from forwarder.edge.sources.ts002 import JoinAns, JoinReq, encode
from forwarder.edge.sources.ts002 import parse as parse_ts002
from forwarder.edge.standalone.core import StandaloneCore
from forwarder.edge.standalone.settings import Adr, StandaloneSettings
from forwarder.edge.standalone.values import JoinAsk, State
from forwarder.edge.standalone.windows import channels
from forwarder.edge.values import LocalDownlink, RadioFacts, Record
from forwarder.edge.vault import KekVault
from forwarder.lorawan import crypto, keys, mac_commands
from forwarder.lorawan.frame import DataFrame, Header, JoinAccept, JoinRequest, MType, parse
from forwarder.lorawan.region import REGIONS, cf_list_masks
from forwarder.packets import (
    Accepted,
    Answer,
    AsSoonAsPossible,
    AtTmst,
    Downlink,
    Refusal,
    Refused,
)
from forwarder.sim.join_server import JoinServer, Kek, Peers, Roots
from hal.modulation import Fsk, LoRa

DEV_EUI, JOIN_EUI = 0x70B3D57ED2000001, 0x70B3D57ED0000001
EUI, NET_ID = f"{DEV_EUI:016x}", "000013"
APP_KEY, NWK_KEY, KEK = b"a" * 16, b"n" * 16, b"k" * 16
WALL_NS = 1_790_000_000_000_000_000


def radio(tmst: int = 1_000_000, freq_hz: int = 868_100_000, datarate: str = "SF7BW125",
          snr_db: float = 5.0) -> RadioFacts:  # fmt: skip
    return RadioFacts(tmst, freq_hz, datarate, "4/5", -80, snr_db, 0, 0)


@dataclass
class Bench:
    """A device by hand in front of the core. `refuse` is what the scheduler will not have."""

    region: str = "EU868"
    lorawan_1_1: bool = False
    settings: StandaloneSettings = field(default_factory=lambda: StandaloneSettings(net_id=NET_ID))
    refuse: int = 0
    freq_hz: int = 868_100_000
    sent: list[Downlink] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    tmst: int = 1_000_000
    now_s: float = 0.0
    fcnt: int = 0

    def __post_init__(self) -> None:
        ring = KeyRing([SoftKek("ns", KEK)])
        self.core = StandaloneCore(
            self.settings,
            REGIONS[self.region],
            {EUI: Enrolled(EUI, "one", lorawan_1_1=self.lorawan_1_1)},
            KekVault(ring, {"js": SourceKeys()}),
            self._schedule,
            random.Random(1).randrange,
        )
        self.core.restore([], [])
        peers = Peers({NET_ID: Kek("ns", KEK)}, {"as": Kek("ns", KEK)}, home_as="as")
        roots = Roots(DEV_EUI, JOIN_EUI, APP_KEY, NWK_KEY if self.lorawan_1_1 else None)
        self.js = JoinServer([roots], peers, random.Random(2).randbytes)

    def hear(self, raw: bytes, facts: RadioFacts | None = None, gps_ns: int | None = None) -> None:
        self.tmst += 10_000_000
        self.now_s += 10.0
        facts = radio(freq_hz=self.freq_hz) if facts is None else facts
        facts = msgspec.structs.replace(facts, tmst=self.tmst)
        self.core.uplink(raw, facts, time_ns=WALL_NS, now_s=self.now_s, gps_ns=gps_ns)
        self.settle()

    def settle(self, *, stored: bool = True) -> None:
        while (batch := self.core.take()) is not None:
            self.records += self.core.done(batch, stored=stored, now_s=self.now_s)

    def request(self, nonce: int = 1) -> bytes:
        body = JoinRequest(Header(MType.JOIN_REQUEST), JOIN_EUI, DEV_EUI, nonce).body()
        return body + crypto.cmac4(NWK_KEY if self.lorawan_1_1 else APP_KEY, body)

    def join(self, nonce: int = 1) -> JoinAccept:
        self.hear(self.request(nonce))
        (ask,) = self.core.take_asks()
        assert isinstance(ask, JoinAsk)
        request = JoinReq(
            Ts002Header(NET_ID, ask.join_eui, nonce),
            ask.mac_version,
            ask.phy_payload,
            ask.dev_eui,
            ask.dev_addr,
            ask.dl_settings,
            ask.rx_delay,
            ask.cf_list,
        )
        answer = parse_ts002(self.js.answer(encode(request)).body)
        assert isinstance(answer, JoinAns)
        news = joined_news("js", ask.join_eui, request, answer)
        self.core.join_granted(
            ask.number, answer.phy_payload, news, now_s=self.now_s + 1, wall_s=WALL_NS / 1e9
        )
        self.settle()
        root = NWK_KEY if self.lorawan_1_1 else APP_KEY
        clear, _ = crypto.open_join_accept(root, self.sent[-1].payload[1:])
        self.accept = JoinAccept.parse(clear)
        net_id, join_nonce = self.accept.net_id, self.accept.join_nonce
        self.keys = (
            keys.session_1_1(NWK_KEY, APP_KEY, join_nonce, JOIN_EUI, nonce)
            if self.lorawan_1_1
            else keys.session_1_0(APP_KEY, join_nonce, net_id, nonce)
        )
        self.fcnt = 0
        return self.accept

    def frame(self, *, confirmed: bool = False, commands: bytes = b"", ack: bool = False,
              adr: bool = False, asks: bool = False, conf: int = 0, dr: int = 5,
              channel: int = 0, payload: bytes = b"hi") -> bytes:  # fmt: skip
        """The device's next frame."""
        address, fcnt, ks = self.accept.dev_addr, self.fcnt, self.keys
        self.fcnt += 1
        if self.lorawan_1_1:
            commands = crypto.crypt_fopts(ks.nwk_s_enc, crypto.UP, address, fcnt, commands)
        frame = DataFrame(
            Header(MType.CONFIRMED_UP if confirmed else MType.UNCONFIRMED_UP),
            address,
            fcnt & 0xFFFF,
            adr=adr,
            adr_ack_req=asks,
            ack=ack,
            fopts=commands,
            fport=2,
            payload=crypto.crypt_payload(ks.app_s, crypto.UP, address, fcnt, payload),
        )
        body = frame.body()
        if not self.lorawan_1_1:
            return body + crypto.data_mic(ks.f_nwk_s_int, body, crypto.UP, address, fcnt)
        return body + crypto.uplink_mic_1_1(
            ks.f_nwk_s_int,
            ks.s_nwk_s_int,
            body,
            address,
            fcnt,
            conf_fcnt=conf,
            tx_dr=dr,
            tx_ch=channel,
        )

    def read(self, downlink: Downlink, fcnt: int, *, acked: int = 0) -> tuple[DataFrame, bytes]:
        """A downlink as the device reads it: frame with clear FOpts, and payload."""
        frame = parse(downlink.payload)
        assert isinstance(frame, DataFrame) and frame.fcnt == fcnt & 0xFFFF
        ks, address = self.keys, self.accept.dev_addr
        conf = acked if self.lorawan_1_1 and frame.ack else 0
        mic = crypto.data_mic(
            ks.s_nwk_s_int, frame.body(), crypto.DOWN, address, fcnt, conf_fcnt=conf
        )
        crypto.check(mic, frame.mic)
        clear = crypto.crypt_payload(ks.app_s, crypto.DOWN, address, fcnt, frame.payload)
        if self.lorawan_1_1:
            fopts = crypto.crypt_fopts(
                ks.nwk_s_enc, crypto.DOWN, address, fcnt, frame.fopts, application=bool(frame.fport)
            )
            frame = replace(frame, fopts=fopts)
        return frame, clear

    def names(self, downlink: Downlink, fcnt: int) -> list[str]:
        frame, _ = self.read(downlink, fcnt)
        return [one.name for one in mac_commands.parse(frame.fopts, uplink=False)]

    def _schedule(self, downlink: Downlink) -> Answer:
        if self.refuse:
            self.refuse -= 1
            return Refused(Refusal.COLLISION_PACKET)
        self.sent.append(downlink)
        return Accepted(0, 14.0, adjusted=False, margin_us=1000)


def test_a_1_1_device_joins_is_acknowledged_and_has_two_downlink_counters() -> None:
    bench = Bench(lorawan_1_1=True)
    assert bench.join().opt_neg
    bench.hear(bench.frame(confirmed=True, commands=b"\x0b\x01"))
    frame, _ = bench.read(bench.sent[-1], 0, acked=0)
    assert frame.ack and frame.fopts == b"\x0b\x01"
    bench.hear(bench.frame(confirmed=True))
    bench.read(bench.sent[-1], 1, acked=1)
    bench.core.enqueue(LocalDownlink(EUI, 3, b"open", confirmed=True), bench.now_s)
    bench.hear(bench.frame(commands=b"\x02"))
    frame, clear = bench.read(bench.sent[-1], 0)
    assert (clear, frame.header.mtype) == (b"open", MType.CONFIRMED_DOWN)
    assert frame.fopts[:1] == b"\x02"
    bench.hear(bench.frame(ack=True, conf=0))
    assert [one.state for one in bench.core.take_states()][-1] is State.ACKNOWLEDGED
    assert [record.fcnt for record in bench.records] == [0, 1, 2, 3]
    assert {record.payload for record in bench.records} == {b"hi"}


def test_half_a_1_1_mic_is_not_enough_for_who_is_the_network_server() -> None:
    bench = Bench(lorawan_1_1=True)
    bench.join()
    bench.hear(bench.frame(dr=4))  # as if sent at another data rate: only two bytes fit
    assert bench.records == [] and bench.core.counters["bad MIC"] == 1


@pytest.mark.parametrize("region", REGIONS)
def test_windows_and_lists_of_channels_are_those_of_the_region(region: str) -> None:
    facts = REGIONS[region]
    sub_band = 2 if facts.fixed_channels else 0
    settings = StandaloneSettings(net_id=NET_ID, sub_band=sub_band, rx1_dr_offset=1)
    number = 8 if sub_band else 0
    channel = facts.channels[number]
    bench = Bench(region, settings=settings, freq_hz=channel.freq_hz)
    dr = channel.max_dr if facts.data_rates[channel.max_dr].sf else channel.max_dr - 1
    rate = facts.data_rates[dr]
    heard = radio(freq_hz=channel.freq_hz, datarate=f"SF{rate.sf}BW{rate.bw_hz // 1000}")
    accept = bench.join()
    assert accept.rx2_dr == facts.rx2_dr and accept.rx1_dr_offset == 1
    plan = channels(facts, accept.cf_list)
    if sub_band:
        masks = cf_list_masks(accept.cf_list)
        assert masks is not None and masks[0] == 0xFF00
        assert [i for i in plan if i < len(facts.channels) // 16 * 16] == list(range(8, 16))
    bench.refuse = 1
    bench.hear(bench.frame(confirmed=True), heard)
    rx2 = bench.sent[-1]
    assert rx2.when == AtTmst(bench.tmst + 2_000_000) and rx2.freq_hz == facts.rx2_freq_hz
    bench.hear(bench.frame(confirmed=True), heard)
    rx1, down = bench.sent[-1], facts.data_rates[facts.rx1_dr(dr, 1)]
    assert rx1.when == AtTmst(bench.tmst + 1_000_000) and rx1.freq_hz == channel.downlink_freq_hz
    assert isinstance(rx1.modulation, LoRa)
    assert (rx1.modulation.sf, rx1.modulation.bw_hz) == (down.sf, down.bw_hz)


def test_an_fsk_uplink_is_answered_in_fsk() -> None:
    bench = Bench()
    bench.join()
    bench.hear(bench.frame(confirmed=True), radio(freq_hz=868_800_000, datarate="50000"))
    assert bench.sent[-1].modulation == Fsk(50_000, 25_000)


def test_link_check_and_device_time_are_answered_and_no_time_where_nobody_knows_it() -> None:
    bench = Bench()
    bench.join()
    bench.hear(bench.frame(commands=b"\x02\x0d"), gps_ns=1_400_000_000_500_000_000)
    frame, _ = bench.read(bench.sent[-1], 0)
    link, when = mac_commands.parse(frame.fopts, uplink=False)
    assert link.fields == {"margin_db": 12, "gateways": 1}
    assert when.fields == {"gps_s": 1_400_000_000, "fraction_256": 128}
    bench.hear(bench.frame(commands=b"\x02\x0d"))
    assert bench.names(bench.sent[-1], 1) == ["LinkCheckAns"]


def test_adr_ack_req_is_answered_by_a_sign_of_life_also_with_adr_off() -> None:
    bench = Bench()
    bench.join()
    bench.hear(bench.frame(adr=True))
    before = len(bench.sent)
    bench.hear(bench.frame(adr=True, asks=True))
    assert len(bench.sent) == before + 1
    assert bench.names(bench.sent[-1], 0) == []


def test_simple_adr_makes_a_near_device_faster_and_stops_when_it_refuses() -> None:
    bench = Bench(settings=StandaloneSettings(net_id=NET_ID, adr=Adr.SIMPLE))
    bench.join()
    slow = radio(datarate="SF12BW125", snr_db=8.0)
    for _ in range(20):
        bench.hear(bench.frame(adr=True), slow)
    frame, _ = bench.read(bench.sent[-1], 0)
    (asked,) = mac_commands.parse(frame.fopts, uplink=False)
    assert asked.fields["data_rate"] == 5 and asked.fields["ch_mask"] == 0b111
    before = len(bench.sent)
    bench.hear(bench.frame(adr=True, commands=b"\x03\x05"), slow)
    for _ in range(25):
        bench.hear(bench.frame(adr=True), slow)
    assert len(bench.sent) == before


def test_a_class_c_device_gets_its_downlink_at_once_and_again_until_it_acknowledges() -> None:
    settings = StandaloneSettings(net_id=NET_ID, class_c=(EUI,), confirmed_tries=2)
    bench = Bench(settings=settings)
    bench.join()
    bench.hear(bench.frame())
    bench.core.enqueue(LocalDownlink(EUI, 7, b"on", confirmed=True), bench.now_s)
    assert isinstance(bench.sent[-1].when, AsSoonAsPossible)
    assert bench.sent[-1].freq_hz == 869_525_000
    assert bench.read(bench.sent[-1], 0)[1] == b"on"
    sent = len(bench.sent)
    for _ in range(4):
        bench.now_s += 31.0
        bench.core.tick(bench.now_s, WALL_NS / 1e9)
    assert len(bench.sent) == sent + 1
    assert bench.read(bench.sent[-1], 1)[1] == b"on"
    assert bench.core.take_states()[-1].why == "not acknowledged in 2 tries"


def test_a_class_c_device_that_joins_again_is_left_alone_until_it_speaks() -> None:
    bench = Bench(settings=StandaloneSettings(net_id=NET_ID, class_c=(EUI,)))
    bench.join()
    bench.hear(bench.frame())
    bench.core.in_charge = False
    bench.hear(bench.request(2))  # a server may have answered that
    sent = len(bench.sent)
    bench.core.enqueue(LocalDownlink(EUI, 7, b"on"), bench.now_s)
    assert len(bench.sent) == sent


def test_a_session_ends_with_its_lifetime_and_its_downlinks_say_so() -> None:
    bench = Bench()
    bench.join()
    bench.hear(bench.frame())
    bench.core.enqueue(LocalDownlink(EUI, 7, b"on"), bench.now_s)
    bench.core.tick(bench.now_s, WALL_NS / 1e9 + 86_401)
    assert len(bench.core.sessions) == 0
    assert bench.core.take_states()[-1].why == "the session is over"
    batch = bench.core.take()
    assert batch is not None and len(batch.gone) == 1


def test_copies_of_one_transmission_are_taken_once() -> None:
    bench = Bench()
    bench.join()
    raw = bench.frame(confirmed=True)
    bench.hear(raw)
    sent = len(bench.sent)
    facts = radio(tmst=bench.tmst + 3, freq_hz=868_300_000)
    bench.core.uplink(raw, facts, time_ns=WALL_NS, now_s=bench.now_s)
    bench.settle()
    assert (len(bench.sent), len(bench.records)) == (sent, 1)


def test_repetitions_are_acknowledged_with_new_counters_and_not_for_ever() -> None:
    bench = Bench()
    bench.join()
    raw = bench.frame(confirmed=True)
    for _ in range(40):
        bench.hear(raw)
    counters = [int.from_bytes(one.payload[6:8], "little") for one in bench.sent[1:]]
    assert counters == list(range(16)) and len(bench.records) == 1


def test_forged_join_requests_neither_keep_a_device_out_nor_ask_without_bound() -> None:
    bench = Bench()
    for nonce in range(100):
        bench.hear(bench.request(1)[:-6] + nonce.to_bytes(2, "little") + b"fake")
    assert len(bench.core.take_asks()) < 60
    bench.now_s += 61
    bench.join(7)
    bench.hear(bench.frame())
    assert len(bench.records) == 1


@given(st.lists(st.tuples(st.integers(0, 70_000), st.booleans()), max_size=12))
def test_no_frame_is_published_twice_and_counters_only_grow(
    steps: list[tuple[int, bool]],
) -> None:
    bench = Bench()
    bench.join()
    heard: list[bytes] = []
    for gap, replay in steps:
        bench.fcnt += min(gap, 65_534)
        heard.append(bench.frame())
        bench.hear(heard[-1])
        if replay:
            for raw in heard:
                bench.hear(raw)
    published = [record.fcnt for record in bench.records]
    assert len(published) == len(steps)
    assert published == sorted(set(published), key=lambda one: one or 0)


@given(st.binary(max_size=40))
def test_no_bytes_from_the_air_raise(raw: bytes) -> None:
    bench = Bench()
    bench.join()
    bench.hear(raw)
    bench.hear(raw[:1] + bench.accept.dev_addr.to_bytes(4, "little") + raw[1:])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"net_id": "13"}, "6 hexadecimal"),
        ({"dev_addrs": "48000000/12"}, "outside NetID"),
        ({"dev_addrs": "00000000/31"}, "up to 28"),
        ({"rx_delay_s": 16}, "1 to 15"),
        ({"class_c": ("12",)}, "16 hexadecimal"),
        ({"channels_hz": (868_100_050,)}, "100 Hz"),
        ({"region": "EU999"}, "EU868"),
    ],
)
def test_settings_that_cannot_be_say_what_is_expected(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        StandaloneSettings(**wrong)


def test_addresses_follow_from_the_net_id() -> None:
    assert StandaloneSettings().addresses() == (0, 25)
    assert StandaloneSettings(net_id="000013").addresses() == (0x26000000, 25)
    assert StandaloneSettings(net_id="60002d").addresses() == (0xE05A0000, 17)
    assert StandaloneSettings(dev_addrs="01230000/16").addresses() == (0x01230000, 16)
