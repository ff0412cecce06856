"""What may come from a board, a bus, a firmware file or a user of the simulated board.

Each target takes a fuzzer's bytes and asserts what must hold for any of them. An exception that is
not documented for the call, or a clock that ran on, is a finding.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from forwarder.links.semtech_udp.rxpk import push_text, rxpk
from forwarder.packets import Uplink
from hal.clock import ManualClock
from hal.concentrator import Concentrator
from hal.counter import Counter
from hal.errors import FirmwareError, HalError, TransportError
from hal.frames import AtCounter, RxFrame, TxFrame
from hal.modulation import Fsk, LoRa
from hal.sim.board import SimBoard
from hal.sim.bridge import MOST_PAYLOAD, Bridge
from hal.sim.control import Control, Reply
from hal.sim.transmitting import Transmitter
from hal.sim.transport import SimTransport
from hal.sx1302.fine_time import PpsHistory
from hal.sx1302.firmware import LARGEST, parse_var
from hal.sx1302.reception import Decoder
from hal.sx1302.rx_record import SHORTEST, Damage, parse
from hal.transport import mcu
from hal.transport.base import Command, Modify, Op, Read, Target, Write
from hal.transport.trace import RecordingTransport, ReplayTransport
from tests.hal.configs import EU868, EU868_FINE

from .inputs import Taker, as_json, mutated

FIFO_SIZE = 4096
LONGEST_S = 30.0  # of simulated time that one call of the driver may take, a failed start included


# The RX buffer.


def fuzz_fifo(data: bytes) -> None:
    """Any contents of the FIFO: as they are, and once more with every sum and length right."""
    check_fifo(data[:FIFO_SIZE])
    check_fifo(sealed_records(data)[:FIFO_SIZE])


def check_fifo(buffer: bytes) -> None:
    items = list(parse(buffer))
    ends = [item.offset + item.size for item in items]
    assert [0, *ends[:-1]] == [item.offset for item in items] if items else not buffer
    assert not items or ends[-1] == len(buffer)
    assert all(item.size > 0 for item in items)
    assert not any(_both_skipped(a, b) for a, b in pairwise(items)), "one stretch told twice"
    for config, model in ((EU868, "SX1302"), (EU868_FINE, "SX1303")):
        frames, damage = Decoder(config, model=model).decode(buffer, _counter(), 25.0, _pps())
        assert len(frames) * SHORTEST + sum(one.size for one in damage) <= len(buffer)
        for frame in frames:
            check_frame(frame)


def check_frame(frame: RxFrame) -> None:
    """What goes up is JSON, whatever the chip said."""
    assert len(frame.payload) <= 255
    text = push_text((rxpk(Uplink(frame)),))
    (told,) = json.loads(text, parse_constant=_no_number)["rxpk"]
    assert told["size"] == len(frame.payload)
    assert told["tmst"] == frame.counter_us & 0xFFFFFFFF


def sealed_records(data: bytes) -> bytes:
    """Records whose length, metrics and sum are right, with everything else from `data`."""
    take, buffer = Taker(data), b""
    while take.left and len(buffer) < FIFO_SIZE:
        head = take.octets(7)
        payload = take.octets(head[0])
        tail = take.octets(13)
        body = b"\xa5\xc0" + head + payload + tail + take.octets(2 * tail[12])
        buffer += body + bytes([sum(body) & 0xFF])
    return buffer


def _both_skipped(first: object, second: object) -> bool:
    unframed = ("no sync word", "truncated", "checksum")
    return all(isinstance(one, Damage) and one.why in unframed for one in (first, second))


def _counter() -> Counter:
    counter = Counter()
    counter.update(1 << 31)
    return counter


def _pps() -> PpsHistory:
    pps = PpsHistory()
    for second in range(16):
        pps.capture(second * 32_000_000 + 12_345)
    return pps


def _no_number(text: str) -> float:
    raise AssertionError(f"{text} is not JSON")


# What a bridge answers.


SOME_OPS: tuple[Op, ...] = (
    Read(0x5606, 1),
    Modify(0x5601, 0x08, 0x08),
    Write(0x5700, bytes(5)),
    Command(Target.RADIO_A, 0xC0, b"\0\0"),
    Read(0x4000, 64),
)


def fuzz_bridge_answers(data: bytes) -> None:
    """Any bytes that a bridge may answer with, raw and with a header that fits."""
    take = Taker(data)
    dialogue, pieces = mcu.Dialogue(), 0
    while take.left and pieces < 64:
        pieces += 1
        code = take.of((mcu.Code.SPI, mcu.Code.STATUS, mcu.Code.PING, mcu.Code.GPIO))
        (batch,) = mcu.pack(SOME_OPS)
        sent = dialogue.request(code, batch.payload if code is mcu.Code.SPI else b"")
        answer = take.block() + take.block()
        if take.byte() & 1:
            answer = mcu.encode(sent[0], code + mcu.ANSWER, answer)
        try:
            payload = dialogue.feed(answer)
        except TransportError as error:
            assert str(error)
            dialogue.give_up()
            continue
        if payload is not None:
            check_answer(code, payload, batch)


def check_answer(code: mcu.Code, payload: bytes, batch: mcu.Batch) -> None:
    results = [b""] * len(SOME_OPS)
    with suppress(TransportError):
        match code:
            case mcu.Code.PING:
                mcu.decode_ping(payload)
            case mcu.Code.STATUS:
                assert -328 < mcu.decode_status(payload).temperature_c < 328
            case mcu.Code.GPIO:
                mcu.check_done(payload, "set a pin")
            case _:
                batch.decode(payload, SOME_OPS, results)
                sizes = [len(result) for result in results]
                assert sizes == [1, 1, 0, 2, 64], "an answer of another size than was asked for"


# What a chip answers.


class TickingClock(ManualClock):
    """Looking at it takes time, so that who polls without sleeping comes to an end as well."""

    def now_ns(self) -> int:
        self.sleep(50e-6)
        return super().now_ns()


class NoisyBus(SimTransport):
    """The simulated board, with answers replaced and transfers failed as `noise` says."""

    def __init__(self, noise: Taker) -> None:
        self.clock = TickingClock()
        super().__init__(SimBoard(self.clock), clock=self.clock)
        self.noise = noise
        self.quiet = True

    def transfer(self, ops: Sequence[Op]) -> list[bytes]:
        answers = super().transfer(ops)
        if self.quiet:
            return answers
        return [self._noisy(answer) for answer in answers]

    def _noisy(self, answer: bytes) -> bytes:
        control = self.noise.byte() if answer and self.noise.left else 0
        if control < 0xC0:
            return answer
        if control >= 0xF8:
            raise TransportError("as the fuzzer wanted")
        return self.noise.octets(min(len(answer), self.noise.left)).ljust(len(answer), b"\xff")


FRAMES = (
    TxFrame(b"immediate", 868_100_000, 14.0, LoRa(7)),
    TxFrame(b"fsk", 868_800_000, 14.0, Fsk(50_000, 25_000)),
)


def fuzz_chip_answers(data: bytes) -> None:
    """Start, receive, send, watch and stop on a chip that answers anything: HalError at most."""
    take = Taker(data)
    bus = NoisyBus(take)
    radio = Concentrator(bus, EU868, clock=bus.clock)
    bus.quiet = not take.byte() & 1
    before_ns = bus.clock.now_ns()
    try:
        radio.start()
        bus.quiet = False
        for _ in range(40):
            if not take.left:
                break
            before_ns = bus.clock.now_ns()
            _one_call(radio, bus, take)
    except HalError as error:
        assert str(error)
    took_s = (bus.clock.now_ns() - before_ns) / 1e9
    assert took_s < LONGEST_S, f"a call took {took_s:.1f} s"
    radio.stop()


def _one_call(radio: Concentrator, bus: NoisyBus, take: Taker) -> None:
    match take.byte() % 8:
        case 0:
            radio.health().faults()
        case 1:
            radio.send(take.of(FRAMES))
        case 2:
            when = AtCounter(radio.now_us() + 100 * take.word())
            radio.send(TxFrame(b"timed", 868_100_000, 14.0, LoRa(7), start=when))
        case 3:
            radio.abort()
        case 4:
            radio.tx_state()
        case 5:
            bus.clock.sleep(take.byte() / 10)
        case _:
            for frame in radio.receive().frames:
                check_frame(frame)


# What a recording of a bus says.


def fuzz_trace(data: bytes) -> None:
    """Any recording under the driver: it starts, or HalError or, for no recording, ValueError."""
    take = Taker(data)
    clock = TickingClock()
    with TemporaryDirectory(dir=_IN_MEMORY) as folder:
        path = Path(folder, "trace")
        path.write_bytes(take.rest() if take.byte() & 1 else _a_trace(take))
        with suppress(HalError, ValueError):
            radio = Concentrator(ReplayTransport(path), EU868, clock=clock)
            try:
                radio.start()
                radio.receive()
            except ValueError as error:
                raise AssertionError("only opening may say that it is no trace") from error


_IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


@cache
def _recorded_start() -> tuple[dict[str, object], ...]:
    clock = TickingClock()
    with TemporaryDirectory() as folder:
        path = Path(folder, "trace")
        recorder = RecordingTransport(SimTransport(SimBoard(clock), clock=clock), path)
        radio = Concentrator(recorder, EU868, clock=clock)
        radio.start()
        radio.receive()
        radio.stop()
        return tuple(json.loads(line) for line in path.read_text().splitlines())


def _a_trace(take: Taker) -> bytes:
    lines: list[object] = list(_recorded_start())
    for _ in range(4):
        if take.left:
            at = take.word() % len(lines)
            lines[at] = mutated(lines[at], take, most=2)
    return b"\n".join(as_json(line) for line in lines)


# What a host writes to the simulated board.


def fuzz_sim_bridge(data: bytes) -> None:
    """Any bytes on the pseudo-terminal: the board goes on, and answers are in proportion."""
    take, clock = Taker(data), ManualClock()
    board = SimBoard(clock)
    bridge = Bridge(board)
    while take.left:
        clock.sleep(take.byte() / 100)
        piece = take.block()
        if take.byte() & 1:
            piece = mcu.encode(1, mcu.Code.SPI, piece)
        answer = bridge.feed(piece)
        assert len(answer) <= 4 + MOST_PAYLOAD + 8 * len(piece)
        assert len(bridge._held) < 4 + MOST_PAYLOAD
    _let_it_run(board, clock)


def fuzz_sim_chip(data: bytes) -> None:
    """Any accesses to the simulated chip's registers and radios."""
    take, clock = Taker(data), ManualClock()
    transport = SimTransport(SimBoard(clock), clock=clock)
    Transmitter(transport.board)
    radio = Concentrator(transport, EU868, clock=clock)
    if take.byte() & 1:
        radio.start()
    for _ in range(200):
        if not take.left:
            break
        op = _an_op(take)
        (answer,) = transport.transfer((op,))
        assert len(answer) == _answer_size(op)
        clock.sleep(take.byte() / 1000)
    _let_it_run(transport.board, clock)


