"""Semtech's `SX130x_conf` (and `SX1301_conf`) as our radio settings.

Defaults and odd cases are those of sx1302_hal 2.1.0, packet_forwarder/src/lora_pkt_fwd.c,
`parse_SX130x_configuration`, because they decide what the chip's registers hold. Pure.
"""

from __future__ import annotations

from ..errors import ConfigError
from .layers import Table
from .out import Out
from .section import Section

BOARD_KEYS = {
    "com_type", "com_path", "lorawan_public", "clksrc", "full_duplex", "antenna_gain",
    "fine_timestamp", "sx1261_conf", "radio_0", "radio_1", "chan_multiSF_All", "chan_Lora_std",
    "chan_FSK", "lbt_cfg", "spidev_path",
    *(f"chan_multiSF_{i}" for i in range(8)), *(f"tx_lut_{i}" for i in range(16)),
}  # fmt: skip
RADIO_KEYS = {
    "enable", "type", "freq", "rssi_offset", "rssi_tcomp", "single_input_mode", "tx_enable",
    "tx_freq_min", "tx_freq_max", "tx_gain_lut",
}  # fmt: skip
GAIN_KEYS = {"rf_power", "pa_gain", "pwr_idx", "dig_gain", "dac_gain", "mix_gain"}
LORA_STD_KEYS = {
    "enable", "radio", "if", "bandwidth", "spread_factor", "implicit_hdr",
    "implicit_payload_length", "implicit_crc_en", "implicit_coderate",
}  # fmt: skip
LBT_KEYS = {"freq_hz", "bandwidth", "scan_time_us", "transmit_time_ms"}
BANDWIDTHS = (125_000, 250_000, 500_000)
MAX_HZ = 1_000_000_000
UINT32 = 2**32 - 1


def board(conf: Section, out: Out, *, sx1301: bool) -> None:
    """Everything of the board object but its bus, which `bus` reads."""
    conf.check(BOARD_KEYS, {"precision_timestamp"})
    put = out.table("concentrator", conf)
    if "lorawan_public" not in conf:
        conf.warn("lorawan_public", "is missing: private network, as in Semtech's forwarder")
    put("public", "lorawan_public", conf.flag("lorawan_public", False))
    put("clock_source", "clksrc", conf.integer("clksrc", 0, 0, 1))
    put("full_duplex", "full_duplex", conf.flag("full_duplex", False))
    put("antenna_gain_dbi", "antenna_gain", conf.integer("antenna_gain", 0, -128, 127))
    put("fine_timestamp", "fine_timestamp", _fine_timestamp(conf))
    if (lbt := conf.section("lbt_cfg")) and lbt.flag("enable", False):
        lbt.warn("enable", "LBT by the SX1301's FPGA is not possible; see sx1261_conf.lbt")
    _sx1261(conf, out)
    shared = _tx_lut(conf)
    for index in (0, 1):
        if radio := conf.section(f"radio_{index}"):
            _radio(radio, f"radio_{index}", out, shared, sx1301=sx1301)
    _channels(conf, out)


def bus(conf: Section, *, sx1301: bool) -> tuple[str, str]:
    """The radio URI, and where it was said. Raises ConfigError without a bus."""
    kind = conf.text("com_type", "SPI" if sx1301 or "spidev_path" in conf else "")
    path = conf.text("com_path", conf.text("spidev_path", "/dev/spidev0.0" if sx1301 else ""))
    if kind[:3].upper() == "SIM":
        return "sim:", conf.place("com_type")
    if kind[:3].upper() not in ("SPI", "USB"):
        raise conf.error("com_type", '"SPI" or "USB"')
    if not path:
        raise conf.error("com_path", 'a device such as "/dev/spidev0.0" or "/dev/ttyACM0"')
    return f"{kind[:3].lower()}:{path}", conf.place("com_path")


def _fine_timestamp(conf: Section) -> str:
    fine = conf.section("fine_timestamp")
    if fine is None:
        return "off"
    fine.check({"enable", "mode"})
    if not fine.flag("enable", False):
        return "off"
    mode = fine.text("mode", "").lower()
    if mode not in ("high_capacity", "all_sf"):
        raise fine.error("mode", '"high_capacity" or "all_sf"')
    return mode


