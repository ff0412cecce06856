"""LoRaWAN's cryptography for 1.0.x and 1.1: MICs, payloads, join-accepts. Bytes in, bytes out.

Ref: TS001-1.0.4 and LoRaWAN 1.1, sections 4.3, 4.4 and 6.2. All of it is AES-128 in three uses:
CMAC for MICs, counter mode for payloads, single blocks for join-accepts and keys. FOpts follow
the corrected form of change request 00001.002.00001.001.
"""

from __future__ import annotations

import struct
from hmac import compare_digest

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

UP, DOWN = 0, 1
_BLOCK = struct.Struct("<BHBBBIIBB")  # kind, ConfFCnt, TxDr, TxCh, Dir, DevAddr, FCnt, 0, last


class InvalidMic(Exception):
    """The MIC is not the one that this key gives."""


def cmac4(key: bytes, message: bytes) -> bytes:
    """The four bytes of CMAC that LoRaWAN sends."""
    mac = CMAC(algorithms.AES(key))
    mac.update(message)
    return mac.finalize()[:4]


def aes_encrypt(key: bytes, blocks: bytes) -> bytes:
    """Whole blocks, each by itself (ECB): what LoRaWAN derives keys and reads join-accepts with."""
    # One block at a time is what the standard prescribes here; there is no chaining to choose.
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(blocks) + encryptor.finalize()


def aes_decrypt(key: bytes, blocks: bytes) -> bytes:
    """The inverse of `aes_encrypt`; a server seals join-accepts with it."""
    decryptor = Cipher(algorithms.AES(key), modes.ECB()).decryptor()
    return decryptor.update(blocks) + decryptor.finalize()


def check(expected: bytes, came: bytes) -> None:
    """Raise InvalidMic unless the two are equal."""
    if not compare_digest(expected, came):
        raise InvalidMic(f"the MIC on the air is {came.hex()}, this key gives {expected.hex()}")


# MICs of data frames (section 4.4). `body` is everything before the MIC, encrypted as on the air.


def data_mic(
    key: bytes, body: bytes, direction: int, dev_addr: int, fcnt: int, *, conf_fcnt: int = 0
) -> bytes:
    """1.0.x both ways (NwkSKey), and 1.1 downlinks (SNwkSIntKey, with `conf_fcnt`)."""
    block = mic_block(len(body), direction, dev_addr, fcnt, conf_fcnt=conf_fcnt)
    return cmac4(key, block + body)


def uplink_mic_1_1(
    f_nwk_s_int_key: bytes,
    s_nwk_s_int_key: bytes,
    body: bytes,
    dev_addr: int,
    fcnt: int,
    *,
    conf_fcnt: int,
    tx_dr: int,
    tx_ch: int,
) -> bytes:
    """Two bytes that the serving network checks, then two that a forwarding one can."""
    served = mic_block(len(body), UP, dev_addr, fcnt, conf_fcnt=conf_fcnt, tx_dr=tx_dr, tx_ch=tx_ch)
    whole = cmac4(s_nwk_s_int_key, served + body)
    return whole[:2] + data_mic(f_nwk_s_int_key, body, UP, dev_addr, fcnt)[:2]


def mic_block(
    size: int,
    direction: int,
    dev_addr: int,
    fcnt: int,
    *,
    conf_fcnt: int = 0,
    tx_dr: int = 0,
    tx_ch: int = 0,
) -> bytes:
    """B0, and with a data rate and a channel B1: what the CMAC of `size` bytes begins with."""
    return _BLOCK.pack(
        0x49, conf_fcnt & 0xFFFF, tx_dr, tx_ch, direction, dev_addr, fcnt & 0xFFFFFFFF, 0, size
    )


# Payloads and FOpts (section 4.3). The same call encrypts and decrypts.


def crypt_payload(key: bytes, direction: int, dev_addr: int, fcnt: int, data: bytes) -> bytes:
    """FRMPayload. The block counter is one byte and 242 bytes are 16 blocks, so CTR mode fits."""
    return _keystream_xor(key, 0, direction, dev_addr, fcnt, data)


def crypt_fopts(
    key: bytes, direction: int, dev_addr: int, fcnt: int, data: bytes, *, application: bool = False
) -> bytes:
    """1.1 FOpts with NwkSEncKey; `application` says that `fcnt` is AFCntDown (FPort above 0)."""
    return _keystream_xor(key, 2 if application else 1, direction, dev_addr, fcnt, data)


def _keystream_xor(
    key: bytes, mark: int, direction: int, dev_addr: int, fcnt: int, data: bytes
) -> bytes:
    if not data:
        return b""
    start = stream_block(mark, direction, dev_addr, fcnt)
    stream = Cipher(algorithms.AES(key), modes.CTR(start)).encryptor()
    return stream.update(data) + stream.finalize()


def stream_block(mark: int, direction: int, dev_addr: int, fcnt: int, index: int = 1) -> bytes:
    """One block of keystream before encryption; `mark` is 0 for payloads, 1 or 2 for FOpts."""
    return _BLOCK.pack(1, 0, 0, mark, direction, dev_addr, fcnt & 0xFFFFFFFF, 0, index)


# Joins (section 6.2).


def seal_join_accept(enc_key: bytes, clear: bytes, mic: bytes) -> bytes:
    """What follows the MHDR on the air: fields and MIC, AES-decrypted by the server."""
    return aes_decrypt(enc_key, clear + mic)


def open_join_accept(enc_key: bytes, sealed: bytes) -> tuple[bytes, bytes]:
    """The clear fields and the MIC of what followed the MHDR."""
    clear = aes_encrypt(enc_key, sealed)
    return clear[:-4], clear[-4:]


def join_accept_mic(key: bytes, mhdr: int, clear: bytes) -> bytes:
    """OptNeg 0: AppKey, or NwkKey of a 1.1 device in a 1.0 network."""
    return cmac4(key, bytes([mhdr]) + clear)


def join_accept_mic_1_1(
    js_int_key: bytes, mhdr: int, clear: bytes, *, request: int, join_eui: int, dev_nonce: int
) -> bytes:
    """OptNeg 1. `request` is 0xFF for a join, else the rejoin type that is answered."""
    head = struct.pack("<BQHB", request, join_eui, dev_nonce, mhdr)
    return cmac4(js_int_key, head + clear)


def ping_offset(beacon_time_s: int, dev_addr: int, ping_period: int) -> int:
    """Class B: in which of `ping_period` slots a device listens (section 13.3)."""
    block = struct.pack("<II8x", beacon_time_s, dev_addr)
    return int.from_bytes(aes_encrypt(bytes(16), block)[:2], "little") % ping_period
