"""What a broker may bring to The Things Stack's dialect.

The bytes come as they are, or as a change to a good message, so that they get past the envelope.
"""

from __future__ import annotations

from forwarder.links.mqtt.dialect import DownlinkRequest, Unreadable
from forwarder.packets import Accepted, Downlink, Refusal, Refused
from tests.forwarder.test_tts import DOWN, a_dialect, down

from .inputs import Taker

DIALECT = a_dialect()
GOOD = down()


def fuzz_tts_down(data: bytes) -> None:
    """Any message: a request with one item and one answer, or words for an operator."""
    take = Taker(data)
    place = take.word() % (2 * len(GOOD))
    payload = GOOD[:place] + take.rest() + GOOD[place + 2 :] if place < len(GOOD) else take.rest()
    command = DIALECT.read(DOWN, payload, now_us=None)
    if isinstance(command, Unreadable):
        assert command.detail
        return
    assert isinstance(command, DownlinkRequest)
    (item,) = command.items
    if isinstance(item, Downlink):
        assert 0 < len(item.payload) <= 255 and 0 < item.freq_hz <= 1_000_000_000
        answer = DIALECT.answer(command, [Accepted(0, 0.0, adjusted=False, margin_us=None)])
    else:
        assert item.reason is Refusal.UNREADABLE and item.detail
        answer = DIALECT.answer(command, [Refused(item.reason)])
    assert answer is not None