def _sx1261(conf: Section, out: Out) -> None:
    sx1261 = conf.section("sx1261_conf")
    if sx1261 is None:
        return
    sx1261.check({"spi_path", "rssi_offset", "spectral_scan", "lbt"})
    put = out.table("sx1261", sx1261)
    put("spi_path", "spi_path", sx1261.text("spi_path", ""))
    put("rssi_offset_db", "rssi_offset", sx1261.integer("rssi_offset", 0, -128, 127))
    if (scan := sx1261.section("spectral_scan")) is not None:
        _scan(scan, out, sx1261)
    if lbt := sx1261.section("lbt"):
        _lbt(lbt, out)


def _scan(scan: Section, out: Out, sx1261: Section) -> None:
    """What counts is read where it is enabled only, as in Semtech's program."""
    scan.check({"enable", "freq_start", "nb_chan", "nb_scan", "pace_s"})
    if not scan.flag("enable", False):
        return
    for key in ("freq_start", "nb_chan", "nb_scan"):
        if key not in scan:
            raise scan.error(key, "a number, because the scan is enabled")
    table: Table = {
        "enable": True,
        "freq_start_hz": scan.integer("freq_start", 0, 0, MAX_HZ),
        "channels": scan.integer("nb_chan", 1, 1, 255),
        "readings": scan.integer("nb_scan", 1, 1, 65_535),
        "pace_s": max(scan.integer("pace_s", 10, 0, 86_400), 1),
    }
    out.table("sx1261", sx1261)("scan", "spectral_scan", table)


def _lbt(lbt: Section, out: Out) -> None:
    lbt.check({"enable", "rssi_target", "channels"})
    enable = lbt.flag("enable", False)
    put = out.table("sx1261", lbt)
    put("lbt", "enable", enable)
    # -80 when off is our default: Semtech's program does not read the rest then.
    target = lbt.integer("rssi_target", 0 if enable else -80, -128, 127)
    put("lbt_rssi_target_dbm", "rssi_target", target)
    try:
        put("lbt_channels", "channels", [_lbt_channel(c) for c in lbt.sections("channels")[:16]])
    except ConfigError as error:
        if enable:
            raise
        lbt.warn("channels", f"not taken over, LBT is off: {error}")


def _lbt_channel(channel: Section) -> Table:
    channel.check(LBT_KEYS)
    for key in sorted(LBT_KEYS):
        if key not in channel:
            raise channel.error(key, "a number")
    bandwidth = channel.integer("bandwidth", 0, 0, UINT32)
    scan_time = channel.integer("scan_time_us", 0, 0, UINT32)
    if bandwidth not in (125_000, 250_000):
        raise channel.error("bandwidth", "125000 or 250000")
    if scan_time not in (128, 5000):
        raise channel.error("scan_time_us", "128 or 5000")
    return {
        "freq_hz": channel.integer("freq_hz", 0, 0, MAX_HZ),
        "bw_hz": bandwidth,
        "scan_time_us": scan_time,
        "transmit_time_ms": channel.integer("transmit_time_ms", 0, 0, 65_535),
    }


def _radio(radio: Section, name: str, out: Out, shared: list[Table], *, sx1301: bool) -> None:
    radio.check(RADIO_KEYS, {"tx_notch_freq"} if sx1301 else ())
    put = out.table(name, radio)
    put("enable", "enable", radio.flag("enable", False))
    if not radio.flag("enable", False):
        return  # nothing else counts, as in C
    kind = radio.text("type", "")[:6]
    if kind not in ("SX1250", "SX1255", "SX1257"):
        raise radio.error("type", '"SX1250", "SX1255" or "SX1257"')
    put("type", "type", kind)
    put("freq_hz", "freq", radio.integer("freq", 0, 0, MAX_HZ))
    put("rssi_offset_db", "rssi_offset", float(radio.number("rssi_offset", 0.0, -400, 400)))
    put("rssi_tcomp", "rssi_tcomp", coefficients(radio))
    put("single_input", "single_input_mode", radio.flag("single_input_mode", False))
    transmits = radio.flag("tx_enable", False)
    put("tx_enable", "tx_enable", transmits)
    if not transmits:
        return
    for key, name_hz in (("tx_freq_min", "tx_freq_min_hz"), ("tx_freq_max", "tx_freq_max_hz")):
        if key not in radio:
            radio.warn(key, "is missing: every downlink on this radio will be refused")
        put(name_hz, key, radio.integer(key, 0, 0, MAX_HZ))
    put("tx_gains", "tx_gain_lut", gains(radio, kind, shared))


