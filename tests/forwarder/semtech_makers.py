"""Builders for the Semtech UDP tests: frames, downlink bodies, settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from forwarder.config import GatewayConfig
from forwarder.links.semtech_udp.settings import UdpSettings
from forwarder.packets import Accepted, Answer, Downlink, Position, RadioCounters, Uplink
from forwarder.scheduling.regulation import BandLoad
from hal.frames import Crc, RxFrame
from hal.modulation import Fsk, LoRa

EUI = "0016c001f1500812"
GATEWAY = bytes.fromhex(EUI)


def settings(**changes: Any) -> UdpSettings:
    return UdpSettings(**{"name": "here", "address": "127.0.0.1", "eui": EUI} | changes)


def frame(payload: bytes = b"hello", **changes: Any) -> RxFrame:
    """SF7 on 868.5 MHz, the frame of the reference's worked example but for its payload."""
    values: dict[str, Any] = {
        "payload": payload,
        "counter_us": 3512348611,
        "freq_hz": 868_500_000,
        "modulation": LoRa(7),
        "crc": Crc.OK,
        "if_chain": 2,
        "rf_chain": 0,
        "modem": 8,
        "rssi_channel_dbm": -36.0,
        "rssi_signal_dbm": -37.0,
        "snr_db": 9.0,
        "freq_offset_hz": -215,
    }
    return RxFrame(**values | changes)


def uplink(payload: bytes = b"hello", **changes: Any) -> Uplink:
    return Uplink(frame(payload, **changes))


def fsk_uplink(**changes: Any) -> Uplink:
    none: dict[str, Any] = {"modulation": Fsk(50_000), "rssi_signal_dbm": None, "snr_db": None}
    return Uplink(frame(**none | {"if_chain": 9, "modem": 17} | changes))


def golden_uplink(rxpk: dict[str, Any]) -> Uplink:
    """The frame that a recorded `rxpk` object tells of."""
    import base64

    lora = rxpk["modu"] == "LORA"
    modulation: LoRa | Fsk
    if lora:
        sf, bw = rxpk["datr"][2:].split("BW")
        rate = {"4/5": 1, "4/6": 2, "4/7": 3, "4/8": 4, "OFF": 0}[rxpk["codr"]]
        modulation = LoRa(int(sf), int(bw) * 1000, rate)
    else:
        modulation = Fsk(rxpk["datr"])
    return uplink(
        base64.b64decode(rxpk["data"]),
        counter_us=rxpk["tmst"] + (5 << 32),
        freq_hz=round(rxpk["freq"] * 1e6),
        modulation=modulation,
        crc=Crc(rxpk["stat"]),
        if_chain=rxpk["chan"],
        rf_chain=rxpk["rfch"],
        modem=rxpk["mid"],
        rssi_channel_dbm=float(rxpk["rssi"]),
        rssi_signal_dbm=float(rxpk["rssis"]) if lora else None,
        snr_db=rxpk["lsnr"] if lora else None,
        freq_offset_hz=rxpk.get("foff", 0),
        fine_time_ns=rxpk.get("ftime"),
    )


def txpk(**changes: Any) -> dict[str, Any]:
    """A class A downlink as ChirpStack sends it; a value of None leaves the field out."""
    values = {
        "tmst": 3513348611,
        "rfch": 0,
        "powe": 14,
        "freq": 868.5,
        "modu": "LORA",
        "datr": "SF7BW125",
        "codr": "4/5",
        "ipol": True,
        "size": 17,
        "data": "YPF9vkmAAgABlUN4disR/w0=",
    } | changes
    return {key: value for key, value in values.items() if value is not None}


def body(**changes: Any) -> bytes:
    return json.dumps({"txpk": txpk(**changes)}).encode()


@dataclass
class Facts:
    """What a gateway tells its links; a GatewayFacts."""

    counters: RadioCounters = field(default_factory=RadioCounters)
    temperature: float | None = None
    place: Position | None = None
    loads: list[BandLoad] = field(default_factory=list)

    def band_loads(self) -> list[BandLoad]:
        return self.loads

    def temperature_c(self) -> float | None:
        return self.temperature

    def position(self) -> Position | None:
        return self.place

    def radio_words(self) -> str:
        return "up"


ACCEPTED = Accepted(start_us=1, power_dbm=14.0, adjusted=False, margin_us=250_000)


def answering(
    answer: Answer = ACCEPTED, seen: list[Downlink] | None = None
) -> Callable[[Downlink], Answer]:
    """A scheduler that always says the same, and notes what it was asked."""

    def schedule(downlink: Downlink) -> Answer:
        if seen is not None:
            seen.append(downlink)
        return answer

    return schedule


def udp_servers(config: GatewayConfig) -> tuple[UdpSettings, ...]:
    """The servers of a configuration in which all speak Semtech's UDP."""
    servers = tuple(one for one in config.servers if isinstance(one, UdpSettings))
    assert len(servers) == len(config.servers)
    return servers
