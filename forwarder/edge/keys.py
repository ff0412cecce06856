"""A session key in this process's memory: usable, not readable. See values.KeyHandle.

Python cannot promise that no copy stays behind (edge-keys.md 3.3); what it can do is done: no repr,
no pickling, no comparison but a constant-time one, no way out for the bytes.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import NoReturn

from cryptography.hazmat.primitives.ciphers import (
    Cipher,
    CipherContext,
    algorithms,
    modes,
)
from cryptography.hazmat.primitives.cmac import CMAC

KEY_SIZE = 16


class SoftKey:
    """16 bytes of AES key, kept in a keyed CMAC and a keyed cipher."""

    __slots__ = ("_check", "_cipher", "_mac")

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_SIZE:
            raise ValueError(f"a session key has {KEY_SIZE} bytes, this one {len(key)}")
        algorithm = algorithms.AES(key)
        self._mac: CMAC | None = CMAC(algorithm)
        # Single blocks are what LoRaWAN builds its keystream from; nothing is chained, so that one
        # context serves for ever and costs a tenth of a new one for each frame.
        self._cipher: CipherContext | None = Cipher(algorithm, modes.ECB()).encryptor()
        self._check = self.encrypt_blocks(bytes(KEY_SIZE))

    def cmac(self, message: bytes) -> bytes:
        if self._mac is None:
            raise ValueError("this key was wiped")
        mac = self._mac.copy()
        mac.update(message)
        return mac.finalize()

    def encrypt_blocks(self, blocks: bytes) -> bytes:
        if self._cipher is None:
            raise ValueError("this key was wiped")
        if len(blocks) % KEY_SIZE:
            raise ValueError(f"whole blocks of {KEY_SIZE} bytes expected, not {len(blocks)} bytes")
        return self._cipher.update(blocks)

    def wipe(self) -> None:
        self._mac = self._cipher = None
        self._check = b""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SoftKey) and compare_digest(self._check, other._check)

    __hash__ = None  # type: ignore[assignment]  # a key is not a dictionary's business

    def __repr__(self) -> str:
        return "<SoftKey>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not pickled")
