"""What may come from a network server, a file or a user of the command line.

Each target takes a fuzzer's bytes and asserts what must hold for any of them. An exception that is
not documented for the call is a finding.
"""

from __future__ import annotations

import io
import json
import math
import tomllib
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

from forwarder.__main__ import main
from forwarder.commands.frame import frame_bytes
from forwarder.config import GatewayConfig, loads
from forwarder.config.convert import to_toml
from forwarder.config.show import lines as shown_lines
from forwarder.errors import ConfigError
from forwarder.links.semtech_udp import txpk
from forwarder.links.semtech_udp.acks import MOST
from forwarder.links.semtech_udp.profiles import PROFILES, TX_ACK_ERROR, tx_ack_text
from forwarder.links.semtech_udp.session import ANSWERS_KEPT, DownlinkRequested, Session
from forwarder.links.semtech_udp.wire import Datagram, ProtocolError
from forwarder.lorawan.explain import ExplainKeys, explain
from forwarder.lorawan.explain_join import JoinFacts
from forwarder.lorawan.frame import FrameError
from forwarder.lorawan.frame import parse as parse_frame
from forwarder.packets import Accepted, Answer, Downlink, Refusal, Refused
from forwarder.scheduling.downlinks import Scheduler
from forwarder.sim import placing, recording, scenario
from forwarder.sim.recording import Reception
from forwarder.sim.replay import Replay
from hal.errors import TxRefused
from hal.frames import AtCounter
from hal.sx1302.tx_program import program
from tests.forwarder.semtech_makers import ACCEPTED, GATEWAY, settings
from tests.forwarder.semtech_makers import txpk as a_txpk
from tests.hal.configs import EU868
from tests.semtech import semtech_json

from .inputs import Taker, as_json, mutated, mutated_lines

ROOT = Path(__file__).parent.parent.parent
MESSAGE = 2000  # characters; more than that no operator reads
MINUTE_US = 60_000_000
WORDS = {*TX_ACK_ERROR.values()} | {
    word for profile in PROFILES.values() for word in profile.words.values()
}


# Downlinks.


def fuzz_pull_resp(data: bytes) -> None:
    """Any body of a PULL_RESP, from the JSON to the registers: one answer in standard words."""
    take = Taker(data)
    raw = take.byte() & 1
    check_pull_resp(take.rest() if raw else as_json({"txpk": mutated(a_txpk(), take)}))


def check_pull_resp(body: bytes) -> None:
    found = txpk.read(body, link="here", token=1)
    if isinstance(found, Refused):
        assert found.reason is Refusal.UNREADABLE and 0 < len(found.detail) < MESSAGE
        return
    assert 1 <= len(found.payload) <= 255 and 0 <= found.freq_hz < 4_000_000_000
    now_us = 3_513_000_000 if found.freq_hz & 1 else (7 << 32) + 5
    scheduler = Scheduler(EU868, antenna_gain_db=2.0)
    answer = scheduler.schedule(found, now_us)
    for profile in PROFILES.values():
        check_ack(tx_ack_text(answer, profile))
    if isinstance(answer, Accepted):
        check_programming(scheduler, found, answer.start_us, now_us)


def check_ack(text: str) -> None:
    if text:
        told = json.loads(text)["txpk_ack"]
        assert told.get("error", "NONE") in WORDS and set(told) <= {"error", "warn", "value"}


def check_programming(scheduler: Scheduler, downlink: Downlink, start_us: int, now_us: int) -> None:
    """What was accepted comes out when it is due, and is something that the chip can be told."""
    assert start_us - now_us < 15 * MINUTE_US
    due_us = scheduler.next_us()
    assert due_us is not None and due_us <= start_us
    ((_, frame),) = scheduler.due(max(due_us, now_us))
    assert frame.payload == downlink.payload and frame.power_dbm <= (downlink.power_dbm or 0.0)
    ticks = 32 * start_us % (1 << 32) if isinstance(frame.start, AtCounter) else None
    with suppress(TxRefused):
        sent = program(frame, EU868, start_ticks=ticks)
        assert sent.airtime_us > 0


def fuzz_session(data: bytes) -> None:
    """Any datagrams at any times: each PULL_RESP has one TX_ACK, and nothing grows."""
    take = Taker(data)
    chosen = settings(profile=take.of(("generic", "chirpstack", "tts", "helium")))
    session, now = Session(chosen, take.word()), 0.0
    session.start(now)
    for _ in range(500):
        if not take.left:
            break
        step = take.byte()
        now += (step >> 2) / 8
        match step & 3:
            case 0:
                session.unsent(session.push("{}", now))
            case 1:
                for _ in range(step):
                    session.push("{}", now)
            case 2:
                session.tick(now)
                session.datagrams()
            case _:
                datagram = take.block()
                if take.byte() & 1:
                    datagram = b"\2" + datagram[:2].ljust(2, b"\0") + b"\3" + a_body(take)
                check_receive(session, datagram, now, take)
        check_bounds(session)


