"""MICs and payloads with keys that can be used and not be read (values.KeyHandle). Pure.

Ref: TS001-1.0.4 and LoRaWAN 1.1, sections 4.3 and 4.4. The blocks are those of lorawan/crypto.py;
only AES itself is the handle's, in memory or in a token.
"""

from __future__ import annotations

from hmac import compare_digest

from ..lorawan.crypto import UP, mic_block, stream_block
from .values import KeyHandle

BLOCK = 16
_ZERO = bytes(BLOCK)
_LAST_BYTES = (b"", *(bytes([index]) for index in range(1, 17)))


def data_mic(
    key: KeyHandle, body: bytes, direction: int, dev_addr: int, fcnt: int, *, conf_fcnt: int = 0
) -> bytes:
    """1.0.x both ways (NwkSKey), 1.1 downlinks (SNwkSIntKey), and what 1.1 uplinks take half of."""
    block = mic_block(len(body), direction, dev_addr, fcnt, conf_fcnt=conf_fcnt)
    return key.cmac(block + body)[:4]


def uplink_mic_1_1(
    f_nwk_s_int: KeyHandle,
    s_nwk_s_int: KeyHandle,
    body: bytes,
    dev_addr: int,
    fcnt: int,
    *,
    conf_fcnt: int,
    tx_dr: int,
    tx_ch: int,
) -> bytes:
    """The whole MIC; who is not the network server knows neither channel index nor `conf_fcnt`."""
    served = mic_block(len(body), UP, dev_addr, fcnt, conf_fcnt=conf_fcnt, tx_dr=tx_dr, tx_ch=tx_ch)
    return s_nwk_s_int.cmac(served + body)[:2] + data_mic(f_nwk_s_int, body, UP, dev_addr, fcnt)[:2]


def crypt_payload(key: KeyHandle, direction: int, dev_addr: int, fcnt: int, data: bytes) -> bytes:
    """FRMPayload; the same call encrypts and decrypts."""
    return _xor_stream(key, 0, direction, dev_addr, fcnt, data)


def crypt_fopts(
    key: KeyHandle,
    direction: int,
    dev_addr: int,
    fcnt: int,
    data: bytes,
    *,
    application: bool = False,
) -> bytes:
    """1.1 FOpts with NwkSEncKey; `application` says that `fcnt` is AFCntDown (FPort above 0)."""
    return _xor_stream(key, 2 if application else 1, direction, dev_addr, fcnt, data)


def _xor_stream(
    key: KeyHandle, mark: int, direction: int, dev_addr: int, fcnt: int, data: bytes
) -> bytes:
    size = len(data)
    if not size:
        return b""
    # The blocks differ in their last byte only: what they share, joined by those.
    shared = stream_block(mark, direction, dev_addr, fcnt)[:-1]
    blocks = shared.join(_LAST_BYTES[: (size + 2 * BLOCK - 1) // BLOCK])
    stream = int.from_bytes(key.encrypt_blocks(blocks)[:size], "little")
    return (int.from_bytes(data, "little") ^ stream).to_bytes(size, "little")


def same_key(one: KeyHandle, other: KeyHandle) -> bool:
    """Whether two handles hold one key; what they are compared by never leaves this function."""
    return one is other or compare_digest(one.encrypt_blocks(_ZERO), other.encrypt_blocks(_ZERO))