def _an_op(take: Taker) -> Op:
    # Most registers that act lie at 0x5200 to 0x6200; the rest is memory.
    address = (0x5200 + take.word() % 0x1000) if take.byte() & 1 else take.word() & 0x7FFF
    match take.byte() % 4:
        case 0:
            return Write(address, take.block() or b"\0")
        case 1:
            return Read(address, take.byte() + 1)
        case 2:
            mask = take.byte()
            return Modify(address, mask, take.byte() & mask)
        case _:
            target = take.of((Target.RADIO_A, Target.RADIO_B, Target.SX1261))
            return Command(target, take.byte(), take.block())


def _answer_size(op: Op) -> int:
    match op:
        case Read(_, size):
            return size
        case Modify():
            return 1
        case Command(_, _, args):
            return len(args)
        case Write():
            return 0


def _let_it_run(board: SimBoard, clock: ManualClock) -> None:
    for _ in range(4):
        clock.sleep(2.0)
        board.advance()
    assert len(board.chains()) == 10
    for attempt in (*board.tx.transmitted, *board.tx.programmed):
        json.dumps(attempt.describe(), allow_nan=False)


# The control port.


CONTROL_REQUESTS: tuple[dict[str, object], ...] = (
    {"cmd": "inject", "payload": "00ff", "channel": 9, "modem": 17, "sf": 0, "cr": 1,
     "crc_en": True, "crc_error": False, "freq_offset_raw": -5, "snr_raw": 30, "rssi_chan": 112,
     "at_us_from_now": 5, "ticks": 7, "crc16": 9, "ts_metrics": "0001"},
    {"cmd": "inject_many", "items": [{"payload": "00"}, {"payload": "01", "channel": 3}]},
    {"cmd": "inject_raw", "raw": "a5c000"},
    {"cmd": "set", "temperature": 20, "lbt_busy": True, "model_id": 3, "xtal_ppm": 1.5,
     "eui": "0016c001f1500812", "counter_ticks": 4_000_000_000, "latency_us": 5, "mute": False,
     "fail_next": [0, 1, 2], "pps": 12345},
    {"cmd": "transmit", "sf": 7, "payload": "00", "freq_hz": 868_100_000, "rssi_dbm": -80,
     "snr_db": 5, "bw_hz": 125_000, "cr": 1, "crc": True, "invert": False, "public": True},
    {"cmd": "transmit", "bitrate": 50_000, "payload": "00", "freq_hz": 868_800_000},
    {"cmd": "peek", "addr": 22_022, "n": 4},
    {"cmd": "transmitted"}, {"cmd": "programmed"}, {"cmd": "channels"}, {"cmd": "state"},
    {"cmd": "reset_stats"}, {"cmd": "log", "mode": "all"},
)  # fmt: skip


