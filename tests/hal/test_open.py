from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hal.clock import ManualClock
from hal.errors import TransportError
from hal.gpio import BoardLines
from hal.sim.board import SimBoard
from hal.sim.transport import SimTransport
from hal.transport.base import Read
from hal.transport.open import open_transport, parse
from hal.transport.spi import SpiTransport
from hal.transport.trace import RecordingTransport
from hal.transport.usb import UsbTransport
from tests.hal.test_usb import plugged


def test_sim_is_a_simulated_board() -> None:
    assert isinstance(open_transport("sim:"), SimTransport)


def test_sim_takes_the_board_that_is_given() -> None:
    board = SimBoard(ManualClock())
    transport = open_transport("sim:", board=board)
    assert isinstance(transport, SimTransport) and transport.board is board


def test_usb_is_a_board_on_a_serial_device() -> None:
    with plugged() as board:
        transport = open_transport(f"usb:{board.path}?timeout=0.5")
        assert isinstance(transport, UsbTransport)
        assert transport.uri == f"usb:{board.path}"
        transport.close()


def test_spi_gets_speed_and_lines_from_the_uri(monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, object] = {}

    def note(self: SpiTransport, path: str, **options: object) -> None:
        made.update(options, path=path)

    monkeypatch.setattr(SpiTransport, "__init__", note)
    open_transport(
        "spi:/dev/spidev0.0?speed=1000000&sx1261=/dev/spidev0.1&reset=53",
        lines=BoardLines(power_enable=18, sx1302_reset=23),
    )
    assert made["path"] == "/dev/spidev0.0"
    assert made["speed_hz"] == 1_000_000
    assert made["sx1261_path"] == "/dev/spidev0.1"
    assert made["lines"] == BoardLines(power_enable=18, sx1302_reset=53)


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("spi:/dev/spidev0.0", "/dev/spidev0.1"),
        ("spi:/dev/spidev0.0?sx1261=/dev/spidev1.1", "/dev/spidev1.1"),
        ("trace:{tmp}/trace?record=spi:/dev/spidev0.0", "/dev/spidev0.1"),
    ],
)
def test_the_listening_radio_of_the_configuration_is_that_of_the_board_unless_the_uri_has_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, uri: str, path: str
) -> None:
    made: dict[str, object] = {}

    def note(self: SpiTransport, path: str, **options: object) -> None:
        self.uri = f"spi:{path}"
        made.update(options)

    monkeypatch.setattr(SpiTransport, "__init__", note)
    monkeypatch.setattr(SpiTransport, "close", lambda self: None)
    open_transport(uri.format(tmp=tmp_path), sx1261_path="/dev/spidev0.1").close()
    assert made["sx1261_path"] == path


def test_a_trace_records_the_radio_that_it_names_and_plays_it_back(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    recorder = open_transport(f"trace:{path}?record=sim:?model=sx1303")
    assert isinstance(recorder, RecordingTransport)
    recorder.reset()
    version = recorder.transfer([Read(0x5606, 1)])
    recorder.close()
    replay = open_transport(f"trace:{path}")
    replay.reset()
    assert replay.transfer([Read(0x5606, 1)]) == version == [b"\x10"]


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("", "spi:/dev/spidev0.0, usb:/dev/ttyACM0, sim: or trace:FILE expected"),
        ("/dev/ttyACM0", "spi:/dev/spidev0.0, usb:"),
        ("i2c:/dev/i2c-1", "spi:/dev/spidev0.0, usb:"),
        ("spi:", "a path is missing"),
        ("usb:", "a path is missing"),
        ("trace:", "a path is missing"),
        ("trace:?record=sim:", "a path is missing"),
        ("trace:x?record=nothing", "radio 'nothing'"),
        ("sim:here", "has no path"),
        ("sim:?model=sx1301", "sx1302"),
        ("sim:?eui=xyz", "xyz"),
        ("sim:?speed=1", "'speed' is no option of sim"),
        ("spi:/dev/x?speed=fast", "speed takes 10000 to 50000000, not 'fast'"),
        ("spi:/dev/x?speed=²", "speed takes"),
        ("spi:/dev/x?reset=99", "reset takes 0 to 53"),
        ("spi:/dev/x?reset=", "reset takes 0 to 53, not ''"),
        ("spi:/dev/x?reset=54", "reset takes 0 to 53"),
        ("spi:/dev/x?speed", "option=value expected"),
        ("usb:/dev/x?timeout=0", "timeout takes 0.001 to 60"),
        ("usb:/dev/x?timeout=nan", "timeout takes"),
    ],
)
def test_a_uri_that_is_none_says_what_is_allowed(uri: str, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        open_transport(uri)
    assert words in str(caught.value)


def test_a_device_that_is_not_there_is_a_transport_error() -> None:
    with pytest.raises(TransportError, match="does not exist"):
        open_transport("usb:/dev/no-such-board")


def test_what_a_path_may_hold_is_left_as_it_is() -> None:
    assert parse("usb:/dev/serial/by-id/usb-a:b") == ("usb", "/dev/serial/by-id/usb-a:b", {})


def test_a_simulated_board_loads_no_library_of_the_other_buses() -> None:
    import subprocess

    script = (
        "import sys; from hal.transport.open import open_transport; open_transport('sim:');"
        "print([m for m in ('serial', 'spidev', 'gpiod', 'hal.transport.usb') if m in sys.modules])"
    )
    root = Path(__file__).parent.parent.parent
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.strip() == "[]"
