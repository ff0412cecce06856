"""Checked settings (schema.File) to what the gateway uses (model.GatewayConfig).

Channels given as frequencies get a radio and an offset; everything that only the whole can be
wrong about is checked here. Pure; ConfigError names the place of the setting.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hal.config import (
    ConcentratorConfig,
    FineTimestamp,
    FskChannel,
    LbtChannel,
    LoraStdChannel,
    MultiSfChannel,
    RadioConfig,
    RadioKind,
    ScanConfig,
    Sx1261Config,
    TxGain,
)
from hal.gpio import BoardLines
from hal.spectrum import STEP_HZ

from ..errors import ConfigError
from . import schema
from .base import Place
from .layers import Settings
from .links import chirpstack_region, links, parse_eui
from .model import (
    STANDARDS,
    BeaconSettings,
    GatewayConfig,
    GpsSettings,
    HealthSettings,
    Limits,
    Site,
    TxBand,
)
from .names import shown

if TYPE_CHECKING:
    from ..edge.config import EdgeConfig
    from ..page.settings import PageSettings

HALF_SPAN_HZ = 800_000
SX1261_BAND_HZ = (150_000_000, 960_000_000)
SPI_HZ = schema.Concentrator().spi_hz
BEACON_SFS = (8, 9, 10, 12)
GPSD = "gpsd://"


def build(path: Path, settings: Settings, file: schema.File, warnings: list[str]) -> GatewayConfig:
    """The configuration. Raises ConfigError for what no gateway could run with."""
    place = Place(settings.sources, path.name)
    _check_scan(file.sx1261.scan, place)
    concentrator = _concentrator(file, place)
    if faults := concentrator.validate():
        raise ConfigError(f"{_blame(place, faults[0])}: {faults[0]}")
    warnings += _doubts(file, place)
    return GatewayConfig(
        path=path,
        concentrator=concentrator,
        radio_uri=_radio_uri(file, place),
        lines=_lines(file),
        antenna_gain_dbi=file.concentrator.antenna_gain_dbi - file.concentrator.cable_loss_db,
        eui=parse_eui(file.gateway.eui, "gateway.eui", place),
        servers=links(file.server, path.parent, _region_id(file), place),
        site=Site(
            file.gateway.latitude_deg,
            file.gateway.longitude_deg,
            file.gateway.altitude_m,
            file.gateway.fixed_position,
        ),
        gps=_gps(file, place),
        beacon=_beacon(file.beacon, place),
        limits=_limits(file, place),
        health=HealthSettings(
            file.health.exit_after, file.health.canary_dev_addr, file.health.canary_every_s
        ),
        spool_dir=file.spool.dir,
        page=_page(file, path, place),
        board=file.board or None,
        region=file.region or None,
        edge=_sinks_where_left_to(file, _edge(file, path, place), place),
        warnings=tuple(warnings),
        settings=settings.table,
        sources=settings.sources,
    )


def _region_id(file: schema.File) -> str:
    """The region as ChirpStack names it; empty where none is given."""
    if not file.region:
        return ""
    from . import regions  # a Semtech file names none

    return chirpstack_region(file.region, regions.choose(file.region, file.sub_band).sub_band)


def _page(file: schema.File, path: Path, place: Place) -> PageSettings | None:
    if not file.page.listen:
        return None
    from ..page.settings import page_settings  # most gateways have no page

    return page_settings(file.page, path.parent, place)


def _edge(file: schema.File, path: Path, place: Place) -> EdgeConfig | None:
    if file.edge is None:
        return None
    from ..edge.config import read  # most gateways have no local mode

    edge = read(file.edge, path.parent, place)
    if edge is not None and edge.settings.mode == "standalone" and file.server:
        raise ConfigError(
            f'{place("edge.mode")}: edge.mode = "standalone" beside a [[server]]: both would '
            'answer the same devices; expected no server, or mode = "fallback"'
        )
    return edge


def _sinks_where_left_to(
    file: schema.File, edge: EdgeConfig | None, place: Place
) -> EdgeConfig | None:
    """A server's `sink-only` leaves an outage to sinks: there must be some. Raises ConfigError."""
    for index, server in enumerate(file.server):
        if server.outage.policy == "sink-only" and not (edge is not None and edge.sinks):
            key = f"server[{index}].outage.policy"
            raise ConfigError(
                f'{place(key)}: {key} = "sink-only" leaves what is heard in an outage to the sinks '
                "of local mode, and there are none: add [edge] with an [[edge.sink]] "
                '(docs/local-mode.md), or use "drop" or "replay"'
            )
    return edge


