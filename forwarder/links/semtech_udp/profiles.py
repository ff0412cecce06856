"""What servers of one make need done differently, and the words that say how a downlink went.

Source: semtech-udp.md 1.7 (TX_ACK) and 4.7 (differences between servers).
"""

from __future__ import annotations

from dataclasses import dataclass

from ...packets import Answer, Refusal, Refused


@dataclass(frozen=True, slots=True)
class Profile:
    """One make of server. `per_10ms` is how many datagrams it takes in 10 ms; None: any number."""

    name: str
    fsk_uplinks: bool = True
    bad_crc_uplinks: bool = True
    warn_beside_error: bool = False
    per_10ms: int | None = None


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("generic"),
        Profile("chirpstack"),
        # Reads a lone "warn" as an unknown error, and drops what comes faster than ten datagrams
        # in 10 ms; half of that leaves room for PULL_DATA and TX_ACK.
        Profile("tts", bad_crc_uplinks=False, warn_beside_error=True, per_10ms=5),
        # An FSK rxpk fails its whole datagram there.
        Profile("helium", fsk_uplinks=False, bad_crc_uplinks=False),
    )
}

# Only words that every server knows (1.7). There is none for a full queue: Semtech's forwarder
# calls it a collision, and so do we, so that servers treat both gateways alike. What the
# protocol has no word for at all is UNKNOWN; our log and metrics keep the true reason.
TX_ACK_ERROR: dict[Refusal | None, str] = {
    None: "NONE",
    Refusal.TOO_LATE: "TOO_LATE",
    Refusal.TOO_EARLY: "TOO_EARLY",
    Refusal.COLLISION_PACKET: "COLLISION_PACKET",
    Refusal.COLLISION_BEACON: "COLLISION_BEACON",
    Refusal.FULL: "COLLISION_PACKET",
    Refusal.TX_FREQ: "TX_FREQ",
    Refusal.TX_POWER: "TX_POWER",
    Refusal.GPS_UNLOCKED: "GPS_UNLOCKED",
    Refusal.DUTY_CYCLE: "UNKNOWN",
    Refusal.LBT: "UNKNOWN",
    Refusal.DISABLED: "UNKNOWN",
    Refusal.UNREADABLE: "UNKNOWN",
    Refusal.RADIO: "UNKNOWN",
}


def tx_ack_text(answer: Answer, profile: Profile) -> str:
    """The JSON of a TX_ACK; empty when the frame goes out exactly as it was asked for."""
    if isinstance(answer, Refused):
        return f'{{"txpk_ack":{{"error":"{TX_ACK_ERROR[answer.reason]}"}}}}'
    if not answer.adjusted:
        return ""
    error = f'"error":"{TX_ACK_ERROR[None]}",' if profile.warn_beside_error else ""
    return f'{{"txpk_ack":{{{error}"warn":"TX_POWER","value":{round(answer.power_dbm)}}}}}'
