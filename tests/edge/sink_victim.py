"""A process with one MQTT sink whose broker is away, to be killed when its records are on disk.

    python -m tests.edge.sink_victim FOLDER PORT COUNT

It tells on its standard output when all are there, and then waits for its end.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from msgspec.structs import replace

from forwarder.edge.sinks.kept_records import Records, SinkOutage
from forwarder.edge.sinks.mqtt import MqttSink, MqttSinkSettings
from forwarder.spool.spool import Spool

from .test_sinks_pure import RECORD


async def main(folder: Path, port: int, count: int) -> None:
    spool = Spool(RECORD.gateway, Records(), folder=folder, runtime=folder / "run")
    outage = SinkOutage(disk_after_s=0)
    settings = MqttSinkSettings(server=f"mqtt://127.0.0.1:{port}", outage=outage)
    sink = MqttSink(settings, RECORD.gateway, spool=spool)
    for fcnt in range(count):
        sink.publish(replace(RECORD, fcnt=fcnt))
    spool.start()
    running = asyncio.create_task(sink.run())
    while on_disk(sink) < count:
        await asyncio.to_thread(lambda: None)
    os.write(1, b"on disk\n")
    await running


def on_disk(sink: MqttSink) -> int:
    outage = sink.status()["outage"]
    assert isinstance(outage, dict)
    return int(outage["on_disk"])


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
