"""What servers of one make need done differently, and the words that say how a downlink went.

Source: semtech-udp.md 1.7 (TX_ACK) and 4.7 (differences between servers).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hal.frames import Crc, RxFrame
from hal.modulation import LoRa

from ...packets import Answer, Refusal, Refused

# Refusals for which the protocol has no word.
_UNNAMED = (
    Refusal.DUTY_CYCLE,
    Refusal.LBT,
    Refusal.DISABLED,
    Refusal.UNREADABLE,
    Refusal.RADIO,
)


@dataclass(frozen=True, slots=True)
class Profile:
    """One make of server.

    `per_10ms` is how many datagrams it takes in 10 ms; None: any number. `words` are those of its
    own, used instead of the standard ones. `ghost_uplinks` is what it is given where nobody said.
    `replays`: it may be sent frames of an outage.
    """

    name: str
    fsk_uplinks: bool = True
    bad_crc_uplinks: bool = True
    ghost_uplinks: bool = True
    warn_beside_error: bool = False
    replays: bool = True
    per_10ms: int | None = None
    words: Mapping[Refusal, str] = field(default_factory=dict)

    def carries(self, frame: RxFrame) -> bool:
        """Whether this server can read such a frame at all."""
        readable = self.fsk_uplinks or isinstance(frame.modulation, LoRa)
        return readable and (self.bad_crc_uplinks or frame.crc is not Crc.BAD)


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("generic"),
        # The gateway bridge throws away an answer with the word UNKNOWN, and then neither tries
        # the second window nor tells the network server; it has words that nobody else knows.
        # The network server keeps copies on different frequencies apart and answers the first.
        Profile(
            "chirpstack",
            ghost_uplinks=False,
            words=dict.fromkeys(_UNNAMED, "INTERNAL_ERROR")
            | {Refusal.FULL: "QUEUE_FULL", Refusal.DUTY_CYCLE: "DUTY_CYCLE_OVERFLOW"},
        ),
        # Reads a lone "warn" as an unknown error, and drops what comes faster than ten datagrams
        # in 10 ms; half of that leaves room for PULL_DATA and TX_ACK.
        # It takes the gateway's clock from the counters of frames as they come: a late one's would
        # set it back, and class A answers with it (semtech-udp.md 4.4).
        Profile("tts", bad_crc_uplinks=False, warn_beside_error=True, per_10ms=5, replays=False),
        # An FSK rxpk fails its whole datagram there, and UNKNOWN the whole TX_ACK: the server
        # would wait five seconds more.
        Profile(
            "helium",
            fsk_uplinks=False,
            bad_crc_uplinks=False,
            words=dict.fromkeys(_UNNAMED, "SEND_FAIL"),
        ),
    )
}

# The standard words (1.7). There is none for a full queue: Semtech's forwarder
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
        word = profile.words.get(answer.reason) or TX_ACK_ERROR[answer.reason]
        return f'{{"txpk_ack":{{"error":"{word}"}}}}'
    if not answer.adjusted:
        return ""
    error = f'"error":"{TX_ACK_ERROR[None]}",' if profile.warn_beside_error else ""
    return f'{{"txpk_ack":{{{error}"warn":"TX_POWER","value":{round(answer.power_dbm)}}}}}'
