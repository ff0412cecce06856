"""Semtech's `gateway_conf`, with mp_pkt_fwd's additions, as our settings.

Defaults are those of sx1302_hal 2.1.0, packet_forwarder/src/lora_pkt_fwd.c; the keys of mp_pkt_fwd
from semtech-udp.md 3.5. Pure.
"""

from __future__ import annotations

from .layers import Table
from .names import shown
from .out import Out
from .section import Section

GATEWAY_KEYS = {
    "gateway_ID", "server_address", "serv_port_up", "serv_port_down", "keepalive_interval",
    "stat_interval", "push_timeout_ms", "forward_crc_valid", "forward_crc_error",
    "forward_crc_disabled", "gps_tty_path", "ref_latitude", "ref_longitude", "ref_altitude",
    "fake_gps", "beacon_period", "beacon_freq_hz", "beacon_freq_nb", "beacon_freq_step",
    "beacon_datarate", "beacon_bw_hz", "beacon_power", "beacon_infodesc", "autoquit_threshold",
    "servers", "gps", "beacon", "upstream", "downstream", "enforce_duty_cycle",
}  # fmt: skip
# mp_pkt_fwd's, and forks'; of no meaning here.
UNUSED_KEYS = {
    "logger", "ghoststream", "radiostream", "statusstream", "ghost_address", "ghost_port",
    "stat_format", "stat_file", "stat_damping", "platform", "contact_email", "description",
    "flush", "flush_line", "watchdog", "debug_pkt_fwd", "debug_jit", "debug_jit_error",
    "debug_timersync", "debug_beacon", "debug_log", "debug_forward", "ttn_enable", "ttn_address",
    "ttn_gateway_id", "ttn_gateway_key",
}  # fmt: skip
SERVER_KEYS = {
    "server_address", "serv_port_up", "serv_port_down", "serv_enabled", "serv_up_enabled",
    "serv_down_enabled", "serv_type", "gateway_ID",
}  # fmt: skip
SERVER_UNUSED = {"serv_max_stall", "serv_gw_id", "serv_gw_key", "critical"}
SERVER_PLACES = {
    "port_up": "serv_port_up",
    "port_down": "serv_port_down",
    "keepalive_s": "keepalive_interval",
    "stat_interval_s": "stat_interval",
    "push_timeout_ms": "push_timeout_ms",
    "forward_crc_valid": "forward_crc_valid",
    "forward_crc_error": "forward_crc_error",
    "forward_crc_disabled": "forward_crc_disabled",
    "autoquit": "autoquit_threshold",
}
PORT_UP, PORT_DOWN = 1780, 1782  # Semtech's program without a setting


def gateway(conf: Section, out: Out) -> None:
    """Everything of `gateway_conf`. Raises ConfigError for a value that nothing can be made of."""
    conf.check(GATEWAY_KEYS, UNUSED_KEYS)
    put = out.table("gateway", conf)
    if "gateway_ID" in conf:
        put("eui", "gateway_ID", conf.text("gateway_ID", ""))
    else:
        conf.warn("gateway_ID", "is missing: the EUI of the chip will be used")
    put("latitude_deg", "ref_latitude", float(conf.number("ref_latitude", 0.0, -90, 90)))
    put("longitude_deg", "ref_longitude", float(conf.number("ref_longitude", 0.0, -180, 180)))
    put("altitude_m", "ref_altitude", conf.integer("ref_altitude", 0, -32_768, 32_767))
    put("fixed_position", "fake_gps", conf.flag("fake_gps", False))
    if "enforce_duty_cycle" in conf:  # ours: Semtech's program knows no duty cycle
        asked = conf.flag("enforce_duty_cycle", False)
        out.put("limits.enforce_duty_cycle", asked, conf.place("enforce_duty_cycle"))
    _gps(conf, out)
    _beacon(conf, out)
    out.put("server", _servers(conf), conf.place("servers"))
    for name, key in (("address", "server_address"), *SERVER_PLACES.items()):
        if key in conf and "servers" not in conf:
            out.places[f"server[0].{name}"] = conf.place(key)