def coefficients(radio: Section) -> list[float]:
    terms = radio.section("rssi_tcomp")
    if terms is None:
        return [0.0] * 5
    names = [f"coeff_{letter}" for letter in "abcde"]
    terms.check(names)
    return [float(terms.number(name, 0.0, -1e6, 1e6)) for name in names]


def gains(radio: Section, kind: str, shared: list[Table]) -> list[Table]:
    """The gain table, ascending: the chip's driver takes the first fit from the top."""
    lines = radio.sections("tx_gain_lut")
    for_sx1250 = bool(lines) and "pwr_idx" in lines[0]
    if lines and for_sx1250 != (kind == "SX1250"):
        has, other = ("has", "SX1250") if for_sx1250 else ("has no", "SX1255/SX1257")
        raise radio.error(
            "tx_gain_lut",
            f"the gain table of a board with {kind}; this one {has} pwr_idx and is for {other}: "
            "copy the table of your board (config/boards)",
        )
    rows = [_gain(line, for_sx1250) for line in lines] or _from_sx1301(radio, kind, shared)
    powers = [int(str(row["rf_power"])) for row in rows]
    if powers != sorted(powers):
        radio.warn("tx_gain_lut", "is not in order of rf_power; sorted")
        rows = [row for _, row in sorted(zip(powers, rows, strict=True), key=lambda p: p[0])]
    return rows


def _gain(line: Section, for_sx1250: bool) -> Table:
    line.check(GAIN_KEYS)
    if "rf_power" not in line:
        line.warn("rf_power", "is missing; taken as 0 dBm")
    gain: Table = {"rf_power": line.integer("rf_power", 0, -128, 127)}
    gain["pa_gain"] = line.integer("pa_gain", 0, 0, 3)
    if for_sx1250:
        if line.integer("pa_gain", 0, 0, 3) > 1:  # one enable line, as sx1302_hal drives it
            line.warn("pa_gain", "an SX1250 board has 0 and 1; taken as 1")
            gain["pa_gain"] = 1
        gain["pwr_idx"] = line.integer("pwr_idx", 0, 0, 22)
    else:
        gain["dig_gain"] = line.integer("dig_gain", 0, 0, 3)
        gain["dac_gain"] = line.integer("dac_gain", 3, 0, 3)
        gain["mix_gain"] = line.integer("mix_gain", 0, 0, 15)
    return gain


def _tx_lut(conf: Section) -> list[Table]:
    """The SX1301's table: `tx_lut_0` to `tx_lut_15` at board level, for both radios."""
    lines = [conf.section(f"tx_lut_{index}") for index in range(16)]
    return [_gain(line, "pwr_idx" in line) for line in lines if line is not None]


def _from_sx1301(radio: Section, kind: str, shared: list[Table]) -> list[Table]:
    if not shared:
        raise radio.error("tx_gain_lut", "1 to 16 lines, or tx_enable false")
    if ("pwr_idx" in shared[0]) != (kind == "SX1250"):
        raise radio.error(
            "tx_gain_lut",
            f"a table for {kind}: the tx_lut_* lines are an SX1301's and tell nothing about this "
            "board; copy the table of your board (config/boards)",
        )
    return [dict(gain) for gain in shared]