def _concentrator(file: schema.File, place: Place) -> ConcentratorConfig:
    common = file.concentrator
    multi_sf = [
        _multi_sf(file, channel, f"multi_sf[{index}]", place)
        for index, channel in enumerate(file.multi_sf)
    ]
    multi_sf += [MultiSfChannel()] * (8 - len(multi_sf))
    return ConcentratorConfig(
        radios=(_radio(file.radio_0), _radio(file.radio_1)),
        multi_sf=tuple(multi_sf),
        multi_sf_sfs=frozenset(common.spreading_factors),
        lora_std=_lora_std(file, place),
        fsk=_fsk(file, place),
        public=common.public,
        clock_source=common.clock_source,
        full_duplex=common.full_duplex,
        fine_timestamp=FineTimestamp(common.fine_timestamp),
        sx1261=_sx1261(file.sx1261, needed=not file.limits.allow_without_lbt),
        allow_lowest_gain=common.allow_lowest_gain,
    )


def _radio(radio: schema.Radio) -> RadioConfig:
    if not radio.enable:
        return RadioConfig()
    gains = tuple(
        TxGain(g.rf_power, g.pa_gain, g.pwr_idx, g.dig_gain, g.dac_gain, g.mix_gain)
        for g in sorted(radio.tx_gains, key=lambda gain: gain.rf_power)
    )
    return RadioConfig(
        enable=True,
        kind=RadioKind(radio.type),
        freq_hz=radio.freq_hz,
        rssi_offset_db=radio.rssi_offset_db,
        rssi_tcomp=radio.rssi_tcomp,
        single_input=radio.single_input,
        tx_enable=radio.tx_enable,
        tx_freq_min_hz=radio.tx_freq_min_hz if radio.tx_enable else 0,
        tx_freq_max_hz=radio.tx_freq_max_hz if radio.tx_enable else 0,
        tx_gains=gains if radio.tx_enable else (),
    )


def _multi_sf(file: schema.File, channel: schema.MultiSf, key: str, place: Place) -> MultiSfChannel:
    if not channel.enable:
        return MultiSfChannel()
    radio, if_hz = _where(file, channel, key, 125_000, place)
    return MultiSfChannel(True, radio, if_hz)


def _lora_std(file: schema.File, place: Place) -> LoraStdChannel:
    std = file.lora_std
    if std is None or not std.enable:
        return LoraStdChannel()
    radio, if_hz = _where(file, std, "lora_std", std.bw_hz, place)
    if not std.implicit_header:
        # Semtech's program then leaves all of these 0, and writes them to the chip.
        return LoraStdChannel(True, radio, if_hz, std.bw_hz, std.sf, implicit_coding_rate=0)
    return LoraStdChannel(
        True,
        radio,
        if_hz,
        std.bw_hz,
        std.sf,
        implicit_header=True,
        implicit_length=std.implicit_length,
        implicit_crc=std.implicit_crc,
        implicit_coding_rate=std.implicit_coding_rate,
    )


def _fsk(file: schema.File, place: Place) -> FskChannel:
    fsk = file.fsk
    if fsk is None or not fsk.enable:
        return FskChannel()
    radio, if_hz = _where(file, fsk, "fsk", fsk.bw_hz, place)
    return FskChannel(True, radio, if_hz, fsk.bw_hz, fsk.bitrate_bps)


def _where(
    file: schema.File,
    channel: schema.MultiSf | schema.LoraStd | schema.Fsk,
    key: str,
    bw_hz: int,
    place: Place,
) -> tuple[int, int]:
    """Radio and offset of a channel: as given, or the nearest enabled radio of its frequency."""
    if channel.freq_hz is None:
        if channel.radio is None or channel.if_hz is None:
            raise ConfigError(f"{place(key)}: {key}: expected freq_hz, or radio and if_hz")
        return channel.radio, channel.if_hz
    if channel.if_hz is not None:
        raise ConfigError(f"{place(key)}: {key} has freq_hz and if_hz: remove one of them")
    radios = (file.radio_0, file.radio_1)
    offsets = [
        (abs(channel.freq_hz - radio.freq_hz), index, channel.freq_hz - radio.freq_hz)
        for index, radio in enumerate(radios)
        if radio.enable and channel.radio in (None, index)
    ]
    if not offsets or min(offsets)[0] + bw_hz // 2 > HALF_SPAN_HZ:
        centres = " and ".join(f"{r.freq_hz / 1e6:g} MHz" for r in radios if r.enable) or "none"
        raise ConfigError(
            f"{place(key)}: {key}.freq_hz = {channel.freq_hz}: expected within "
            f"{(HALF_SPAN_HZ - bw_hz // 2) / 1e3:g} kHz of a radio (they stand at {centres}); "
            "move radio_0.freq_hz or radio_1.freq_hz"
        )
    _, index, offset_hz = min(offsets)
    return index, offset_hz


