"""ChirpStack Concentratord: concentratord.toml, channels.toml and region.toml as one. Pure.

chirpstack/chirpstack-concentratord, chirpstack-concentratord-sx1302/src/config/mod.rs: the keys
and their defaults.
"""

from __future__ import annotations

from itertools import pairwise

from ..layers import Table
from ..names import shown
from ..section import Document, Section
from .document import root, seconds, words
from .draft import Channels, Draft
from .models import board_of, region_of

GATEWAY_KEYS = {
    "antenna_gain", "lorawan_public", "region", "model", "model_flags", "gateway_id",
    "time_fallback_enabled", "concentrator", "beacon", "lbt", "location", "fine_timestamp",
    "gnss_dev_path", "com_dev_path", "sx1261_dev_path", "sx1302_reset_pin", "sx1302_power_en_pin",
    "sx1261_reset_pin", "sx1302_reset_chip", "sx1302_power_en_chip", "sx1261_reset_chip",
    "i2c_dev_path",
}  # fmt: skip
PINS = {
    "sx1302_reset": "sx1302_reset",
    "sx1302_power_en": "power_enable",
    "sx1261_reset": "sx1261_reset",
}
FINE = {"ALL_SF": "all_sf", "HIGH_CAPACITY": "high_capacity"}
ANTENNA_GAIN = 2  # dBi, where the file says nothing
CODING_RATES = ("4/5", "4/6", "4/7", "4/8")
PERIOD_S = 128
MAX_HZ = 1_000_000_000


def read(source: Document, draft: Draft) -> None:
    """Fill `draft`. Raises ConfigError for a value that nothing can be made of."""
    whole = root(source)
    whole.check({"concentratord", "gateway"})
    _daemon(whole, draft)
    gateway = whole.section("gateway") or Section(source, ("gateway",), {})
    gateway.check(GATEWAY_KEYS)
    _model(gateway, draft)
    _identity(gateway, draft)
    _devices(gateway, draft)
    _beacon(gateway, draft)
    _lbt(gateway, draft)
    draft.channels = _channels(gateway)


def _daemon(whole: Section, draft: Draft) -> None:
    conf = whole.section("concentratord")
    if conf is None:
        return
    conf.check({"stats_interval", "api", "disable_crc_filter"}, {"log_level", "log_to_syslog"})
    if conf.flag("disable_crc_filter", False):
        conf.warn("disable_crc_filter", "forward_crc_error of each [[server]] decides that here")
    if "api" in conf:
        conf.warn("api", "there are no ZeroMQ sockets: other programs cannot use this radio")
    interval_s = seconds(conf, "stats_interval", 30)
    if interval_s != 30:
        draft.put("stat_interval_s", interval_s)


def _model(gateway: Section, draft: Draft) -> None:
    model, flags = gateway.text("model", ""), set(words(gateway, "model_flags"))
    board = board_of(model, usb="USB" in flags)
    if board:
        draft.put("board", board)
    elif model:
        usb = " with USB" if "USB" in flags else ""
        gateway.warn(
            "model", f"{shown(model)}{usb} is none of our boards: name one (docs/boards.md)"
        )
    if region := region_of(gateway.text("region", "")):
        draft.put("region", region)
    if "GNSS" in flags:
        draft.put("gateway.gps", True)
    if "ENFORCE_DC" not in flags and region == "EU868":
        gateway.warn(
            "model_flags",
            "without ENFORCE_DC; here the duty cycle is kept (limits.enforce_duty_cycle)",
        )
    for flag in sorted(flags - {"GNSS", "USB", "ENFORCE_DC", "LBT"}):
        gateway.warn("model_flags", f"{flag} is not known, left out")


def _identity(gateway: Section, draft: Draft) -> None:
    if eui := gateway.text("gateway_id", ""):
        draft.put("gateway.eui", eui)
    whole = "model" in gateway  # not a channel or region file alone
    gain = gateway.number("antenna_gain", ANTENNA_GAIN if whole else 0, -128, 127)
    if whole and "antenna_gain" not in gateway:
        gateway.warn("antenna_gain", f"is missing, which is {ANTENNA_GAIN} dBi there")
    if gain:
        draft.put("concentrator.antenna_gain_dbi", float(gain))
    if not gateway.flag("lorawan_public", True):
        draft.put("concentrator.public", False)
    if gateway.flag("time_fallback_enabled", False):
        gateway.warn(
            "time_fallback_enabled", "the system's time is never sent as the time of a frame"
        )
    location = gateway.section("location")
    for key in ("latitude", "longitude", "altitude") if location else ():
        if location and (value := location.number(key, 0, -32_768, 32_767)):
            draft.put(
                f"gateway.{key}_m" if key == "altitude" else f"gateway.{key}_deg",
                round(value) if key == "altitude" else float(value),
            )
    fine = gateway.section("fine_timestamp")
    if fine and fine.flag("enable", False):
        mode = fine.text("mode", "ALL_SF")
        if mode not in FINE:
            raise fine.error("mode", " or ".join(FINE))
        draft.put("concentrator.fine_timestamp", FINE[mode])


