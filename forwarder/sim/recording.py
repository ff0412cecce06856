"""Recorded receptions, whatever wrote them down: bytes of a file in, receptions out. Pure.

Read are, told apart by each line's own shape:

- `EUI: {"rxpk": [...]}` or `{"rxpk": [...]}`: what a packet forwarder sent, a line a datagram
  (Semtech's PROTOCOL.TXT, section 3.2);
- the Helium console's JSON lines: `raw_packet` and `hotspots[]` (CampusIoT data sets);
- local mode's own records (docs/local-mode.md): `raw` and `radio`;
- pcap files with LoRaTap headers, as `edgemast rx --pcap` and Wireshark write them.

Files may be compressed with gzip. A line that is none of these is `Unreadable`, with its number
(that of the record in a pcap file).
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hal.frames import Crc
from hal.modulation import BANDWIDTHS_HZ, CODING_RATES, SPREADING_FACTORS, Fsk, LoRa

from ..capture import loratap, pcap
from ..errors import ConfigError

UNNAMED = "0016c001f1500812"  # the gateway of lines that name none
GRID_HZ = 1_000  # float32 megahertz are some 30 Hz off; channels lie on this grid
FREQUENCIES_HZ = (100e6, 1e9)  # an SX1250 tunes to them
BITRATES_BPS = (500, 250_000)  # limits of the FSK modem
MOST_DB = 200.0  # beyond it there is no signal on this planet
MOST_BYTES = 256 << 20  # a packed file may promise any size; a year of a gateway is less
MOST_WHY = 200  # characters: an error may quote the whole line
CODES = {word: number for number, word in CODING_RATES.items()} | {"OFF": 0}
DATARATE = re.compile(r"SF(\d{1,2})BW(\d{3})")
PREFIXED = re.compile(r"\s*(?:0x)?([0-9A-Fa-f]{16})\s*:\s*(\{.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Reception:
    """One frame as one gateway heard it. `at_us` orders receptions of all gateways.

    `tmst` is the gateway's own counter where it was written down. `modulation` of LoRa has coding
    rate 0 for a header that made no sense.
    """

    gateway: str
    at_us: int
    payload: bytes
    freq_hz: int
    modulation: LoRa | Fsk
    crc: Crc
    rssi_dbm: float
    snr_db: float
    tmst: int | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line that holds no reception; `why` says what was expected and what came."""

    line: int
    why: str


