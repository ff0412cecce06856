"""The state of a gateway in Prometheus' text format: `snapshot` in, text out. Pure.

Names are documented in docs/metrics.md, and a test holds the two together. Counters end in _total
and only grow while the process lives. Labels come from the configuration and from our own words,
so there is a bounded number of them. Source: Prometheus, "Text-based format" 0.0.4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, object]
State = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its name without prefix, kind and help, as in the table of docs/metrics.md."""

    name: str
    kind: str
    help: str


FAMILIES = tuple(
    Family(*words)
    for words in (
        ("info", "gauge", "Always 1; version, EUI, model, board and region are its labels."),
        ("uptime_seconds", "gauge", "Since the process started."),
        ("radio_up", "gauge", "1 while the concentrator receives."),
        ("radio_temperature_celsius", "gauge", "Near the radios; absent without a sensor."),
        ("radio_silent", "gauge", "1 while nothing is heard for unusually long."),
        ("radio_sessions_total", "counter", "Starts of the radio that succeeded."),
        ("radio_recovery_total", "counter", "Steps of recovery, by stage."),
        ("radio_failures_total", "counter", "Failures of the radio, by reason."),
        ("rx_frames_total", "counter", "Received frames, by state of the CRC: ok, bad, none."),
        ("rx_ghosts_total", "counter", "Of those: weak copies on other channels."),
        ("rx_dropped_total", "counter", "Frames that the program was too slow for."),
        ("rx_unwanted_total", "counter", "Frames kept from all servers by local mode."),
        ("rx_damage_total", "counter", "Stretches of the receive buffer that were no frame."),
        ("rx_channel_frames_total", "counter", "Frames with a good CRC, by frequency in Hz."),
        ("rx_rate_frames_total", "counter", "Frames with a good CRC, by modulation."),
        ("tx_frames_total", "counter", "Frames to send, by result: ok, failed."),
        ("tx_channel_frames_total", "counter", "Frames sent, by frequency in Hz."),
        ("tx_rate_frames_total", "counter", "Frames sent, by modulation."),
        ("tx_waiting", "gauge", "Downlinks in the queue."),
        ("duty_cycle_used_ratio", "gauge", "Part of the last hour on the air, by band."),
        ("duty_cycle_limit_ratio", "gauge", "What the band's rule allows."),
        ("downlinks_total", "counter", "Answers to a server's requests, by link and result."),
        ("downlinks_lost_total", "counter", "Accepted and then not sent, by link and reason."),
        ("downlink_airtime_seconds_total", "counter", "Time on the air, by link and band."),
        ("downlink_margin_seconds", "histogram", "Time left when a downlink came, by link."),
        (
            "lbt_attempts_total",
            "counter",
            "Frames listened before, by channel and result: free, busy.",
        ),
        (
            "spectrum_median_dbm",
            "gauge",
            "Level that half of the last scan's readings reach, by channel.",
        ),
        (
            "spectrum_busy_ratio",
            "gauge",
            "Part of the last scan's readings above -90 dBm, by channel.",
        ),
        ("spectrum_scans_total", "counter", "Scans that gave a result, by channel."),
        ("beacons_total", "counter", "Class B beacons, by result: sent, or why not."),
        ("link_up", "gauge", "1 while the server answers."),
        ("link_forwarded_total", "counter", "Frames sent to the server."),
        ("link_acknowledged_total", "counter", "Frames or datagrams that it acknowledged."),
        ("link_filtered_total", "counter", "Frames that its filter kept back, by reason."),
        ("link_connections_total", "counter", "Connections made, or sockets opened."),
        ("link_errors_total", "counter", "Errors of its connection."),
        ("link_rtt_seconds", "gauge", "Round trip of acknowledgements, by quantile."),
        ("link_bytes_total", "counter", "On the wire, as estimated, by direction."),
        ("link_waiting", "gauge", "Frames that wait for an outage to end."),
        ("link_outage_dropped_total", "counter", "Frames that did not outlast one, by reason."),
        ("link_certificate_days", "gauge", "Days until a certificate expires, by which."),
        ("gps_valid", "gauge", "1 while GPS time is known at the concentrator."),
        ("gps_position_fix", "gauge", "1 while the receiver knows its position."),
        ("gps_time_fix", "gauge", "1 while the receiver knows the time."),
        ("gps_pps", "gauge", "1 while PPS edges come."),
        ("gps_satellites", "gauge", "Satellites in use, as the receiver tells."),
        ("sink_waiting", "gauge", "Records that a sink does not have yet."),
        ("sink_delivered_total", "counter", "Records that it has taken."),
        ("sink_dropped_total", "counter", "Records that did not outlast its outage, by reason."),
        ("spool_written_bytes_total", "counter", "Bytes that went to the disk."),
        ("spool_written_bytes_last_day", "gauge", "Of those, within the last 24 hours."),
        ("spool_gaps", "gauge", "Losses of earlier runs that were found at the start."),
        ("spool_trouble", "gauge", "1 while the disk cannot be used; frames are kept in memory."),
    )
)
PREFIX = "edgemast_"