ANSWERS: tuple[Answer, ...] = (ACCEPTED, *(Refused(reason) for reason in Refusal))


def a_body(take: Taker) -> bytes:
    return as_json({"txpk": mutated(a_txpk(), take, most=2)})


def check_receive(session: Session, datagram: bytes, now: float, take: Taker) -> None:
    is_request = len(datagram) >= 4 and datagram[0] in (1, 2) and datagram[3] == 3
    try:
        session.receive(datagram, now)
    except ProtocolError as error:
        assert not is_request and 0 < len(str(error)) < MESSAGE
    answer = take.of(ANSWERS)
    for event in session.events():
        if isinstance(event, DownlinkRequested):
            session.answer(event, answer, now)
    acks = [Datagram.decode(sent) for sent in session.datagrams()]
    assert len(acks) == is_request, "a PULL_RESP has exactly one answer"
    for ack in acks:
        assert (ack.kind, ack.gateway) == (5, GATEWAY)
        assert ack.token == int.from_bytes(datagram[1:3], "big")
        check_ack(ack.body.decode())


def check_bounds(session: Session) -> None:
    session.events()
    assert session.pushes.waiting <= MOST + 1 and session.pulls.waiting <= MOST + 1
    assert len(session._answers) <= ANSWERS_KEPT
    for table in (session.pushes, session.pulls):
        assert table.acknowledged + table.lost + table.waiting == table.sent
    assert session.next_tick() > 0 or session.next_tick() == 0


# Configuration files.


def _semtech_base() -> dict[str, Any]:
    base = semtech_json(EU868, "/dev/ttyACM0", 1700)
    base["gateway_conf"] |= {
        "servers": [{"server_address": "a", "serv_port_up": 1, "serv_enabled": True}],
        "gps_tty_path": "/dev/ttyS0", "ref_latitude": 1.5, "fake_gps": True, "beacon_period": 128,
        "beacon_freq_hz": 869_525_000, "autoquit_threshold": 5,
    }  # fmt: skip
    base["SX130x_conf"]["sx1261_conf"] = {
        "spi_path": "/dev/spidev0.1", "rssi_offset": 0,
        "lbt": {"enable": True, "rssi_target": -70, "channels": [
            {"freq_hz": 867_100_000, "bandwidth": 125_000, "scan_time_us": 128,
             "transmit_time_ms": 400}]},
    }  # fmt: skip
    return base


SEMTECH = _semtech_base()
TOML = (ROOT / "config" / "gateway.toml").read_text(encoding="utf-8")
SMALL_TOML = (ROOT / "config" / "examples" / "two-servers.toml").read_text(encoding="utf-8")
SCENARIO = (
    (ROOT / "config" / "scenarios" / "street.toml").read_text(encoding="utf-8")
    + """
[[fault]]
what = "interferer"
at = "10m"
for = "1h30m"
freq = 868.1e6
duty = 0.5
"""
)


def fuzz_config_json(data: bytes) -> None:
    """Any text as a Semtech file, raw and mutated: a configuration, or one line that says why."""
    take = Taker(data)
    if take.byte() & 1:
        check_config(take.rest().decode("utf-8", "replace"), "global_conf.json")
    else:
        check_config(json.dumps(mutated(SEMTECH, take)), "global_conf.json")


def fuzz_config_toml(data: bytes) -> None:
    """Any text as our TOML, raw and mutated: a configuration, or one line that says why."""
    take = Taker(data)
    if (choice := take.byte() % 3) == 0:
        check_config(take.rest().decode("utf-8", "replace"), "gateway.toml")
    else:
        check_config(mutated_lines(SMALL_TOML if choice == 1 else TOML, take), "gateway.toml")


def check_config(text: str, name: str) -> None:
    try:
        config = loads(text, name)
    except ConfigError as error:
        check_message(error)
        return
    for line in (*shown_lines(config), *config.warnings):
        assert isinstance(line, str)
    assert config.servers_for("0016c001f1500812") is not None
    check_conversion(config)


def check_message(error: ConfigError) -> None:
    text = str(error)
    assert 0 < len(text) < MESSAGE and "\n" not in text, text[:200]


def check_conversion(config: GatewayConfig) -> None:
    """What `config convert` writes is TOML that loads to the same."""
    text = to_toml(config)
    tomllib.loads(text)
    again = loads(text, "gateway.toml")
    assert again.concentrator == config.concentrator
    assert (again.servers, again.radio_uri) == (config.servers, config.radio_uri)


def fuzz_scenario(data: bytes) -> None:
    """Any text as a scenario for the simulated world."""
    take = Taker(data)
    raw = take.byte() & 1
    text = take.rest().decode("utf-8", "replace") if raw else mutated_lines(SCENARIO, take)
    try:
        found = scenario.read(text)
        if sum(group.count for group in found.devices) <= 200:
            placing.devices_of(found)
    except ConfigError as error:
        check_message(error)


# Recordings.


