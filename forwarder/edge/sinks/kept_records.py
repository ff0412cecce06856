"""Local mode's records as the spool keeps them for sinks. Pure.

A row is the JSON of the record's fields: what a sink would be told, and nothing besides. Records
have no key of any kind, but payloads in clear, as the sinks get them; docs/outages.md says what
that means.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from ...links.settings import OutagePolicy, OutageSettings
from ...spool.kind import Unreadable
from ..values import Record

MOST_LANE = 0x7FFF_FFFF_FFFF_FFFF
ROW_BYTES = 80  # of a row beside its body
WAITED = "waited_s"  # the field of a record that could not go at once

_encoder = msgspec.json.Encoder(enc_hook=str)  # as records.to_json
_decoder = msgspec.json.Decoder(Record)


class Records:
    """See `forwarder.spool.kind.Kind`."""

    noun, receiver = "records", "sink"
    window = 64
    replay_window = 8  # a sink delivers one after the other; what is live is not to wait long
    gap_s = 0.02  # a device's records go at 50 a second, where a live one is behind them

    def lane(self, item: Record) -> int | None:
        return int(item.dev_eui or item.dev_addr, 16) & MOST_LANE

    def is_join(self, item: Record) -> bool:
        return False

    def size(self, item: Record) -> int:
        return len(self.encode(item)) + ROW_BYTES

    def encode(self, item: Record) -> bytes:
        return _encoder.encode(item)

    def decode(self, data: bytes, received_ns: int | None) -> Record:
        """A record knows its time by itself."""
        try:
            return _decoder.decode(data)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Unreadable(str(error)) from error

    def taken(self, item: Record) -> Record:
        return item

    def late(self, item: Record, ago_s: float, now_ns: int | None) -> Record:
        """Says how long it waited; nobody takes it for what is just now, then."""
        return replace(item, extra={**item.extra, WAITED: round(ago_s)})


class SinkOutage(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[edge.sink.outage]`: what becomes of records while this sink cannot take them.

    The names and limits are those of `[server.outage]`.
    """

    memory_records: Annotated[int, Meta(ge=16, le=1_000_000)] = 4096
    disk_after_s: Annotated[float, Meta(ge=0, le=86_400)] = 60.0
    disk_mb: Annotated[float, Meta(ge=0, le=100_000)] = 64.0
    max_age_h: Annotated[float, Meta(gt=0, le=8760)] = 72.0
    replay_per_s: Annotated[float, Meta(gt=0, le=1000)] = 10.0

    def for_keeper(self) -> OutageSettings:
        return OutageSettings(
            policy=OutagePolicy.REPLAY,
            memory_frames=self.memory_records,
            disk_after_s=self.disk_after_s,
            disk_mb=self.disk_mb,
            max_age_h=self.max_age_h,
            replay_per_s=self.replay_per_s,
        )
