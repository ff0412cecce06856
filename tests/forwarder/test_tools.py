"""The little radio tools, on the simulated board."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from forwarder.__main__ import main
from forwarder.commands import bus_test, chip_id, rx, tx
from forwarder.commands.radio import eu868, started
from hal.clock import ManualClock
from hal.concentrator import Concentrator
from hal.config import ConcentratorConfig
from hal.errors import ChipError, DeviceBusy, TransportError, TxRefused
from hal.frames import TxFrame, TxState
from hal.gpio import BoardLines
from hal.modulation import Cw, LoRa
from hal.sim.board import SimBoard
from hal.sim.rx_encode import Record
from hal.sim.transport import SimTransport
from hal.sim.values import Emission
from hal.transport.base import Op, Read, Write

STEP_HZ = 32e6 / 2**18  # of the chip's frequency word


class Bench:
    """A board in simulated time, and what it put on the air."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.board = SimBoard(self.clock)
        self.emissions: list[Emission] = []
        self.board.on_transmit.append(self.emissions.append)

    @contextmanager
    def radio(self, config: ConcentratorConfig | None = None) -> Iterator[Concentrator]:
        transport = SimTransport(self.board, clock=self.clock)
        with started(transport, config or eu868(), self.clock) as radio:
            yield radio


@pytest.fixture
def bench() -> Bench:
    return Bench()


class Constant:
    """A bus on which every bit reads the same."""

    uri = "constant:"

    def __init__(self, byte: int) -> None:
        self._byte = byte

    def transfer(self, ops: Sequence[Op]) -> list[bytes]:
        return [bytes((self._byte,)) * op.size if isinstance(op, Read) else b"" for op in ops]

    def reset(self, hold_s: float = 0.1) -> None: ...

    def temperature_c(self) -> float | None: ...

    def close(self) -> None: ...


# chip-id