def read(path: Path) -> Iterator[Reception | Unreadable]:
    """Every reception of `path`, in the file's order. Raises ConfigError if it cannot be opened."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError(f"{path}: a recording expected: {error}") from error
    if len(text) > MOST_BYTES:
        raise ConfigError(f"{path}: more than {MOST_BYTES >> 20} MB of text: split the recording")
    return parse(text)


def parse(text: bytes) -> Iterator[Reception | Unreadable]:
    """Every reception in `text`; bad lines are reported and skipped, never raised."""
    if pcap.is_pcap(text):
        yield from _captured(text)
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            yield from _line(line.decode())
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            yield Unreadable(number, f"{type(error).__name__}: {error}"[:MOST_WHY])
        except RecursionError:
            yield Unreadable(number, "nested too deeply to be a reception")


def _captured(data: bytes) -> Iterator[Reception | Unreadable]:
    number = 0
    try:
        link_type, records = pcap.read(data)
        if link_type != loratap.LINK_TYPE:
            raise ValueError(f"link type {link_type}; {loratap.LINK_TYPE} (LoRaTap) expected")
        for number, record in enumerate(records, start=1):
            try:
                yield _tapped(record)
            except ValueError as error:
                yield Unreadable(number, str(error)[:MOST_WHY])
    except ValueError as error:
        yield Unreadable(number + 1, str(error)[:MOST_WHY])


def _tapped(record: pcap.Record) -> Reception:
    frame = loratap.decode(record.data)
    level = frame.rssi_dbm if frame.rssi_dbm is not None else frame.rssi_signal_dbm
    if level is None:
        raise ValueError("no level: a frame that was sent, not received")
    if not FREQUENCIES_HZ[0] <= frame.freq_hz <= FREQUENCIES_HZ[1]:
        raise ValueError(f"frequency {frame.freq_hz} Hz")
    return Reception(
        gateway=f"{frame.gateway:016x}" if frame.gateway else UNNAMED,
        at_us=record.at_ns // 1000,
        payload=_sized(frame.payload),
        freq_hz=frame.freq_hz,
        modulation=_checked(frame.modulation),
        crc=frame.crc,
        rssi_dbm=level,
        snr_db=frame.snr_db or 0.0,
        tmst=frame.counter_us if frame.gateway else None,
    )


def _checked(modulation: LoRa | Fsk) -> LoRa | Fsk:
    return _fsk(modulation.bitrate_bps) if isinstance(modulation, Fsk) else modulation


def _line(line: str) -> list[Reception]:
    gateway, text = UNNAMED, line
    if named := PREFIXED.match(line):
        gateway, text = named[1].lower(), named[2]
    body = json.loads(text)
    if "rxpk" in body:
        return [_rxpk(gateway, frame) for frame in body["rxpk"]]
    if "raw_packet" in body:
        payload = base64.b64decode(body["raw_packet"], validate=True)
        return [_hotspot(payload, report) for report in body["hotspots"]]
    if "raw" in body and "radio" in body:
        return [_record(body)]
    raise ValueError("neither rxpk nor raw_packet nor raw in it")


def _record(body: dict[str, Any]) -> Reception:
    radio, payload = body["radio"], base64.b64decode(body["raw"], validate=True)
    heard = {"datr": radio["datarate"], "modu": "LORA" if "coding_rate" in radio else "FSK"}
    tmst = int(radio["tmst"])
    return Reception(
        gateway=str(body["gateway"]).lower(),
        at_us=_instant_us(body, tmst),
        payload=_sized(payload),
        freq_hz=_freq_hz(int(radio["freq_hz"]) / 1e6),
        modulation=_modulation(heard | {"codr": radio.get("coding_rate", "4/5")}),
        crc=Crc.OK,
        rssi_dbm=_level("rssi_dbm", radio["rssi_dbm"]),
        snr_db=_level("snr_db", radio.get("snr_db", 0.0)),
        tmst=tmst & 0xFFFFFFFF,
    )


def _rxpk(gateway: str, frame: dict[str, Any]) -> Reception:
    payload = base64.b64decode(frame["data"], validate=True)
    if len(payload) != frame["size"]:
        raise ValueError(f"size is {frame['size']}, data has {len(payload)} bytes")
    tmst = int(frame["tmst"])
    return Reception(
        gateway=gateway,
        at_us=_instant_us(frame, tmst),
        payload=_sized(payload),
        freq_hz=_freq_hz(frame["freq"]),
        modulation=_modulation(frame),
        crc=Crc(frame["stat"]),
        rssi_dbm=_level("rssi", frame["rssi"]),
        snr_db=_level("lsnr", frame.get("lsnr", 0.0)),
        tmst=tmst & 0xFFFFFFFF,
    )


def _instant_us(frame: dict[str, Any], tmst: int) -> int:
    if "time" not in frame:
        return tmst
    when = datetime.fromisoformat(str(frame["time"]))
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return round(when.timestamp() * 1e6)


def _modulation(frame: dict[str, Any]) -> LoRa | Fsk:
    if str(frame["modu"]).upper() == "FSK":
        return _fsk(int(frame["datr"]))
    return _lora(str(frame["datr"]), CODES[str(frame.get("codr", "4/5"))])


def _fsk(bitrate_bps: int) -> Fsk:
    low, high = BITRATES_BPS
    if not low <= bitrate_bps <= high:
        raise ValueError(f"datr is {bitrate_bps}; {low} to {high} bit/s expected for FSK")
    return Fsk(bitrate_bps)


def _freq_hz(megahertz: object) -> int:
    """Any float is JSON to somebody; a chip hears some of them."""
    hertz = float(str(megahertz)) * 1e6
    low, high = FREQUENCIES_HZ
    if not low <= hertz <= high:
        raise ValueError(f"frequency {megahertz} MHz; {low / 1e6:g} to {high / 1e6:g} expected")
    return round(hertz)


def _level(name: str, level: object) -> float:
    decibel = float(str(level))
    if not -MOST_DB <= decibel <= MOST_DB:
        raise ValueError(f"{name} is {level}; a level of up to {MOST_DB:g} dB either way expected")
    return decibel


def _lora(datarate: str, coding_rate: int) -> LoRa:
    match = DATARATE.fullmatch(datarate)
    if not match:
        raise ValueError(f"data rate {datarate!r}; one like SF7BW125 expected")
    sf, bw_hz = int(match[1]), int(match[2]) * 1000
    if sf not in SPREADING_FACTORS or bw_hz not in BANDWIDTHS_HZ:
        raise ValueError(f"data rate {datarate!r}; SF5 to SF12 at 125, 250 or 500 kHz expected")
    return LoRa(sf, bw_hz, coding_rate)


def _hotspot(payload: bytes, report: dict[str, Any]) -> Reception:
    return Reception(
        gateway=_eui(str(report.get("name") or report["id"])),
        at_us=int(report["reported_at"]) * 1000,
        payload=_sized(payload),
        freq_hz=round(_freq_hz(report["frequency"]) / GRID_HZ) * GRID_HZ,
        modulation=_lora(str(report["spreading"]), 1),
        crc=Crc.OK,
        rssi_dbm=_level("rssi", report["rssi"]),
        snr_db=_level("snr", report["snr"]),
    )


def _eui(name: str) -> str:
    """An EUI for a gateway that has only a name: the same name, the same EUI."""
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def _sized(payload: bytes) -> bytes:
    if len(payload) > 255:
        raise ValueError(f"{len(payload)} bytes; a LoRa frame has at most 255")
    return payload