class Samples:
    """Collects samples by family; what is None is left out, since it is not known."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {family.name: [] for family in FAMILIES}

    def add(self, name: str, value: object, labels: Labels | None = None, suffix: str = "") -> None:
        if isinstance(value, bool | int | float):
            shown = f"{value:d}" if isinstance(value, bool) else repr(value)
            self._lines[name].append(f"{PREFIX}{name}{suffix}{_labels(labels or {})} {shown}\n")

    def add_all(self, name: str, values: object, label: str, labels: Labels | None = None) -> None:
        """One sample for each key of a table, with the key as `label`."""
        for key, value in _table(values).items():
            self.add(name, value, {**(labels or {}), label: key})

    def text(self) -> Iterator[str]:
        for family in FAMILIES:
            lines = self._lines[family.name]
            if lines:
                yield f"# HELP {PREFIX}{family.name} {family.help}\n"
                yield f"# TYPE {PREFIX}{family.name} {family.kind}\n"
                yield from lines


def text(state: State) -> str:
    """Everything that is known, in the order of FAMILIES."""
    samples = Samples()
    told = {key: state.get(key) or "" for key in ("version", "eui", "board", "region")}
    samples.add("info", 1, {**told, "model": _table(state.get("radio")).get("model") or ""})
    samples.add("uptime_seconds", state.get("uptime_s"))
    _radio(samples, _table(state.get("radio")))
    _downlinks(samples, _table(state.get("downlinks")))
    links = {str(link["name"]): link for link in _rows(state.get("links")) if "name" in link}
    for link in links.values():
        _link(samples, link)
    _gps(samples, _table(state.get("gps")))
    _air(samples, state)
    _spool(samples, "uplinks", _table(state.get("spool")))
    _spool(samples, "records", _table(state.get("record_spool")))
    for local in _rows(state.get("local")):
        for name, sink in _table(local.get("sinks")).items():
            _sink(samples, name, _table(sink))
    return "".join(samples.text())


def _radio(samples: Samples, radio: State) -> None:
    samples.add("radio_up", radio.get("state") == "up")
    samples.add("radio_temperature_celsius", radio.get("temperature_c"))
    samples.add("radio_silent", _table(radio.get("hearing")).get("silent"))
    samples.add("radio_sessions_total", radio.get("session"))
    samples.add_all("radio_recovery_total", radio.get("recovery"), "stage")
    samples.add_all("radio_failures_total", radio.get("reasons"), "reason")
    for crc, key in (("ok", "rx_ok"), ("bad", "rx_bad"), ("none", "rx_no_crc")):
        samples.add("rx_frames_total", radio.get(key), {"crc": crc})
    for name, key in (
        ("rx_ghosts_total", "rx_ghosts"),
        ("rx_dropped_total", "rx_dropped"),
        ("rx_unwanted_total", "rx_unwanted"),
        ("rx_damage_total", "damage"),
    ):
        samples.add(name, radio.get(key))
    for result, key in (("ok", "tx_ok"), ("failed", "tx_failed")):
        samples.add("tx_frames_total", radio.get(key), {"result": result})
    for way in ("rx", "tx"):
        samples.add_all(f"{way}_channel_frames_total", radio.get(f"{way}_frequencies"), "freq_hz")
        samples.add_all(f"{way}_rate_frames_total", radio.get(f"{way}_modulations"), "rate")


HOUR_US = 3_600_000_000


def _downlinks(samples: Samples, downlinks: State) -> None:
    samples.add("tx_waiting", downlinks.get("waiting"))
    for band in _rows(downlinks.get("bands")):
        labels = {"band": band.get("name")}
        for name, key in (("used", "load_tracked_us"), ("limit", "load_max_us")):
            value = band.get(key)
            if isinstance(value, int | float):
                samples.add(f"duty_cycle_{name}_ratio", round(value / HOUR_US, 6), labels)
    for link, account in _table(downlinks.get("links")).items():
        _account(samples, link, _table(account))


def _account(samples: Samples, link: str, account: State) -> None:
    labels = {"link": link}
    samples.add("downlinks_total", account.get("accepted"), {**labels, "result": "accepted"})
    samples.add_all("downlinks_total", account.get("refused"), "result", labels)
    samples.add_all("downlinks_lost_total", account.get("lost"), "reason", labels)
    for band, airtime_us in _table(account.get("airtime_us")).items():
        if isinstance(airtime_us, int | float):
            where = {**labels, "band": band}
            samples.add("downlink_airtime_seconds_total", airtime_us / 1e6, where)
    _margins(samples, _table(account.get("margins")), labels)


def _margins(samples: Samples, margins: State, labels: Labels) -> None:
    """Columns of their own become a histogram's, which are cumulative."""
    bounds, columns = _numbers(margins.get("bounds_ms")), _numbers(margins.get("columns"))
    if not columns or len(columns) != len(bounds) + 1:
        return
    seen = 0.0
    for bound_ms, count in zip((*bounds, None), columns, strict=True):
        seen += count
        end = "+Inf" if bound_ms is None else f"{bound_ms / 1000:g}"
        samples.add("downlink_margin_seconds", seen, {**labels, "le": end}, "_bucket")
    samples.add("downlink_margin_seconds", seen, labels, "_count")