def test_chip_id_prints_eui_and_model(capsys: pytest.CaptureFixture[str]) -> None:
    radio = "sim:?model=sx1303&eui=0016c001f1500812"
    assert main(["chip-id", "--radio", radio]) == 0
    assert capsys.readouterr().out == "EUI    0016c001f1500812\nmodel  SX1303, chip version 0x10\n"
    assert main(["chip-id", "--radio", radio, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "eui": "0016c001f1500812",
        "model": "SX1303",
        "version": "0x10",
    }


@pytest.mark.parametrize(("byte", "words"), [(0x00, "held in reset"), (0xFF, "the bus floats")])
def test_chip_id_tells_a_silent_chip_from_a_floating_bus(byte: int, words: str) -> None:
    with pytest.raises(ChipError, match=words):
        chip_id.identify(Constant(byte))


@pytest.mark.parametrize(
    ("uri", "code", "words"),
    [
        ("nowhere", 2, "sim: or trace:FILE expected"),
        ("sim:?model=sx1", 2, "sx1302"),
        ("usb:/dev/no-such-board", 1, "is the board plugged in"),
    ],
)
def test_a_radio_that_is_not_there_is_one_line_and_an_exit_code(
    uri: str, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["chip-id", "--radio", uri]) == code
    error = capsys.readouterr().err
    assert error.startswith("edgemast: ") and error.count("\n") == 1 and words in error


# rx


def test_rx_gives_frames_until_it_has_enough(bench: Bench) -> None:
    with bench.radio() as radio:
        for number in range(5):
            bench.board.inject(Record(bytes((0x40, number)), channel=2, sf=9, ticks=number << 20))
        frames = list(rx.received(radio, bench.clock, 3, None))
    assert [frame.payload[1] for frame in frames] == [0, 1, 2]


def test_rx_ends_when_its_time_is_over(bench: Bench) -> None:
    with bench.radio() as radio:
        before_ns = bench.clock.now_ns()
        bench.board.inject(Record(b"soon"), at_us_from_now=1_000_000)
        bench.board.inject(Record(b"too late"), at_us_from_now=3_000_000)
        frames = list(rx.received(radio, bench.clock, None, 2.0))
        assert 2.0 <= (bench.clock.now_ns() - before_ns) / 1e9 < 2.1
    assert [frame.payload for frame in frames] == [b"soon"]


def test_rx_shows_a_frame_as_a_line_and_as_an_object(bench: Bench) -> None:
    with bench.radio() as radio:
        bench.board.inject(Record(b"\x40\x01", channel=2, sf=9, snr_raw=-14, crc_error=True))
        (frame,) = rx.received(radio, bench.clock, 1, None)
    line = rx.as_line(frame)
    assert "868.500 MHz  SF9BW125 4/5" in line and "CRC BAD" in line and line.endswith("2 B  4001")
    shown = rx.as_object(frame)
    assert json.loads(json.dumps(shown)) == shown
    assert (shown["freq_hz"], shown["crc"], shown["payload"]) == (868_500_000, "bad", "4001")
    assert shown["snr_db"] == -3.5


def test_rx_runs_as_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rx", "--seconds", "0"]) == 0
    output = capsys.readouterr()
    assert output.out == "" and output.err.endswith("0 frames\n")


@pytest.mark.parametrize("words", [["--count", "0"], ["--seconds", "-1"], ["--seconds", "inf"]])
def test_rx_refuses_counts_that_make_no_sense(words: list[str]) -> None:
    assert main(["rx", *words]) == 2


# tx


def frame(**changes: object) -> TxFrame:
    values: dict[str, object] = {"bw": 125, "freq": 868.1, "cw": None, "hex": "e0aabb", "sf": 7}
    values |= {"size": 16, "power": 14.0, "invert": False} | changes
    return tx.frame_of(Namespace(**values))


def test_tx_puts_every_frame_on_the_air_a_period_apart(bench: Bench) -> None:
    with bench.radio() as radio:
        sent = list(tx.send(radio, bench.clock, frame(), 3, 0.5))
    assert [entry["number"] for entry in sent] == [1, 2, 3]
    assert [emission.payload for emission in bench.emissions] == [b"\xe0\xaa\xbb"] * 3
    assert all(abs(one.freq_hz - 868_100_000) < STEP_HZ for one in bench.emissions)
    gaps = [sent[i + 1]["start_us"] - sent[i]["start_us"] for i in (0, 1)]
    assert gaps == pytest.approx([500_000, 500_000], abs=10_000)


def test_tx_sends_a_carrier_for_as_long_as_asked_and_takes_it_back(bench: Bench) -> None:
    with bench.radio() as radio:
        tx.send_carrier(radio, bench.clock, frame(cw=2.0), 2.0)
        assert radio.tx_state() is TxState.FREE
    assert len(bench.emissions) == 1


def test_tx_without_a_file_tunes_its_radio_to_any_band(bench: Bench) -> None:
    with bench.radio(tx.tuned(eu868(), 904_300_000)) as radio:
        list(tx.send(radio, bench.clock, frame(freq=904.3, sf=10, bw=500), 1, 0))
    (emission,) = bench.emissions
    assert abs(emission.freq_hz - 904_300_000) < STEP_HZ
    assert (emission.sf, emission.bw_hz) == (10, 500_000)


def test_tx_never_sends_more_than_asked(bench: Bench) -> None:
    with bench.radio() as radio, pytest.raises(TxRefused, match="less power asked"):
        list(tx.send(radio, bench.clock, frame(power=5.0), 1, 0))
    assert bench.emissions == []


def test_tx_runs_as_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tx", "--freq", "868.1", "--size", "1", "--json"]) == 0
    sent = json.loads(capsys.readouterr().out)
    assert (sent["freq_hz"], sent["power_dbm"]) == (868_100_000, 14)


@pytest.mark.parametrize(
    "words",
    [
        ["--freq", "868100000"],
        ["--freq", "nan"],
        ["--freq", "868.1", "--bw", "62"],
        ["--freq", "868.1", "--size", "256"],
        ["--freq", "868.1", "--hex", "xyz"],
        ["--freq", "868.1", "--hex", ""],
        ["--freq", "868.1", "--count", "0"],
        ["--freq", "868.1", "--cw", "0"],
        ["--freq", "868.1", "--cw", "inf"],
        ["--freq", "868.1", "--period", "nan"],
        ["--freq", "300", "--count", "1"],
    ],
    ids=" ".join,
)
def test_tx_refuses_what_cannot_be_sent_as_wrong_usage(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tx", *words]) == 2
    assert capsys.readouterr().err.startswith("edgemast: ")


def test_arguments_become_a_frame() -> None:
    assert frame(sf=12, bw=500, invert=True) == TxFrame(
        b"\xe0\xaa\xbb", 868_100_000, 14.0, LoRa(12, 500_000), invert_polarity=True
    )
    assert frame(hex=None, size=4).payload == b"\xe0\x01\x02\x03"
    assert frame(cw=1.0).modulation == Cw()


# bus-test


class FlippingTransport(SimTransport):
    """A bus that damages one bit of every read of more than `clean` bytes."""

    def __init__(self, clean: int) -> None:
        super().__init__(SimBoard(ManualClock()))
        self._clean = clean

    def transfer(self, ops: Sequence[Op]) -> list[bytes]:
        answers = super().transfer(ops)
        return [
            bytes((data[0] ^ 1,)) + data[1:] if len(data) > self._clean else data
            for data in answers
        ]


def test_bus_test_counts_what_comes_back_wrong() -> None:
    bad = FlippingTransport(clean=100)
    bus_test.take_memory(bad)
    assert bus_test.measure(bad, 100, 10).wrong_bytes == 0
    assert bus_test.measure(bad, 101, 10).wrong_bytes == 10


def test_bus_test_reaches_the_memory_only_after_taking_it() -> None:
    board = SimTransport(SimBoard(ManualClock()))
    bus_test.take_memory(board)
    assert board.transfer([Write(0x0000, b"\xa5"), Read(0x0000, 1)]) == [b"", b"\xa5"]


def test_bus_test_stops_at_the_first_speed_that_is_not_clean(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def opened(uri: str, lines: object) -> SimTransport:
        asked.append(uri.rpartition("speed=")[2])
        return FlippingTransport(clean=8192 if int(asked[-1]) <= 4_000_000 else 0)

    monkeypatch.setattr(bus_test, "open_radio", opened)
    assert main(["bus-test", "--radio", "spi:/dev/spidev0.0?reset=23", "--rounds", "5"]) == 0
    assert asked == ["500000", "1000000", "2000000", "4000000", "6000000"]
    said = capsys.readouterr().out
    assert "highest clean speed: 4000000 Hz" in said
    assert said.endswith("[concentrator]\nspi_hz = 4_000_000\n")


def spi_that_breaks_from(speed_hz: int, error: TransportError) -> Callable[..., SimTransport]:
    def opened(uri: str, lines: object) -> SimTransport:
        if int(uri.rpartition("speed=")[2]) >= speed_hz:
            raise error
        return SimTransport(SimBoard(ManualClock()))

    return opened


def test_bus_test_takes_a_bus_that_breaks_for_one_that_is_too_fast(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = spi_that_breaks_from(2_000_000, TransportError("Input/output error"))
    monkeypatch.setattr(bus_test, "open_radio", broken)
    assert main(["bus-test", "--radio", "spi:/dev/spidev0.0", "--rounds", "5"]) == 0
    said = capsys.readouterr().out
    assert " 2.0 MHz  failed: Input/output error" in said
    assert "spi_hz = 1_000_000" in said and "this setting is needed" in said


@pytest.mark.parametrize(
    ("speed_hz", "error"),
    [
        (500_000, TransportError("/dev/spidev0.0 does not exist")),
        (2_000_000, DeviceBusy("/dev/spidev0.0 is in use by edgemast run (pid 5)")),
    ],
)
def test_a_bus_that_does_not_open_says_nothing_about_its_speed(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    speed_hz: int,
    error: TransportError,
) -> None:
    monkeypatch.setattr(bus_test, "open_radio", spi_that_breaks_from(speed_hz, error))
    assert main(["bus-test", "--radio", "spi:/dev/spidev0.0", "--rounds", "5"]) == 1
    assert str(error) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("uri", "plain"),
    [
        ("spi:/dev/spidev0.0?speed=8000000", "spi:/dev/spidev0.0"),
        ("spi:/dev/spidev0.0?reset=17&speed=1&power=18", "spi:/dev/spidev0.0?reset=17&power=18"),
        ("spi:/dev/spidev0.0", "spi:/dev/spidev0.0"),
    ],
)
def test_the_speed_that_a_uri_asks_for_is_not_the_one_that_is_tested(uri: str, plain: str) -> None:
    assert bus_test.without_speed(uri) == plain


def test_a_tool_resets_by_the_lines_of_the_board_that_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, BoardLines | None]] = []

    def opened(uri: str, lines: BoardLines | None) -> SimTransport:
        asked.append((uri, lines))
        return SimTransport(SimBoard(ManualClock()))

    monkeypatch.setattr(chip_id, "open_radio", opened)
    assert main(["chip-id", "--board", "RAK2287"]) == 0
    assert main(["chip-id", "--board", "wm1302", "--radio", "spi:/dev/spidev1.0"]) == 0
    assert main(["chip-id", "--board", "rak2287-usb"]) == 0
    assert asked == [
        ("spi:/dev/spidev0.0", BoardLines(sx1302_reset=17)),
        ("spi:/dev/spidev1.0", BoardLines(power_enable=18, sx1302_reset=17, sx1261_reset=5)),
        ("usb:/dev/ttyACM0", None),
    ]
    assert main(["chip-id", "--board", "rak2288"]) == 2
    assert "rak2287" in capsys.readouterr().err


def test_a_tool_takes_bus_and_lines_from_a_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []

    def opened(uri: str, lines: BoardLines | None) -> SimTransport:
        asked.append(f"{uri} {lines.sx1302_reset if lines else None}")
        return SimTransport(SimBoard(ManualClock()))

    file = tmp_path / "gateway.toml"
    file.write_text('board = "rak2287"\nregion = "EU868"\n[concentrator]\nspi_hz = 1_000_000\n')
    monkeypatch.setattr(chip_id, "open_radio", opened)
    assert main(["chip-id", "-c", str(file)]) == 0
    assert asked == ["spi:/dev/spidev0.0?speed=1000000 17"]


def test_bus_test_on_a_simulated_board_measures_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bus-test", "--rounds", "4", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["size"] for line in lines] == [1, 16, 256, 1024, 4096]
    assert all(line["wrong_bytes"] == 0 for line in lines)


def test_a_configuration_that_does_not_exist_is_wrong_usage(tmp_path: Path) -> None:
    assert main(["rx", "-c", str(tmp_path / "none.toml"), "--seconds", "0"]) == 2


def test_a_board_that_goes_away_is_an_error_and_not_a_hang(bench: Bench) -> None:
    with pytest.raises(TransportError), bench.radio() as radio:
        bench.board.faults.unplugged = True
        list(rx.received(radio, bench.clock, 1, None))