def _sx1261(conf: schema.Sx1261, *, needed: bool) -> Sx1261Config | None:
    """None unless it is needed: nothing talks to it then, as in Semtech's forwarder."""
    if not (conf.lbt or conf.scan.enable):
        return None
    channels = tuple(
        LbtChannel(c.freq_hz, c.bw_hz, c.scan_time_us, c.transmit_time_ms)
        for c in conf.lbt_channels
    )
    return Sx1261Config(
        spi_path=conf.spi_path or None,
        rssi_offset_db=conf.rssi_offset_db,
        lbt_enable=conf.lbt,
        lbt_rssi_target_dbm=conf.lbt_rssi_target_dbm,
        lbt_channels=channels,
        lbt_needed=needed,
        scan=_scan(conf.scan),
    )


def _gps_doubts(file: schema.File, place: Place) -> list[str]:
    if not (file.gateway.gps and file.concentrator.radio.startswith("sim:")):
        return []
    return [
        f"{place('gateway.gps')}: GPS on a simulated board: its PPS edges are not the receiver's, "
        "and times will be up to a second off; use edgemast sim --gps"
    ]


def _beacon_doubts(file: schema.File, place: Place) -> list[str]:
    period_s, at = file.beacon.period_s, place("beacon.period_s")
    doubts = []
    if period_s and not file.gateway.gps:
        doubts.append(
            f"{at}: beacons without GPS: none will be sent. They need gateway.gps and its PPS "
            "line; the time of NTP is milliseconds off, and devices would open their ping slots in "
            "the wrong place"
        )
    if period_s and 86_400 % period_s:
        doubts.append(
            f"{at}: beacon.period_s = {period_s} does not divide a day: devices will not find the "
            "beacons; 128 is what they expect"
        )
    return doubts


def _scan(conf: schema.Scan) -> ScanConfig | None:
    if not conf.enable:
        return None
    return ScanConfig(conf.freq_start_hz, conf.channels, conf.readings, conf.pace_s)


def _lbt_doubts(file: schema.File, place: Place) -> list[str]:
    limits, at = file.limits, place("limits.lbt_required")
    if file.sx1261.lbt and not file.sx1261.lbt_channels:
        return [
            f"{place('sx1261.lbt')}: sx1261.lbt = true without sx1261.lbt_channels: every downlink "
            "will be refused; give the channels, or a region that has them"
        ]
    if not limits.lbt_required or file.sx1261.lbt:
        return []
    if limits.allow_without_lbt:
        return [
            f"{at}: {file.region} demands listen before talk; limits.allow_without_lbt sends "
            "without it, at your own risk"
        ]
    return [
        f"{at}: {file.region} demands listen before talk, which is off: every downlink will be "
        "refused; set sx1261.lbt = true if the board has an SX1261 (its channels come from the "
        "region), or, at your own risk, limits.allow_without_lbt = true"
    ]


def _check_scan(scan: schema.Scan, place: Place) -> None:
    last_hz = scan.freq_start_hz + (scan.channels - 1) * STEP_HZ
    if not scan.enable or (
        scan.freq_start_hz >= SX1261_BAND_HZ[0] and last_hz <= SX1261_BAND_HZ[1]
    ):
        return
    raise ConfigError(
        f"{place('sx1261.scan.freq_start_hz')}: sx1261.scan.freq_start_hz = {scan.freq_start_hz}, "
        f"{scan.channels} channels: expected within 150 to 960 MHz, which an SX1261 can scan"
    )


def _radio_uri(file: schema.File, place: Place) -> str:
    uri = file.concentrator.radio
    scheme, _, device = uri.partition(":")
    if scheme not in ("spi", "usb", "sim") or (scheme != "sim" and not device):
        raise ConfigError(
            f"{place('concentrator.radio')}: concentrator.radio = {shown(uri)}: expected "
            "spi:/dev/spidev0.0, usb:/dev/ttyACM0 or sim:, or a board"
        )
    if scheme != "spi" or file.concentrator.spi_hz == SPI_HZ or "speed=" in uri:
        return uri
    return f"{uri}{'&' if '?' in uri else '?'}speed={file.concentrator.spi_hz}"


def _lines(file: schema.File) -> BoardLines | None:
    if not file.concentrator.radio.startswith("spi:"):
        return None  # a USB board resets itself
    values = [
        getattr(file.lines, name) if getattr(file.lines, name) >= 0 else None
        for name in file.lines.__struct_fields__
    ]
    return BoardLines(*values) if any(value is not None for value in values) else None


def _gps(file: schema.File, place: Place) -> GpsSettings | None:
    gateway = file.gateway
    if not gateway.gps:
        return None
    source, kind = gateway.gps_tty, gateway.gps_source
    if kind == "gpsd" and not source.startswith(GPSD):
        source = f"{GPSD}localhost"
    if not source:
        raise ConfigError(
            f"{place('gateway.gps')}: gateway.gps = true: expected gateway.gps_tty too, "
            'the serial device of the receiver, such as "/dev/ttyAMA0", or "gpsd://localhost"'
        )
    if source.startswith(GPSD):
        _check_gpsd(source, kind, place)
        kind = "gpsd"
    return GpsSettings(source, kind, gateway.gps_baud)