def _link(samples: Samples, link: State) -> None:
    labels = {"link": link.get("name")}
    samples.add("link_up", link.get("state") == "up", {**labels, "kind": link.get("kind")})
    samples.add("link_forwarded_total", link.get("forwarded"), labels)
    acknowledged = link.get("acknowledged", _table(link.get("push")).get("acknowledged"))
    samples.add("link_acknowledged_total", acknowledged, labels)
    samples.add_all("link_filtered_total", link.get("filtered_by"), "reason", labels)
    samples.add("link_connections_total", link.get("connections"), labels)
    samples.add("link_errors_total", link.get("errors"), labels)
    rtt_ms = _table(link.get("rtt_ms"))
    for quantile, key in (("0.5", "median"), ("0.99", "p99")):
        value = rtt_ms.get(key)
        if isinstance(value, int | float):
            samples.add("link_rtt_seconds", value / 1000, {**labels, "quantile": quantile})
    total = _table(_table(link.get("bytes")).get("total"))
    for direction in ("sent", "received"):
        value = total.get(f"wire_{direction}")
        samples.add("link_bytes_total", value, {**labels, "direction": direction})
    outage = _table(link.get("outage"))
    samples.add("link_waiting", outage.get("waiting", link.get("waiting")), labels)
    samples.add_all("link_outage_dropped_total", outage.get("dropped"), "reason", labels)
    samples.add_all("link_certificate_days", link.get("certificate_days"), "which", labels)


def _air(samples: Samples, state: State) -> None:
    """What the listening radio found, and what became of beacons."""
    for row in _rows(state.get("listening")):
        for result in ("free", "busy"):
            labels = {"freq_hz": row.get("freq_hz"), "bw_hz": row.get("bw_hz"), "result": result}
            samples.add("lbt_attempts_total", row.get(result), labels)
    for row in _rows(state.get("spectrum")):
        labels = {"freq_hz": row.get("freq_hz")}
        samples.add("spectrum_median_dbm", row.get("median_dbm"), labels)
        samples.add("spectrum_busy_ratio", row.get("share_above_90_dbm"), labels)
        samples.add("spectrum_scans_total", row.get("scans"), labels)
    beacons = _table(state.get("beacons"))
    samples.add("beacons_total", beacons.get("sent"), {"result": "sent"})
    samples.add_all("beacons_total", beacons.get("skipped"), "result")


def _sink(samples: Samples, name: str, sink: State) -> None:
    labels = {"sink": name}
    samples.add("sink_waiting", sink.get("waiting"), labels)
    samples.add("sink_delivered_total", sink.get("delivered"), labels)
    dropped = _table(sink.get("outage")).get("dropped")
    samples.add_all("sink_dropped_total", dropped, "reason", labels)


def _spool(samples: Samples, of: str, spool: State) -> None:
    if not spool:
        return
    labels = {"of": of}
    samples.add("spool_written_bytes_total", spool.get("written_bytes"), labels)
    samples.add("spool_written_bytes_last_day", spool.get("written_bytes_last_day"), labels)
    gaps = spool.get("gaps")
    samples.add("spool_gaps", len(gaps) if isinstance(gaps, list) else None, labels)
    samples.add("spool_trouble", bool(spool.get("trouble")), labels)


def _gps(samples: Samples, gps: State) -> None:
    if not gps.get("source"):
        return
    for name, key in (
        ("gps_valid", "valid"),
        ("gps_position_fix", "position_fix"),
        ("gps_time_fix", "time_fix"),
        ("gps_pps", "pps"),
        ("gps_satellites", "satellites"),
    ):
        samples.add(name, gps.get(key))


def _table(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _rows(value: object) -> list[State]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _numbers(value: object) -> list[float]:
    whole = isinstance(value, list) and all(type(n) in (int, float) for n in value)
    return value if whole and isinstance(value, list) else []


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: object) -> str:
    return str(value).replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
