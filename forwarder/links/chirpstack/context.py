"""The context that goes out with an uplink and comes back with its class A downlink. Pure.

ChirpStack hands it back as it came; others read its first four bytes as the concentrator's counter,
32 bits, big-endian (mqtt-backends.md 1.5), and so do we where nothing follows. A counter alone
cannot tell a late downlink from one that is meant for its next turn 71.6 minutes on, or from before
the radio was started again; so ours goes on with the session's nonce and the counter's upper bits.
"""

from __future__ import annotations

from ...packets import AtCounter, AtTmst, Refusal, Refused

SIZE = 12
NO_SESSION = bytes(4)  # before the radio's first start
MOST_DELAY_US = 3_600_000_000  # beyond any receive delay; the scheduler's own limit is nearer


def pack(counter_us: int, session: bytes) -> bytes:
    """`counter_us` is the end of the frame on the unwrapped line; `session` has four bytes."""
    low, high = counter_us & 0xFFFFFFFF, (counter_us >> 32) & 0xFFFFFFFF
    return low.to_bytes(4, "big") + session + high.to_bytes(4, "big")


def start(context: bytes, delay_us: int, session: bytes) -> AtCounter | AtTmst | Refused:
    """When a downlink starts `delay_us` after the uplink of this context, in this session."""
    if delay_us < 0:
        return Refused(Refusal.UNREADABLE, f"delay: 0 s or more expected, {delay_us} us came")
    if delay_us > MOST_DELAY_US:
        return Refused(Refusal.TOO_EARLY, f"delay: {delay_us // 1_000_000} s came")
    low = int.from_bytes(context[:4], "big")
    if len(context) == 4:
        return AtTmst((low + delay_us) & 0xFFFFFFFF)
    if len(context) != SIZE:
        size = len(context)
        return Refused(Refusal.UNREADABLE, f"context: {SIZE} or 4 bytes expected, {size} came")
    if context[4:8] != session:
        return Refused(Refusal.TOO_LATE, "it answers an uplink from before the radio's last start")
    return AtCounter((int.from_bytes(context[8:], "big") << 32) + low + delay_us)
