"""RX buffer records, built from the format's description and not with the parser's code."""

from __future__ import annotations


def crc16(payload: bytes) -> int:
    """The LoRa payload CRC bit by bit: polynomial 0x1021, data entering at the low end."""
    register = 0
    for bit in (byte >> shift & 1 for byte in payload for shift in range(7, -1, -1)):
        carry = register >> 15
        register = (register << 1 | bit) & 0xFFFF
        if carry:
            register ^= 0x1021
    return register


def rx_record(
    payload: bytes,
    *,
    chan: int = 2,
    modem: int = 3,
    sf: int = 7,
    coding_rate: int = 1,
    crc: bool = True,
    crc_error: bool = False,
    timing_set: bool = False,
    freq_error: int = 0,
    snr_qdb: int = 20,
    rssi_channel: int = 90,
    rssi_signal: int = 92,
    ticks: int = 32_000_000,
    crc_value: int | None = None,
    metrics: bytes = b"",
) -> bytes:
    """One record; SF7, 4/5, CRC present and good unless told otherwise."""
    rate = sf << 4 | coding_rate << 1 | crc
    body = b"\xa5\xc0" + bytes((len(payload), chan, rate, modem))
    body += (freq_error & 0xFFFFF).to_bytes(3, "little") + payload
    body += bytes((crc_error | timing_set << 4, snr_qdb & 0xFF, rssi_channel, rssi_signal, 0, 0))
    body += ticks.to_bytes(4, "little")
    body += (crc16(payload) if crc_value is None else crc_value).to_bytes(2, "little")
    body += bytes((len(metrics) // 2,)) + metrics
    return body + bytes((sum(body) & 0xFF,))
