"""The RX buffer's record format: bytes in, records and damage out. No I/O.

A record of n payload bytes and m pairs of timing metrics is, numbers little-endian,

    A5 C0 | n chan rate modem foff:3 | payload:n | flags snr rssi:2 deviations:2 time:4 crc:2 m
    | metrics:2m | sum

where `sum` is the byte sum of all that stands before it (sx1302_hal: rx_buffer_pop).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

SYNC = b"\xa5\xc0"
# sync, payload size, chain, rate (SF, coding rate, CRC present), modem, frequency error (2 and 1)
HEAD = struct.Struct("<2s4BHB")
# flags, SNR, RSSI of channel and signal, their deviations, timestamp, payload CRC, metric pairs
TAIL = struct.Struct("<Bb4BIHB")
SHORTEST = HEAD.size + TAIL.size + 1

FSK_CHAIN = 9
FSK_MODEM = 17


@dataclass(frozen=True, slots=True)
class Damage:
    """A stretch of the buffer that gives no frame; the link is fine, these bytes are lost."""

    offset: int
    size: int
    why: str


class RxRecord(NamedTuple):
    """One record as the chip wrote it: raw units, nothing calibrated. `offset`, `size`: its place.

    A tuple because thousands a second are made, and a tuple is the cheapest. `timestamp` is 32 MHz
    ticks, `snr_qdb` quarter dB, `freq_error` 20 bits signed; `metrics` are the signed bytes of the
    fine timestamp; `crc16` is what came over the air.
    """

    offset: int
    size: int
    payload: bytes
    if_chain: int
    modem: int
    sf: int
    coding_rate: int
    crc_present: bool
    crc_error: bool
    timing_set: bool
    freq_error: int
    snr_qdb: int
    rssi_channel: int
    rssi_signal: int
    timestamp: int
    crc16: int
    metrics: bytes


def parse(buffer: bytes) -> Iterator[RxRecord | Damage]:
    """Yield what `buffer` holds, in order; every byte belongs to exactly one of them.

    Bad bytes are reported and skipped, never raised: parsing goes on at the next sync word that
    stands before a whole record with a right sum.
    """
    at, size = 0, len(buffer)
    while at < size:
        end, fault = _record_end(buffer, at)
        if not fault:
            yield _decode(buffer, at, end)
            at = end
        else:
            begin, at = at, _next_record(buffer, at + 1)
            yield Damage(begin, at - begin, fault)


def _next_record(buffer: bytes, at: int) -> int:
    """Where the next whole record begins, or the end of the buffer."""
    while (at := buffer.find(SYNC, at)) >= 0:
        if not _record_end(buffer, at)[1]:
            return at
        at += 1
    return len(buffer)


def _record_end(buffer: bytes, at: int) -> tuple[int, str]:
    """Where the record at `at` ends, and what is wrong with it ("" if nothing)."""
    if buffer[at : at + 2] != SYNC:
        return at, "no sync word"
    last = len(buffer) - 1
    pairs_at = at + SHORTEST - 2
    if pairs_at >= last:
        return at, "truncated"
    pairs_at += buffer[at + 2]
    if pairs_at >= last:
        return at, "truncated"
    sum_at = pairs_at + 1 + 2 * buffer[pairs_at]
    if sum_at > last:
        return at, "truncated"
    if sum(buffer[at:sum_at]) & 0xFF != buffer[sum_at]:
        return at, "checksum"
    return sum_at + 1, ""


def _decode(buffer: bytes, at: int, end: int) -> RxRecord | Damage:
    _, length, chain, rate, modem, foff_low, foff_high = HEAD.unpack_from(buffer, at)
    tail_at = at + HEAD.size + length
    flags, snr, channel, signal, _, _, ticks, crc16, _ = TAIL.unpack_from(buffer, tail_at)
    sf = rate >> 4
    fault = _impossible(chain, modem, sf)
    if fault:
        return Damage(at, end - at, fault)
    freq_error = (foff_high & 0x0F) << 16 | foff_low
    return RxRecord(
        at,
        end - at,
        buffer[at + HEAD.size : tail_at],
        chain,
        modem,
        sf,
        rate >> 1 & 0x07,
        bool(rate & 1),
        bool(flags & 1),
        bool(flags & 0x10),
        freq_error - (1 << 20) if freq_error & 0x80000 else freq_error,
        snr,
        channel,
        signal,
        ticks,
        crc16,
        buffer[tail_at + TAIL.size : end - 1],
    )


def _impossible(chain: int, modem: int, sf: int) -> str:
    """What no demodulator of the chip can have written; "" for everything else."""
    if modem > FSK_MODEM:
        return f"modem {modem}, there are 0 to {FSK_MODEM}"
    if chain > FSK_CHAIN:
        return f"IF chain {chain}, there are 0 to {FSK_CHAIN}"
    if not 5 <= sf <= 12 and not (modem == FSK_MODEM and chain == FSK_CHAIN):
        return f"SF{sf} in a LoRa record, SF5 to SF12 expected"
    return ""