def _gps(conf: Section, out: Out) -> None:
    put = out.table("gateway", conf)
    tty = conf.text("gps_tty_path", "")
    wanted = bool(tty) and conf.flag("gps", True)
    if wanted and tty.startswith("/dev/i2c"):
        conf.warn("gps_tty_path", "GPS over I2C is not supported; the gateway runs without GPS")
        wanted = False
    put("gps", "gps_tty_path", wanted)
    put("gps_tty", "gps_tty_path", tty)


def _beacon(conf: Section, out: Out) -> None:
    put = out.table("beacon", conf)
    period = conf.integer("beacon_period", 0, 0, 86_400)
    if 0 < period < 6:
        raise conf.error("beacon_period", "0 (off) or 6 and more, usually 128")
    if period and 86_400 % period:
        conf.warn("beacon_period", "does not divide a day: devices will not find the beacons")
    if period and not conf.flag("beacon", True):
        conf.warn("beacon", "false: beacons are off")
        period = 0
    put("period_s", "beacon_period", period)
    put("freq_hz", "beacon_freq_hz", conf.integer("beacon_freq_hz", 869_525_000, 0, 10**9))
    put("channels", "beacon_freq_nb", conf.integer("beacon_freq_nb", 1, 1, 255))
    put("step_hz", "beacon_freq_step", conf.integer("beacon_freq_step", 0, 0, 10**9))
    for name, key, default, allowed in (
        ("sf", "beacon_datarate", 9, (8, 9, 10, 12)),
        ("bw_hz", "beacon_bw_hz", 125_000, (125_000, 500_000)),
    ):
        value = conf.integer(key, default, 0, 10**9)
        if value not in allowed:
            if period:
                raise conf.error(key, " or ".join(str(choice) for choice in allowed))
            conf.warn(key, f"{value} is not possible, but beacons are off; taken as {default}")
            value = default
        put(name, key, value)
    put("power_dbm", "beacon_power", conf.integer("beacon_power", 14, -128, 127))
    put("info_descriptor", "beacon_infodesc", conf.integer("beacon_infodesc", 0, 0, 255))


def _servers(conf: Section) -> list[Table]:
    common = _common(conf)
    listed = conf.sections("servers")
    if not listed:
        return [_server(conf, common)] if conf.flag("upstream", True) else []
    if "server_address" in conf:
        conf.warn("server_address", "is not used, because there are servers[]")
    return [_server(one, common) | _own_eui(one) for one in listed if _wanted(one)]


def _own_eui(server: Section) -> Table:
    """The Things Stack's files name the gateway in each server."""
    return {"eui": server.text("gateway_ID", "")} if "gateway_ID" in server else {}


def _wanted(server: Section) -> bool:
    server.check(SERVER_KEYS, SERVER_UNUSED)
    if not server.flag("serv_enabled", True):
        return False
    kind = server.text("serv_type", "semtech")
    if kind != "semtech":
        why = "that server is retired" if kind == "ttn" else "only semtech is supported"
        server.warn("serv_type", f"{shown(kind)}: {why}; this server is left out")
        return False
    if not server.flag("serv_up_enabled", True):
        server.warn("serv_up_enabled", "downlink-only servers are not supported; left out")
        return False
    return True


def _server(one: Section, common: Table) -> Table:
    address = one.text("server_address", "127.0.0.1")
    if not address or len(address) > 255:
        raise one.error("server_address", "a host name or an IP address")
    server = {
        "address": address,
        "port_up": one.integer("serv_port_up", PORT_UP, 1, 65_535),
        "port_down": one.integer("serv_port_down", PORT_DOWN, 1, 65_535),
        **common,
    }
    if not one.flag("serv_down_enabled", True):
        server["uplink_only"] = True
    return server


def _common(conf: Section) -> Table:
    """What the file says once for all servers."""
    return {
        "keepalive_s": conf.integer("keepalive_interval", 5, 1, 86_400),
        "stat_interval_s": conf.integer("stat_interval", 30, 1, 86_400),
        "push_timeout_ms": conf.integer("push_timeout_ms", 100, 0, 3_600_000),
        "forward_crc_valid": conf.flag("forward_crc_valid", True),
        "forward_crc_error": conf.flag("forward_crc_error", False),
        "forward_crc_disabled": conf.flag("forward_crc_disabled", False),
        "uplink_only": not conf.flag("downstream", True),
        "autoquit": conf.integer("autoquit_threshold", 0, 0, 2**32 - 1),
    }
