"""Whether a frame's MIC fits given keys, and in words why not. Pure.

A verdict is data here, for `edgemast frame` and logs; code that decides uses `crypto.check`.
"""

from __future__ import annotations

from dataclasses import dataclass
from hmac import compare_digest

from .crypto import DOWN, UP, data_mic, uplink_mic_1_1
from .frame import DataFrame


@dataclass(frozen=True, slots=True)
class MicVerdict:
    """`ok` is None when it could not be checked. `half` says that two of four bytes were."""

    ok: bool | None
    why: str
    half: bool = False
    fcnt: int | None = None
    expected: bytes | None = None


@dataclass(frozen=True, slots=True, repr=False)
class MicKeys:
    """What a caller has: a NwkSKey means 1.0.x, the two others 1.1."""

    nwk_s: bytes | None = None
    f_nwk_s_int: bytes | None = None
    s_nwk_s_int: bytes | None = None


@dataclass(frozen=True, slots=True)
class UplinkFacts:
    """What the 1.1 uplink MIC covers and the frame does not carry; None is not known."""

    conf_fcnt: int | None = None
    tx_dr: int | None = None
    tx_ch: int | None = None


def data_verdict(
    frame: DataFrame, keys: MicKeys, fcnt: int, facts: UplinkFacts = UplinkFacts()
) -> MicVerdict:
    """Check `frame` under the 32-bit counter `fcnt`."""
    if keys.nwk_s is not None:
        return _whole(frame, fcnt, _mic_1_0(frame, keys.nwk_s, fcnt), "NwkSKey")
    if frame.header.mtype.uplink:
        return _uplink_1_1(frame, keys, fcnt, facts)
    if keys.s_nwk_s_int is None:
        return MicVerdict(None, "not checked: a 1.1 downlink needs the SNwkSIntKey")
    if frame.ack and facts.conf_fcnt is None:
        return MicVerdict(
            None,
            "not checked: it acknowledges, so the acknowledged counter is needed (--conf-fcnt)",
        )
    conf = (facts.conf_fcnt or 0) if frame.ack else 0
    mic = data_mic(keys.s_nwk_s_int, frame.body(), DOWN, frame.dev_addr, fcnt, conf_fcnt=conf)
    return _whole(frame, fcnt, mic, "SNwkSIntKey")


def _mic_1_0(frame: DataFrame, key: bytes, fcnt: int) -> bytes:
    direction = UP if frame.header.mtype.uplink else DOWN
    return data_mic(key, frame.body(), direction, frame.dev_addr, fcnt)


def _uplink_1_1(frame: DataFrame, keys: MicKeys, fcnt: int, facts: UplinkFacts) -> MicVerdict:
    f_key, s_key = keys.f_nwk_s_int, keys.s_nwk_s_int
    if f_key is None:
        return MicVerdict(None, "not checked: a 1.1 uplink needs the FNwkSIntKey")
    conf_known = not frame.ack or facts.conf_fcnt is not None
    if s_key is None or facts.tx_dr is None or facts.tx_ch is None or not conf_known:
        return _half(frame, f_key, fcnt, _missing(s_key, facts, conf_known))
    mic = uplink_mic_1_1(
        f_key,
        s_key,
        frame.body(),
        frame.dev_addr,
        fcnt,
        conf_fcnt=(facts.conf_fcnt or 0) if frame.ack else 0,
        tx_dr=facts.tx_dr,
        tx_ch=facts.tx_ch,
    )
    return _whole(frame, fcnt, mic, "FNwkSIntKey and SNwkSIntKey")


def _missing(s_key: bytes | None, facts: UplinkFacts, conf_known: bool) -> str:
    needed = [
        ("SNwkSIntKey", s_key is not None),
        ("data rate index", facts.tx_dr is not None),
        ("channel index", facts.tx_ch is not None),
        ("acknowledged counter", conf_known),
    ]
    return ", ".join(name for name, there in needed if not there)


def _half(frame: DataFrame, f_key: bytes, fcnt: int, missing: str) -> MicVerdict:
    expected = _mic_1_0(frame, f_key, fcnt)[:2]
    if compare_digest(expected, frame.mic[2:]):
        return MicVerdict(
            True, f"the FNwkSIntKey half fits; the other half needs: {missing}", True, fcnt
        )
    return MicVerdict(False, _blame(frame, fcnt, "FNwkSIntKey"), True, fcnt, expected)


def _whole(frame: DataFrame, fcnt: int, expected: bytes, key: str) -> MicVerdict:
    if compare_digest(expected, frame.mic):
        return MicVerdict(True, f"fits the {key} with counter {fcnt}", False, fcnt)
    return MicVerdict(False, _blame(frame, fcnt, key), False, fcnt, expected)


def _blame(frame: DataFrame, fcnt: int, key: str) -> str:
    sides = "NwkSKey and AppSKey are easily swapped"
    facts = " and ACK, data rate or channel index" if "SNwk" in key else ""
    return (
        f"does not fit the {key} with counter {fcnt}: another device or session "
        f"(DevAddr {frame.dev_addr:08x} may be shared), a wrong key ({sides}), "
        f"a counter above 65535 whose upper half is not {fcnt >> 16}{facts}, or a damaged frame"
    )


HIGHEST_GUESS = 64  # upper counter halves tried when nobody gave one; 4 million frames


def guess_counter(
    frame: DataFrame, keys: MicKeys, facts: UplinkFacts = UplinkFacts()
) -> MicVerdict:
    """Try the counters that the 16 bits on the air may stand for, lowest first.

    A half MIC (two bytes) fits by chance too often to be searched; only the first is tried.
    """
    first = data_verdict(frame, keys, frame.fcnt, facts)
    if first.ok is not False or first.half:
        return first
    for upper in range(1, HIGHEST_GUESS):
        verdict = data_verdict(frame, keys, upper << 16 | frame.fcnt, facts)
        if verdict.ok:
            return verdict
    return first
