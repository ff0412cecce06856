"""Home Assistant's MQTT discovery: one sensor for each value that a codec gives. Pure.

Source: home-assistant.io, integrations/mqtt (discovery, sensor, binary_sensor). A configuration is
retained, so it is sent once for each value that was not seen before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from ..values import Record

MOST_VALUES = 64  # of one device; a codec's result is not to fill the broker
UNITS = {
    "temperature": ("°C", "temperature"),
    "humidity": ("%", "humidity"),
    "battery": ("%", "battery"),
    "pressure": ("hPa", "pressure"),
    "co2": ("ppm", "carbon_dioxide"),
    "illuminance": ("lx", "illuminance"),
    "voltage": ("V", "voltage"),
}  # what a value is called, to its unit and device class; other names get neither


class Discovery:
    """Remembers which values have been announced."""

    def __init__(self, prefix: str = "homeassistant") -> None:
        self._prefix = prefix
        self._told: dict[str, set[str]] = {}

    def announce(self, record: Record, topic: str, state_topic: str) -> Iterator[tuple[str, bytes]]:
        """Topic and retained payload for each new value of `record`; `topic` is the record's."""
        if record.dev_eui is None or not isinstance(record.decoded, dict):
            return
        told = self._told.setdefault(record.dev_eui, set())
        for name, value in record.decoded.items():
            fits = isinstance(value, int | float | str) and len(told) < MOST_VALUES
            if fits and name not in told:
                told.add(name)
                yield self._sensor(record, str(name), value, topic, state_topic)

    def _sensor(
        self, record: Record, name: str, value: object, topic: str, state_topic: str
    ) -> tuple[str, bytes]:
        assert record.dev_eui is not None
        safe = re.sub(r"[^A-Za-z0-9_-]", "_", name)
        ident = f"edgemast_{record.dev_eui}_{safe}"
        key = msgspec.json.encode(name).decode()
        kind = "binary_sensor" if isinstance(value, bool) else "sensor"
        body: dict[str, object] = {
            "name": name,
            "unique_id": ident,
            "state_topic": topic,
            "value_template": "{{ value_json.decoded[" + key + "] }}",
            "availability_topic": state_topic,
            "availability_template": "{{ value_json.state }}",
            "device": {
                "identifiers": [f"edgemast_{record.dev_eui}"],
                "name": record.device_name or record.dev_eui,
            },
        }
        if kind == "binary_sensor":
            body |= {"payload_on": "True", "payload_off": "False"}
        elif name.lower() in UNITS and not isinstance(value, str):
            body["unit_of_measurement"], body["device_class"] = UNITS[name.lower()]
        return f"{self._prefix}/{kind}/{ident}/config", msgspec.json.encode(body)