def _check_gpsd(source: str, kind: str, place: Place) -> None:
    _, colon, port = source.removeprefix(GPSD).rpartition(":")
    if kind not in ("auto", "gpsd"):
        raise ConfigError(
            f"{place('gateway.gps_source')}: gateway.gps_source = {shown(kind)}: expected auto or "
            f"gpsd with gps_tty = {shown(source)}"
        )
    if source == GPSD or (colon and not port.endswith("]") and not 0 < _whole(port) < 65_536):
        raise ConfigError(
            f"{place('gateway.gps_tty')}: gateway.gps_tty = {shown(source)}: expected "
            "gpsd://HOST or gpsd://HOST:PORT"
        )


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else -1


def _beacon(beacon: schema.Beacon, place: Place) -> BeaconSettings:
    if 0 < beacon.period_s < 6:
        raise ConfigError(
            f"{place('beacon.period_s')}: beacon.period_s = {beacon.period_s}: expected 0 (off) "
            "or 6 and more, usually 128"
        )
    if beacon.period_s and (beacon.sf not in BEACON_SFS or beacon.bw_hz == 250_000):
        raise ConfigError(
            f"{place('beacon.sf')}: beacon SF{beacon.sf} at {beacon.bw_hz} Hz: expected SF 8, 9, "
            "10 or 12 at 125000 or 500000 Hz"
        )
    return BeaconSettings(*(getattr(beacon, name) for name in beacon.__struct_fields__))


def _limits(file: schema.File, place: Place) -> Limits:
    limits = file.limits
    for index, band in enumerate(limits.bands):
        if band.min_hz >= band.max_hz:
            key = f"limits.bands[{index}]"
            raise ConfigError(
                f"{place(key)}: {key}: min_hz = {band.min_hz}: expected below max_hz {band.max_hz}"
            )
    return Limits(
        bands=tuple(
            TxBand(b.min_hz, b.max_hz, b.max_eirp_dbm, b.duty_cycle, b.dwell_ms, b.name)
            for b in limits.bands
        ),
        enforce_duty_cycle=limits.enforce_duty_cycle,
        enforce_dwell_time=limits.enforce_dwell_time,
        enforce_eirp=limits.enforce_eirp,
        lbt_required=limits.lbt_required,
        allow_without_lbt=limits.allow_without_lbt,
        standard=STANDARDS.get((file.region or "").upper(), ""),
    )


def _blame(place: Place, fault: str) -> str:
    """The place of what a fault of the concentrator's begins with, in Semtech's names or ours."""
    name, _, field = fault.split(" ")[0].rstrip(":,").partition(".")
    ours = {"clksrc": "concentrator.clock_source", "chan_Lora_std": "lora_std", "chan_FSK": "fsk"}
    fields = {"freq": "freq_hz", "tx_gain_lut": "tx_gains", "if": "if_hz"}
    if name.startswith("chan_multiSF_") and name[-1].isdigit():
        return place(f"multi_sf[{name[-1]}].{fields.get(field, field)}")
    return place(f"{ours.get(name, name)}.{fields.get(field.rstrip(','), field)}")


def _doubts(file: schema.File, place: Place) -> list[str]:
    """What works and is probably not meant."""
    doubts = []
    at = place("server")
    if not file.server and (file.edge or {}).get("mode") != "standalone":
        doubts.append(f"{at}: no server: frames go nowhere; add [[server]] with an address")
    if not any(channel.enable for channel in file.multi_sf):
        doubts.append(f"{place('multi_sf')}: no LoRa channel is enabled")
    doubts += _lbt_doubts(file, place)
    doubts += _gps_doubts(file, place)
    doubts += _beacon_doubts(file, place)
    if file.concentrator.full_duplex and file.concentrator.radio.startswith("usb:"):
        doubts.append(
            f"{place('concentrator.full_duplex')}: full duplex over USB: the AD5338R that biases "
            "the power amplifier of CN490 full duplex boards is on I2C, which USB does not reach: "
            "such a board would send next to nothing"
        )
    for name, radio in (("radio_0", file.radio_0), ("radio_1", file.radio_1)):
        inside = radio.tx_freq_min_hz <= radio.tx_freq_max_hz
        if radio.enable and radio.tx_enable and not inside:
            doubts.append(
                f"{place(name + '.tx_freq_min_hz')}: {name}: tx_freq_min_hz is above "
                "tx_freq_max_hz: every downlink will be refused"
            )
    return doubts