def _channels(conf: Section, out: Out) -> None:
    put = out.table("concentrator", conf)
    put("spreading_factors", "chan_multiSF_All", _spreading_factors(conf))
    rows: list[Table] = []
    for index in range(8):
        channel = conf.section(f"chan_multiSF_{index}")
        if channel:
            channel.check({"enable", "radio", "if"}, {"spread_factor", "bandwidth"})
            out.places[f"multi_sf[{index}]"] = channel.place()
        rows.append(_where(channel) if channel else {"enable": False})
    out.put("multi_sf", rows, conf.place("chan_multiSF_0"))
    if (std := conf.section("chan_Lora_std")) and std.flag("enable", False):
        _lora_std(std, out)
    if (fsk := conf.section("chan_FSK")) and fsk.flag("enable", False):
        _fsk(fsk, out)


def _spreading_factors(conf: Section) -> list[int]:
    everything = [5, 6, 7, 8, 9, 10, 11, 12]
    section = conf.section("chan_multiSF_All")
    if section is None:
        return everything
    section.check({"spreading_factor_enable"})
    listed = section.values("spreading_factor_enable")
    if listed is None or len(listed) > 8:
        section.warn("spreading_factor_enable", "is no list of up to 8; all are enabled")
        return everything
    chosen = [int(sf) for sf in listed if isinstance(sf, int | float) and 5 <= int(sf) <= 12]
    if len(chosen) != len(listed):
        section.warn("spreading_factor_enable", "holds more than 5 to 12; all are enabled")
        return everything
    return sorted(set(chosen))


def _where(channel: Section) -> Table:
    if not channel.flag("enable", False):
        return {"enable": False}
    return {
        "enable": True,
        "radio": channel.integer("radio", 0, 0, 1),
        "if_hz": channel.integer("if", 0, -800_000, 800_000),
    }


def _lora_std(std: Section, out: Out) -> None:
    std.check(LORA_STD_KEYS)
    put = out.table("lora_std", std)
    for name, value in _where(std).items():
        put(name, "if" if name == "if_hz" else name, value)
    bandwidth = std.integer("bandwidth", 0, 0, UINT32)
    if bandwidth not in BANDWIDTHS:
        std.warn("bandwidth", f"{bandwidth} is none of 125000, 250000, 500000; taken as 250000")
        bandwidth = 250_000
    sf = std.integer("spread_factor", 0, 0, UINT32)
    if not 5 <= sf <= 12:
        std.warn("spread_factor", f"{sf} is not 5 to 12; taken as 7")
        sf = 7
    put("bw_hz", "bandwidth", bandwidth)
    put("sf", "spread_factor", sf)
    if not std.flag("implicit_hdr", False):
        return
    for key in ("implicit_payload_length", "implicit_crc_en", "implicit_coderate"):
        if key not in std:
            raise std.error(key, "a value, because implicit_hdr is true")
    put("implicit_header", "implicit_hdr", True)
    length = std.integer("implicit_payload_length", 0, 0, 255)
    put("implicit_length", "implicit_payload_length", length)
    put("implicit_crc", "implicit_crc_en", std.flag("implicit_crc_en", False))
    rate = std.integer("implicit_coderate", 1, 0, 255)
    put("implicit_coding_rate", "implicit_coderate", rate)


def _fsk(fsk: Section, out: Out) -> None:
    fsk.check({"enable", "radio", "if", "bandwidth", "freq_deviation", "datarate"})
    put = out.table("fsk", fsk)
    for name, value in _where(fsk).items():
        put(name, "if" if name == "if_hz" else name, value)
    bitrate = fsk.integer("datarate", 0, 0, UINT32)
    bandwidth = fsk.integer("bandwidth", 0, 0, UINT32)
    deviation = fsk.integer("freq_deviation", 0, 0, UINT32)
    if bandwidth == 0 and deviation != 0:
        bandwidth = 2 * deviation + bitrate
    # 0 and what is too wide count as not given, which Semtech's driver makes 250 kHz.
    wide = next((bw for bw in BANDWIDTHS if 0 < bandwidth <= bw), 250_000)
    put("bw_hz", "bandwidth", wide)
    if bitrate == 0:
        fsk.warn("datarate", "is missing; taken as 64000 bit/s, as in Semtech's driver")
        bitrate = 64_000
    put("bitrate_bps", "datarate", bitrate)
