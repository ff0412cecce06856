"""MAC commands by name, with their fields: bytes to values. Pure.

Ref: TS001-1.0.4 chapter 5, LoRaWAN 1.1 chapter 5. A command does not carry its length, so an
unknown one ends the list: what follows cannot be told apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

Fields = dict[str, int]


@dataclass(frozen=True, slots=True)
class MacCommand:
    """One command. `fields` are numbers in the standard's units; `raw` includes the CID."""

    cid: int
    name: str
    raw: bytes
    fields: Fields = field(default_factory=dict)

    def text(self) -> str:
        values = ", ".join(f"{name} {value}" for name, value in self.fields.items())
        return f"{self.name} ({values})" if values else self.name


def _nothing(_: bytes) -> Fields:
    return {}


def _u24(data: bytes) -> int:
    return int.from_bytes(data[:3], "little")


def _link_check(data: bytes) -> Fields:
    return {"margin_db": data[0], "gateways": data[1]}


def _link_adr(data: bytes) -> Fields:
    return {
        "data_rate": data[0] >> 4,
        "tx_power": data[0] & 15,
        "ch_mask": int.from_bytes(data[1:3], "little"),
        "ch_mask_cntl": data[3] >> 4 & 7,
        "nb_trans": data[3] & 15,
    }


def _bits(*names: str) -> Callable[[bytes], Fields]:
    return lambda data: {name: data[0] >> bit & 1 for bit, name in enumerate(names)}


def _rx_param(data: bytes) -> Fields:
    return {
        "rx1_dr_offset": data[0] >> 4 & 7,
        "rx2_data_rate": data[0] & 15,
        "freq_hz": _u24(data[1:]) * 100,
    }


def _dev_status(data: bytes) -> Fields:
    margin = data[1] & 0x3F
    return {"battery": data[0], "margin_db": margin - 64 if margin & 0x20 else margin}


def _new_channel(data: bytes) -> Fields:
    return {
        "index": data[0],
        "freq_hz": _u24(data[1:]) * 100,
        "max_dr": data[4] >> 4,
        "min_dr": data[4] & 15,
    }


def _tx_param(data: bytes) -> Fields:
    return {
        "downlink_dwell": data[0] >> 5 & 1,
        "uplink_dwell": data[0] >> 4 & 1,
        "max_eirp": data[0] & 15,
    }


def _dl_channel(data: bytes) -> Fields:
    return {"index": data[0], "freq_hz": _u24(data[1:]) * 100}


def _number(name: str, mask: int = 0xFF) -> Callable[[bytes], Fields]:
    return lambda data: {name: data[0] & mask}


def _adr_param(data: bytes) -> Fields:
    return {"limit_exp": data[0] >> 4, "delay_exp": data[0] & 15}


def _device_time(data: bytes) -> Fields:
    return {"gps_s": int.from_bytes(data[:4], "little"), "fraction_256": data[4]}


def _force_rejoin(data: bytes) -> Fields:
    word = int.from_bytes(data[:2], "little")
    return {
        "period": word >> 11 & 7,
        "max_retries": word >> 8 & 7,
        "rejoin_type": word >> 4 & 7,
        "data_rate": word & 15,
    }


def _rejoin_param(data: bytes) -> Fields:
    return {"max_time_n": data[0] >> 4, "max_count_n": data[0] & 15}


def _ping_channel(data: bytes) -> Fields:
    return {"freq_hz": _u24(data) * 100, "data_rate": data[3] & 15}


def _beacon_timing(data: bytes) -> Fields:
    return {"delay": int.from_bytes(data[:2], "little"), "channel": data[2]}


Layout = tuple[str, int, Callable[[bytes], Fields]]

# CID: name, payload size, fields. What a device sends:
UPLINK: dict[int, Layout] = {
    0x01: ("ResetInd", 1, _number("minor", 15)),
    0x02: ("LinkCheckReq", 0, _nothing),
    0x03: ("LinkADRAns", 1, _bits("ch_mask_ack", "data_rate_ack", "power_ack")),
    0x04: ("DutyCycleAns", 0, _nothing),
    0x05: ("RXParamSetupAns", 1, _bits("channel_ack", "rx2_data_rate_ack", "rx1_dr_offset_ack")),
    0x06: ("DevStatusAns", 2, _dev_status),
    0x07: ("NewChannelAns", 1, _bits("freq_ack", "data_rate_ack")),
    0x08: ("RXTimingSetupAns", 0, _nothing),
    0x09: ("TxParamSetupAns", 0, _nothing),
    0x0A: ("DlChannelAns", 1, _bits("freq_ack", "uplink_freq_ack")),
    0x0B: ("RekeyInd", 1, _number("minor", 15)),
    0x0C: ("ADRParamSetupAns", 0, _nothing),
    0x0D: ("DeviceTimeReq", 0, _nothing),
    0x0F: ("RejoinParamSetupAns", 1, _bits("time_ok")),
    0x10: ("PingSlotInfoReq", 1, _number("periodicity", 7)),
    0x11: ("PingSlotChannelAns", 1, _bits("freq_ack", "data_rate_ack")),
    0x12: ("BeaconTimingReq", 0, _nothing),
    0x13: ("BeaconFreqAns", 1, _bits("freq_ack")),
    0x20: ("DeviceModeInd", 1, _number("device_class")),
}
# What a server sends:
DOWNLINK: dict[int, Layout] = {
    0x01: ("ResetConf", 1, _number("minor", 15)),
    0x02: ("LinkCheckAns", 2, _link_check),
    0x03: ("LinkADRReq", 4, _link_adr),
    0x04: ("DutyCycleReq", 1, _number("max_duty_cycle", 15)),
    0x05: ("RXParamSetupReq", 4, _rx_param),
    0x06: ("DevStatusReq", 0, _nothing),
    0x07: ("NewChannelReq", 5, _new_channel),
    0x08: ("RXTimingSetupReq", 1, _number("delay_s", 15)),
    0x09: ("TxParamSetupReq", 1, _tx_param),
    0x0A: ("DlChannelReq", 4, _dl_channel),
    0x0B: ("RekeyConf", 1, _number("minor", 15)),
    0x0C: ("ADRParamSetupReq", 1, _adr_param),
    0x0D: ("DeviceTimeAns", 5, _device_time),
    0x0E: ("ForceRejoinReq", 2, _force_rejoin),
    0x0F: ("RejoinParamSetupReq", 1, _rejoin_param),
    0x10: ("PingSlotInfoAns", 0, _nothing),
    0x11: ("PingSlotChannelReq", 4, _ping_channel),
    0x12: ("BeaconTimingAns", 3, _beacon_timing),
    0x13: ("BeaconFreqReq", 3, lambda data: {"freq_hz": _u24(data) * 100}),
    0x20: ("DeviceModeConf", 1, _number("device_class")),
}


def parse(data: bytes, *, uplink: bool) -> list[MacCommand]:
    """Every command in `data`; unknown or cut ones come last, named so."""
    table = UPLINK if uplink else DOWNLINK
    found: list[MacCommand] = []
    at = 0
    while at < len(data):
        cid = data[at]
        if cid not in table:
            kind = "proprietary" if cid >= 0x80 else "unknown"
            return [*found, MacCommand(cid, f"{kind} 0x{cid:02x}", data[at:])]
        name, size, fields = table[cid]
        content = data[at + 1 : at + 1 + size]
        if len(content) < size:
            return [*found, MacCommand(cid, f"{name} cut short", data[at:])]
        found.append(MacCommand(cid, name, data[at : at + 1 + size], fields(content)))
        at += 1 + size
    return found
