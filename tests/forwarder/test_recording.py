"""What is read from recordings, and what is said about lines that are none."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.errors import ConfigError
from forwarder.sim.recording import UNNAMED, Reception, Unreadable, parse, read
from hal.frames import Crc
from hal.modulation import Fsk, LoRa
from tests.shared import shared

RXPK = {
    "tmst": 5, "time": "2022-07-27T12:59:52.561999Z", "freq": 867.7, "stat": -1, "modu": "LORA",
    "datr": "SF10BW125", "codr": "OFF", "lsnr": -6.8, "rssi": -109, "size": 2, "data": "YEU=",
}  # fmt: skip
HOTSPOT = {
    "raw_packet": "YEU=",
    "hotspots": [
        {"name": "a", "reported_at": 7, "frequency": 868.0999755859375, "spreading": "SF12BW125",
         "rssi": -125, "snr": -9.5},
        {"name": "b", "reported_at": 7, "frequency": 868.5, "spreading": "SF7BW125",
         "rssi": -100, "snr": 3},
    ],
}  # fmt: skip


def datagram(**changes: object) -> bytes:
    return json.dumps({"rxpk": [RXPK | changes]}).encode()


def test_a_forwarders_line_is_a_reception_of_the_gateway_before_the_colon() -> None:
    (reception,) = parse(b"0xB827EBAFAC000002: " + datagram())
    assert reception == Reception(
        gateway="b827ebafac000002",
        at_us=1658926792561999,
        payload=b"\x60\x45",
        freq_hz=867_700_000,
        modulation=LoRa(10, 125_000, 0),
        crc=Crc.BAD,
        rssi_dbm=-109.0,
        snr_db=-6.8,
        tmst=5,
    )


def test_a_line_without_a_name_belongs_to_the_unnamed_gateway() -> None:
    (reception,) = parse(datagram())
    assert isinstance(reception, Reception) and reception.gateway == UNNAMED


def test_fsk_is_read_with_its_bit_rate() -> None:
    (reception,) = parse(datagram(modu="FSK", datr=50000))
    assert isinstance(reception, Reception) and reception.modulation == Fsk(50_000)


def test_every_hotspot_of_a_helium_line_is_a_gateway_of_its_own() -> None:
    first, second = parse(json.dumps(HOTSPOT).encode())
    assert isinstance(first, Reception) and isinstance(second, Reception)
    assert first.gateway != second.gateway and len(first.gateway) == 16
    assert first.freq_hz == 868_100_000, "float32 megahertz are put back on the grid"


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"{", id="half an object"),
        pytest.param(b"[1]", id="not an object"),
        pytest.param(b'{"stat": {}}', id="no frame"),
        pytest.param(datagram(size=3), id="size against data"),
        pytest.param(datagram(data="!!!!"), id="no base64"),
        pytest.param(datagram(datr="SF99BW125"), id="no such spreading factor"),
        pytest.param(datagram(stat=7), id="no such CRC state"),
        pytest.param(datagram(freq="x"), id="frequency is a word"),
        pytest.param(datagram(freq=1e400), id="frequency is infinite"),
        pytest.param(b"\xff\xfe", id="not text"),
        pytest.param(b'{"rxpk":' + b"[" * 100_000, id="too deep"),
    ],
)
def test_a_bad_line_is_reported_with_its_number_and_the_next_one_is_read(line: bytes) -> None:
    bad, good = parse(line + b"\n" + datagram())
    assert isinstance(bad, Unreadable) and bad.line == 1 and bad.why
    assert isinstance(good, Reception)


@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_fail(text: bytes) -> None:
    for entry in parse(text):
        assert isinstance(entry, Reception | Unreadable)


def test_a_compressed_file_reads_like_a_plain_one(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(datagram())
    (tmp_path / "packed.gz").write_bytes(gzip.compress(datagram()))
    assert list(read(tmp_path / "plain")) == list(read(tmp_path / "packed.gz"))


def test_a_file_that_is_not_there_is_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="recording expected"):
        list(read(tmp_path / "missing.log"))


def test_every_line_of_the_brno_log_is_a_reception() -> None:
    entries = list(read(shared("data/loratap/00_Test.log")))
    assert len(entries) == 192
    crcs = [entry.crc for entry in entries if isinstance(entry, Reception)]
    assert (crcs.count(Crc.OK), crcs.count(Crc.BAD), crcs.count(Crc.NONE)) == (135, 48, 9)
