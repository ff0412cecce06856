"""What became of a downlink and how a frame is coded, in ChirpStack's words. Pure.

Source: mqtt-backends.md 1.3 (TxAckStatus, CodeRate); its numbers and names are in gw.proto. v3 has
no word for a used-up duty cycle.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...packets import Accepted, Answer, Refusal

OK, IGNORED = "OK", "IGNORED"
STATUS: dict[Refusal, str] = {
    Refusal.TOO_LATE: "TOO_LATE",
    Refusal.TOO_EARLY: "TOO_EARLY",
    Refusal.COLLISION_PACKET: "COLLISION_PACKET",
    Refusal.COLLISION_BEACON: "COLLISION_BEACON",
    Refusal.FULL: "QUEUE_FULL",
    Refusal.TX_FREQ: "TX_FREQ",
    Refusal.TX_POWER: "TX_POWER",
    Refusal.GPS_UNLOCKED: "GPS_UNLOCKED",
    Refusal.DUTY_CYCLE: "DUTY_CYCLE_OVERFLOW",
    Refusal.LBT: "INTERNAL_ERROR",
    Refusal.DISABLED: "INTERNAL_ERROR",
    Refusal.UNREADABLE: "INTERNAL_ERROR",
    Refusal.RADIO: "INTERNAL_ERROR",
}
V3_STATUS = STATUS | {Refusal.DUTY_CYCLE: "INTERNAL_ERROR"}

CODE_RATES = {"4/5": 1, "4/6": 2, "2/3": 2, "4/7": 3, "4/8": 4, "2/4": 4, "1/2": 4}


def status(answer: Answer | None, words: dict[Refusal, str] = STATUS) -> str:
    """The word for one item; None is one that was not tried."""
    if answer is None:
        return IGNORED
    return OK if isinstance(answer, Accepted) else words[answer.reason]


def counted(answers: Mapping[str, int], words: dict[Refusal, str] = STATUS) -> dict[str, int]:
    """Counts by the names of our refusals (and OK) as counts by ChirpStack's words."""
    found: dict[str, int] = {}
    for name, count in answers.items():
        word = words[Refusal[name]] if name in Refusal.__members__ else OK
        found[word] = found.get(word, 0) + count
    return found