RXPK = {
    "jver": 1, "tmst": 999542, "time": "2020-01-01T00:00:00.000000Z", "chan": 1, "rfch": 1,
    "freq": 868.3, "mid": 1, "stat": 1, "modu": "LORA", "datr": "SF7BW125", "codr": "4/5",
    "rssis": -114, "lsnr": 0.0, "foff": -293, "rssi": -114, "size": 10, "data": "MDEyMzQ1Njc4OQ==",
}  # fmt: skip
HOTSPOT = {
    "raw_packet": "MDEyMzQ1Njc4OQ==",
    "hotspots": [
        {"name": "a-b-c", "id": "1", "reported_at": 1600000000000, "frequency": 868.1,
         "spreading": "SF12BW125", "rssi": -110, "snr": -5.5}
    ],
}  # fmt: skip
LINES: tuple[Any, ...] = ({"rxpk": [RXPK]}, {"rxpk": [RXPK, RXPK]}, HOTSPOT)


def fuzz_replay(data: bytes) -> None:
    """Any file of receptions: what is read is played, what is not is told."""
    take, lines = Taker(data), list[bytes]()
    while take.left and len(lines) < 8:
        raw = take.byte() & 1
        lines.append(take.block() if raw else as_json(mutated(take.of(LINES), take, most=2)))
    items = list(recording.parse(b"\n".join(lines)))
    receptions = [item for item in items if isinstance(item, Reception)]
    for item in items:
        if isinstance(item, Reception):
            check_reception(item)
        else:
            assert item.line > 0 and 0 < len(item.why) < MESSAGE
    play(receptions[:8])


def check_reception(reception: Reception) -> None:
    assert len(reception.payload) <= 255
    assert len(bytes.fromhex(reception.gateway)) == 8
    assert math.isfinite(reception.rssi_dbm) and math.isfinite(reception.snr_db)


def play(receptions: list[Reception]) -> None:
    try:
        replay = Replay(receptions)
    except ConfigError as error:
        assert 0 < len(str(error)) < MESSAGE
        return
    heard = sum(len(look.frames) for look in replay.run())
    replay.close()
    assert heard <= len(receptions)


# LoRaWAN frames.


KEY = bytes(range(16))
KEY_SETS = (
    ExplainKeys(),
    ExplainKeys(nwk_s=KEY, app_s=KEY, fcnt=1 << 20),
    ExplainKeys(f_nwk_s_int=KEY, s_nwk_s_int=KEY, nwk_s_enc=KEY, app_s=KEY),
    ExplainKeys(join=JoinFacts(app_key=KEY, dev_nonce=1, join_eui=1, dev_eui=1)),
    ExplainKeys(
        join=JoinFacts(nwk_key=KEY, app_key=KEY, dev_nonce=1, join_eui=1, dev_eui=1, request=0xFF),
        show_derived=True,
    ),
)


def fuzz_frame(data: bytes) -> None:
    """Any bytes as a PHYPayload, and any text as the argument of `edgemast frame`."""
    frame = data[:255]
    try:
        assert parse_frame(frame).encode() == frame
    except FrameError as error:
        assert 0 < len(str(error)) < MESSAGE
    for keys in KEY_SETS:
        with suppress(FrameError):
            story = explain(frame, keys)
            json.dumps(story.json, allow_nan=False)
            assert all(line.isprintable() and len(line) < MESSAGE for line in story.lines())
            if not keys.show_derived:
                assert KEY.hex() not in json.dumps(story.json)
    text = data.decode("utf-8", "replace")
    with suppress(ConfigError):
        assert 1 <= len(frame_bytes(text)) <= 255
    check_command(Taker(data))


OPTIONS = (
    "--json", "--nwkskey", "--appskey", "--fnwksintkey", "--snwksintkey", "--nwksenckey",
    "--appkey", "--nwkkey", "--jsintkey", "--jsenckey", "--fcnt", "--conf-fcnt", "--tx-dr",
    "--tx-ch", "--join-request", "--join-eui", "--dev-eui", "--dev-nonce", "--join-req-type",
    "--show-derived-keys",
)  # fmt: skip
WORDS_OF_USERS = (
    KEY.hex(),
    "0",
    "255",
    "65536",
    "4294967296",
    "-1",
    "1e3",
    "",
    "00" * 8,
    "ff",
    "٣",
)


def check_command(take: Taker) -> None:
    """`edgemast frame` with any options: it explains, or says in one line what is wrong."""
    words = ["frame"]
    for _ in range(take.byte() % 6):
        words.append(take.of(OPTIONS))
        if words[-1] not in ("--json", "--show-derived-keys"):
            raw = take.byte() & 3 == 0
            words[-1] += "=" + (take.block().decode("latin-1") if raw else take.of(WORDS_OF_USERS))
    words += ["--", take.rest()[:300].hex()]
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(words)
    assert code == 0 or (code == 2 and err.getvalue().startswith("edgemast: "))
    assert (code == 0) == bool(out.getvalue()) and len(err.getvalue()) < MESSAGE
