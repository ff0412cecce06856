"""What a frame costs with its keys in a PKCS#11 token: ours beside the bare library (SoftHSM2).

    python -m benchmarks.hsm

One frame is a CMAC over its bytes and two blocks of keystream, as for 24 bytes of payload.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pkcs11 import Mechanism

from forwarder.edge.kek_store import open_token
from forwarder.edge.keks import KeyRing
from forwarder.edge.pkcs11 import TokenKey
from forwarder.edge.token_admin import import_kek
from forwarder.edge.vault import KekVault
from tests.edge.envelopes import KEKS, wrapped
from tests.edge.tokens import soft_token

ROUNDS, FRAMES = 7, 1000
MESSAGE, BLOCKS = bytes(16 + 9 + 24), bytes(32)


def best_us(operation: Callable[[], object], count: int = FRAMES) -> float:
    """Microseconds of one `operation`, in the best of several rounds."""
    took = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(count):
            operation()
        took.append(time.perf_counter() - start)
    return min(took) / count * 1e6


def frame_costs_us() -> tuple[float, float]:
    """Ours, and the library's own."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        token = open_token(soft_token(Path(folder), patch))
        import_kek(token, "k", 1, KEKS[16])
        key = KekVault(KeyRing(token.keks())).open(wrapped(), "benchmark")
        assert isinstance(key, TokenKey)
        bare = key.object()

        def ours() -> None:
            key.cmac(MESSAGE)
            key.encrypt_blocks(BLOCKS)

        def own() -> None:
            bare.sign(MESSAGE, mechanism=Mechanism.AES_CMAC)
            bare.encrypt(BLOCKS, mechanism=Mechanism.AES_ECB)

        costs = best_us(ours), best_us(own)
        token.close()
        return costs


def main() -> None:
    ours, own = frame_costs_us()
    print(f"a frame with its keys in a token: {ours:.1f} us, the token's own {own:.1f} us,")
    print(f"ratio {ours / own:.2f}")


if __name__ == "__main__":
    main()
