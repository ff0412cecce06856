"""A `ConcentratorConfig` as the JSON file of Semtech's forwarder, for tests that start programs."""

from __future__ import annotations

from typing import Any

from hal.config import ConcentratorConfig, FineTimestamp, RadioConfig, Sx1261Config

EUI = "0016C001F1500812"


def semtech_json(config: ConcentratorConfig, path: str, port: int) -> dict[str, Any]:
    """The file that a user of a USB board at `path` has, for a server at `port` on this machine."""
    std, fsk = config.lora_std, config.fsk
    board: dict[str, Any] = {
        "com_type": "USB",
        "com_path": path,
        "lorawan_public": config.public,
        "clksrc": config.clock_source,
        "antenna_gain": 0,
        "full_duplex": config.full_duplex,
        "fine_timestamp": {
            "enable": config.fine_timestamp is not FineTimestamp.OFF,
            "mode": "all_sf",
        },
        "radio_0": _radio(config.radios[0]),
        "radio_1": _radio(config.radios[1]),
        "chan_multiSF_All": {"spreading_factor_enable": sorted(config.multi_sf_sfs)},
        "chan_Lora_std": {
            "enable": std.enable,
            "radio": std.radio,
            "if": std.if_hz,
            "bandwidth": std.bw_hz,
            "spread_factor": std.sf,
            "implicit_hdr": False,
            "implicit_payload_length": 17,
            "implicit_crc_en": False,
            "implicit_coderate": 1,
        },
        "chan_FSK": {
            "enable": fsk.enable,
            "radio": fsk.radio,
            "if": fsk.if_hz,
            "bandwidth": fsk.bw_hz,
            "datarate": fsk.bitrate_bps,
        },
    }
    if config.sx1261 is not None:
        board["sx1261_conf"] = _sx1261(config.sx1261)
    for chan, chain in enumerate(config.multi_sf):
        board[f"chan_multiSF_{chan}"] = {
            "enable": chain.enable,
            "radio": chain.radio,
            "if": chain.if_hz,
        }
    return {"SX130x_conf": board, "gateway_conf": _gateway(port)}


def _sx1261(sx1261: Sx1261Config) -> dict[str, Any]:
    scan = sx1261.scan
    return {
        "rssi_offset": sx1261.rssi_offset_db,
        "spectral_scan": {
            "enable": scan is not None,
            "freq_start": scan.freq_start_hz if scan else 0,
            "nb_chan": scan.channels if scan else 0,
            "nb_scan": scan.readings if scan else 0,
            "pace_s": scan.pace_s if scan else 10,
        },
        "lbt": {
            "enable": sx1261.lbt_enable,
            "rssi_target": sx1261.lbt_rssi_target_dbm,
            "channels": [
                {
                    "freq_hz": channel.freq_hz,
                    "bandwidth": channel.bw_hz,
                    "scan_time_us": channel.scan_time_us,
                    "transmit_time_ms": channel.transmit_time_ms,
                }
                for channel in sx1261.lbt_channels
            ],
        },
    }


def _radio(radio: RadioConfig) -> dict[str, Any]:
    return {
        "enable": radio.enable,
        "type": radio.kind.value,
        "freq": radio.freq_hz,
        "rssi_offset": radio.rssi_offset_db,
        "rssi_tcomp": {f"coeff_{k}": v for k, v in zip("abcde", radio.rssi_tcomp, strict=True)},
        "single_input_mode": radio.single_input,
        "tx_enable": radio.tx_enable,
        "tx_freq_min": radio.tx_freq_min_hz,
        "tx_freq_max": radio.tx_freq_max_hz,
        "tx_gain_lut": [
            {"rf_power": gain.rf_power_dbm, "pa_gain": gain.pa_gain, "pwr_idx": gain.pwr_idx}
            for gain in radio.tx_gains
        ],
    }


def _gateway(port: int) -> dict[str, Any]:
    return {
        "gateway_ID": EUI,
        "server_address": "127.0.0.1",
        "serv_port_up": port,
        "serv_port_down": port,
        "keepalive_interval": 10,
        "stat_interval": 30,
        "push_timeout_ms": 100,
        "forward_crc_valid": True,
        "forward_crc_error": True,
        "forward_crc_disabled": True,
    }
