"""PULL_RESP bodies to downlinks, or to the words that say why not. No I/O.

Source: semtech-udp.md 1.6, with its table of what Semtech's forwarder does on odd input. Tolerant
where a server of the field needs it (null for absent, base64 without padding, "Fsk", the power
-2 written as 254), and strict otherwise: a frame is sent as it was meant or not at all. Fields
that nobody needs are ignored.
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64
from math import isfinite

from hal.modulation import BANDWIDTHS_HZ, CODING_RATES, SPREADING_FACTORS, Fsk, LoRa, Modulation

from ...packets import AsSoonAsPossible, AtGps, AtTmst, Downlink, Refusal, Refused, When
from .wire import ProtocolError, parse_json

_DATA_RATES = {
    f"SF{sf}BW{bw_hz // 1000}": (sf, bw_hz) for sf in SPREADING_FACTORS for bw_hz in BANDWIDTHS_HZ
}
# Servers also write two of the rates as shortened fractions.
_CODING_RATES = {text: rate for rate, text in CODING_RATES.items()} | {"2/3": 2, "1/2": 4}
_BIT_RATES = (500, 250_000)  # limits of the modem (sx1302_hal: lgw_send)
_DEVIATIONS_HZ = (1_000, 200_000)
_SHORTEST_PREAMBLE = {"lora": 6, "fsk": 3}  # lower values are raised, as Semtech's forwarder does


class _Unreadable(Exception):
    """A field that cannot be used; becomes the detail of a Refused."""


def read(body: bytes, *, link: str, token: int) -> Downlink | Refused:
    """The downlink that `body` asks for, or Refused(UNREADABLE) with the reason. Never raises."""
    try:
        root = parse_json(body)
        return _downlink(_object(root), link, token)
    except (ProtocolError, _Unreadable) as error:
        return Refused(Refusal.UNREADABLE, str(error))


def _object(root: object) -> dict[str, object]:
    txpk = root.get("txpk") if isinstance(root, dict) else None
    if not isinstance(txpk, dict):
        raise _Unreadable("an object with an object txpk expected")
    return txpk


def _downlink(txpk: dict[str, object], link: str, token: int) -> Downlink:
    modu = _text(txpk, "modu").lower()
    return Downlink(
        link=link,
        token=token,
        when=_when(txpk),
        payload=_payload(txpk),
        freq_hz=_frequency_hz(txpk),
        modulation=_modulation(txpk, modu),
        power_dbm=_power_dbm(txpk),
        rf_chain=_integer(txpk, "rfch", 0, 1),
        preamble=_preamble(txpk, _SHORTEST_PREAMBLE[modu]),
        crc=not _flag(txpk, "ncrc"),
        implicit_header=_flag(txpk, "nhdr"),
        invert_polarity=_flag(txpk, "ipol"),
    )


def _when(txpk: dict[str, object]) -> When:
    """`imme`, else `tmst`, else `tmms`: the order of Semtech's forwarder."""
    if _flag(txpk, "imme"):
        return AsSoonAsPossible()
    if txpk.get("tmst") is not None:
        return AtTmst(_integer(txpk, "tmst", 0, 0xFFFFFFFF))
    if txpk.get("tmms") is not None:
        return AtGps(_integer(txpk, "tmms", 0, (1 << 63) - 1))
    raise _Unreadable("txpk: one of imme, tmst and tmms expected, none came")


def _payload(txpk: dict[str, object]) -> bytes:
    size = _integer(txpk, "size", 1, 255)
    text = _text(txpk, "data")
    bare = text.rstrip("=") if text[-3:] != "===" else text
    try:
        payload = a2b_base64(bare + "=" * (-len(bare) % 4), strict_mode=True)
    except (Base64Error, ValueError) as error:
        raise _Unreadable(f"txpk.data: standard base64 expected ({error})") from error
    if len(payload) != size:
        raise _Unreadable(f"txpk.size is {size}, and txpk.data holds {len(payload)} bytes")
    return payload


def _frequency_hz(txpk: dict[str, object]) -> int:
    """Rounded to the hertz: cutting it off would put 868.1 MHz at 868 099 999 Hz."""
    mhz = _number(txpk, "freq")
    if not 0 < mhz < 4_000:
        raise _Unreadable(f"txpk.freq: megahertz expected, {mhz:g} came")
    return round(mhz * 1e6)


def _modulation(txpk: dict[str, object], modu: str) -> Modulation:
    if modu == "lora":
        return _lora(txpk)
    if modu == "fsk":
        return Fsk(_integer(txpk, "datr", *_BIT_RATES), _integer(txpk, "fdev", *_DEVIATIONS_HZ))
    raise _Unreadable(f"txpk.modu: LORA or FSK expected, {_shown(txpk['modu'])} came")


def _lora(txpk: dict[str, object]) -> LoRa:
    rate = _DATA_RATES.get(_text(txpk, "datr").upper())
    if rate is None:
        came = _shown(txpk["datr"])
        raise _Unreadable(f"txpk.datr: SF5 to SF12 with BW125, BW250 or BW500, {came} came")
    coding_rate = _CODING_RATES.get(_text(txpk, "codr"))
    if coding_rate is None:
        raise _Unreadable(f"txpk.codr: 4/5, 4/6, 4/7 or 4/8 expected, {_shown(txpk['codr'])} came")
    return LoRa(*rate, coding_rate)


def _power_dbm(txpk: dict[str, object]) -> float | None:
    """`powe` is a byte to some servers, whose minus two dBm arrives as 254."""
    if txpk.get("powe") is None:
        return None
    power = _number(txpk, "powe")
    if not -128 <= power <= 255:
        raise _Unreadable(f"txpk.powe: dBm in 8 bits expected, {power:g} came")
    return power - 256 if power > 127 else power


def _preamble(txpk: dict[str, object], least: int) -> int | None:
    if txpk.get("prea") is None:
        return None
    return max(_integer(txpk, "prea", 0, 65_535), least)


# One field by its JSON type; null counts as absent.


def _text(txpk: dict[str, object], key: str) -> str:
    value = txpk.get(key)
    if not isinstance(value, str):
        raise _wrong(key, "a text", value)
    return value


def _flag(txpk: dict[str, object], key: str) -> bool:
    value = txpk.get(key)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise _wrong(key, "true or false", value)
    return value


def _number(txpk: dict[str, object], key: str) -> float:
    value = txpk.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _wrong(key, "a number", value)
    if abs(value) > 1e19 or not isfinite(value):
        raise _Unreadable(f"txpk.{key}: a number of this world expected")
    return value


def _integer(txpk: dict[str, object], key: str, low: int, high: int) -> int:
    value = _number(txpk, key)
    if value != int(value) or not low <= value <= high:
        raise _wrong(key, f"a whole number of {low} to {high}", value)
    return int(value)


def _wrong(key: str, expected: str, value: object) -> _Unreadable:
    came = "nothing" if value is None else _shown(value)
    return _Unreadable(f"txpk.{key}: {expected} expected, {came} came")


def _shown(value: object) -> str:
    """What came, short enough for a log line whatever it is."""
    match value:
        case dict():
            return "an object"
        case list():
            return "an array"
        case str():
            return repr(value[:24])
        case int() if abs(value) > 1 << 64:
            return "a very large number"
        case _:
            return f"{value}"