def _devices(gateway: Section, draft: Draft) -> None:
    if path := gateway.text("com_dev_path", ""):
        kind = "spi" if "spidev" in path else "usb"
        draft.put("concentrator.radio", f"{kind}:{path}")
    if path := gateway.text("gnss_dev_path", ""):
        draft.put("gateway.gps_tty", path)
    if path := gateway.text("sx1261_dev_path", ""):
        draft.put("sx1261.spi_path", path)
    if "i2c_dev_path" in gateway:
        gateway.warn("i2c_dev_path", "the board says where its temperature sensor is")
    for theirs, ours in PINS.items():
        if f"{theirs}_pin" in gateway:
            draft.put(f"lines.{ours}", gateway.integer(f"{theirs}_pin", 0, 0, 511))
        chip = gateway.text(f"{theirs}_chip", "")
        if chip not in ("", "/dev/gpiochip0"):
            gateway.warn(f"{theirs}_chip", "the chip is found by its label; pins are BCM numbers")


def _beacon(gateway: Section, draft: Draft) -> None:
    beacon = gateway.section("beacon")
    frequencies = beacon.values("frequencies") if beacon else None
    if beacon is None or not frequencies:
        return
    beacon.check(
        {"frequencies", "bandwidth", "spreading_factor", "tx_power"}, {"compulsory_rfu_size"}
    )
    if not draft.get("gateway.gps"):
        beacon.warn("frequencies", "beacons need GPS (the flag GNSS); they stay off")
        return
    steps = _evenly(frequencies)
    if steps is None:
        raise beacon.error("frequencies", "frequencies in Hz that are evenly apart")
    draft.put("beacon.period_s", PERIOD_S)
    draft.put("beacon.freq_hz", steps[0])
    draft.put("beacon.channels", len(frequencies))
    draft.put("beacon.step_hz", steps[1])
    draft.put("beacon.bw_hz", beacon.integer("bandwidth", 125_000, 0, MAX_HZ))
    draft.put("beacon.sf", beacon.integer("spreading_factor", 9, 5, 12))
    draft.put("beacon.power_dbm", beacon.integer("tx_power", 14, -128, 127))


def _evenly(frequencies: list[object]) -> tuple[int, int] | None:
    """The first frequency and the step to the next."""
    hz = [int(value) for value in frequencies if isinstance(value, int)]
    steps = {high - low for low, high in pairwise(hz)}
    if len(hz) != len(frequencies) or len(steps) > 1:
        return None
    return hz[0], steps.pop() if steps else 0


def _lbt(gateway: Section, draft: Draft) -> None:
    lbt = gateway.section("lbt")
    if lbt is None or not lbt.flag("enable", False):
        return
    draft.put("sx1261.lbt", True)
    draft.put("sx1261.lbt_rssi_target_dbm", lbt.integer("rssi_target", -80, -128, 127))
    rows = [
        {
            "freq_hz": row.integer("frequency", 0, 0, MAX_HZ),
            "bw_hz": row.integer("bandwidth", 125_000, 0, MAX_HZ),
            "scan_time_us": row.integer("scan_time_us", 5000, 0, 10**6),
            "transmit_time_ms": row.integer("transmit_time_ms", 4000, 0, 65_535),
        }
        for row in lbt.sections("channels")
    ]
    if rows:
        draft.put("sx1261.lbt_channels", rows)


def _channels(gateway: Section) -> Channels | None:
    conf = gateway.section("concentrator")
    if conf is None:
        return None
    conf.check({"multi_sf_channels", "lora_std", "fsk"})
    listed = conf.values("multi_sf_channels") or []
    if not all(isinstance(hz, int) and not isinstance(hz, bool) for hz in listed):
        raise conf.error("multi_sf_channels", "frequencies in Hz")
    multi_sf = tuple(int(str(hz)) for hz in listed if hz)  # 0: this channel is off
    return Channels(conf.place("multi_sf_channels"), multi_sf, _std(conf), _fsk(conf))


def _std(conf: Section) -> Table | None:
    std = conf.section("lora_std")
    if std is None or not std.integer("frequency", 0, 0, MAX_HZ):
        return None
    table: Table = {
        "freq_hz": std.integer("frequency", 0, 0, MAX_HZ),
        "bw_hz": std.integer("bandwidth", 250_000, 0, MAX_HZ),
        "sf": std.integer("spreading_factor", 7, 5, 12),
    }
    return table | _implicit(std) if std.flag("implicit_header", False) else table


def _implicit(std: Section) -> Table:
    rate = std.text("implicit_coderate", "4/5")
    if rate not in CODING_RATES:
        raise std.error("implicit_coderate", " or ".join(CODING_RATES))
    return {
        "implicit_header": True,
        "implicit_length": std.integer("implicit_payload_length", 0, 0, 255),
        "implicit_crc": std.flag("implicit_crc_enable", False),
        "implicit_coding_rate": CODING_RATES.index(rate) + 1,
    }


def _fsk(conf: Section) -> Table | None:
    fsk = conf.section("fsk")
    if fsk is None or not fsk.integer("frequency", 0, 0, MAX_HZ):
        return None
    return {
        "freq_hz": fsk.integer("frequency", 0, 0, MAX_HZ),
        "bw_hz": fsk.integer("bandwidth", 125_000, 0, MAX_HZ),
        "bitrate_bps": fsk.integer("datarate", 50_000, 0, MAX_HZ),
    }
