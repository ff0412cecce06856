"""Envelopes of our own, so that every clone can check: from RFC 3394 and computed with OpenSSL.

RFC 3394 sections 4.1, 4.2 and 4.3 wrap this key under KEKs of 128, 192 and 256 bits.
"""

from __future__ import annotations

from forwarder.edge.values import Envelope, Scheme

KEY = bytes.fromhex("00112233445566778899aabbccddeeff")
KEKS = {size: bytes(range(size)) for size in (16, 24, 32)}
WRAPPED = {
    16: bytes.fromhex("1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"),
    24: bytes.fromhex("96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d"),
    32: bytes.fromhex("64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7"),
}
# One block under the 128-bit KEK, as ThingPark's tunnel has it; AES-ECB of KEY.
TUNNEL = bytes.fromhex("69c4e0d86a7b0430d8cdb78070b4c55a")  # FIPS 197, appendix C.1


def wrapped(size: int = 16, label: str = "k") -> Envelope:
    return Envelope(Scheme.RFC3394, WRAPPED[size], label)


def flipped(data: bytes, bit: int) -> bytes:
    """`data` with one bit changed."""
    return (int.from_bytes(data) ^ 1 << bit).to_bytes(len(data))