def fuzz_control(data: bytes) -> None:
    """Any lines on the control port, raw and mutated: each answered once, with JSON."""
    take, clock = Taker(data), TickingClock()
    board = SimBoard(clock)
    air = Transmitter(board)
    control = Control(board, Bridge(board), air)
    replies: list[list[Reply]] = []
    while take.left and len(replies) < 40:
        clock.sleep(take.byte() / 1000)
        line = take.block() if take.byte() & 1 else _a_request(take)
        if not _writes_a_file(line):
            replies.append([])
            control.request(line, replies[-1].append)
    for _ in range(40):
        clock.sleep(1.0)
        board.advance()
    for answered in replies:
        (reply,) = answered
        assert isinstance(reply["ok"], bool)
        assert reply["ok"] or reply["error"]
        json.dumps(reply, allow_nan=False)


def _a_request(take: Taker) -> bytes:
    return as_json(mutated(take.of(CONTROL_REQUESTS), take, most=2))


def _writes_a_file(line: bytes) -> bool:
    """A log goes where the client says; a fuzzer's file names stay out of this machine."""
    with suppress(ValueError, RecursionError):
        given = json.loads(line)
        return isinstance(given, dict) and bool(given.get("cmd") == "log" and given.get("path"))
    return False


# Firmware files.


def fuzz_var(data: bytes) -> None:
    """Any text as a C array: bytes, no more than numbers in it, or FirmwareError."""
    text = data.decode("ascii", "replace")
    for source in (text, "static uint8_t firmware[] = {" + text + "};"):
        try:
            image = parse_var(source)
        except FirmwareError as error:
            assert 0 < len(str(error)) < 200
        else:
            assert 0 < len(image) <= max(LARGEST, 4 * len(source))
