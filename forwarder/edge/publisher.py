"""From records to sinks, by way of the device's payload codec. Bounded; nothing waits for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from .values import PayloadState, Record, Sink

if TYPE_CHECKING:
    from .codec.host import CodecHost
    from .codec.script import Script

MOST = 1000  # records that wait for a codec; the oldest then goes out with its bytes only
READ = (PayloadState.DECRYPTED, PayloadState.MULTICAST)


class Publisher:
    """Records leave in the order in which they came. `scripts` is by DevEUI."""

    def __init__(
        self,
        sinks: Sequence[Sink],
        codecs: CodecHost | None = None,
        scripts: Mapping[str, Script] | None = None,
    ) -> None:
        self.published = 0
        self.undecoded = 0
        self._sinks = sinks
        self._codecs = codecs
        self._scripts = scripts or {}
        self._queue: deque[Record] = deque()
        self._work = asyncio.Event()

    def publish(self, record: Record) -> None:
        """Take a record. Without a codec before it, it is with the sinks when this returns."""
        if not self._queue and self._script(record) is None:
            self._deliver(record)
            return
        if len(self._queue) >= MOST:
            self.undecoded += 1
            self._deliver(self._queue.popleft())
        self._queue.append(record)
        self._work.set()

    async def run(self) -> None:
        """Decode and deliver what waits, until cancelled."""
        while True:
            await self._work.wait()
            while self._queue:
                record = self._queue[0]
                decoded = await self._decoded(record)
                if self._queue and self._queue[0] is record:  # else it went out as the oldest
                    self._queue.popleft()
                    self._deliver(decoded)
            self._work.clear()

    async def close(self) -> None:
        """Deliver what is left, without its codecs."""
        while self._queue:
            self._deliver(self._queue.popleft())
        if self._codecs is not None:
            await self._codecs.close()

    def also(self, sink: Sink) -> None:
        """Let `sink` have every record too; whoever adds it runs it."""
        self._sinks = [*self._sinks, sink]

    def status(self) -> dict[str, object]:
        told: dict[str, object] = {"published": self.published, "waiting": len(self._queue)}
        if self._codecs is not None:
            told |= {"undecoded": self.undecoded, "codecs": self._codecs.status()}
        return told

    def _script(self, record: Record) -> Script | None:
        if record.payload_state not in READ or self._codecs is None or record.dev_eui is None:
            return None
        return self._scripts.get(record.dev_eui)

    async def _decoded(self, record: Record) -> Record:
        script = self._script(record)
        if script is None or self._codecs is None or record.payload is None:
            return record
        made = await self._codecs.decode(script, record.fport or 0, record.payload, record.time_ns)
        return replace(
            record,
            decoded=made.value,
            codec_error="; ".join(made.errors) or None,
            codec_warnings=made.warnings,
            extra={**record.extra, "codec": made.script} if made.script else record.extra,
        )

    def _deliver(self, record: Record) -> None:
        self.published += 1
        for sink in self._sinks:
            sink.publish(record)
