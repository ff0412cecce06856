"""A software token (SoftHSM2) made for one test."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from forwarder.edge.keks import TokenSettings

MODULES = (
    Path("/usr/lib/softhsm/libsofthsm2.so"),  # Debian, any architecture
    Path("/usr/lib64/pkcs11/libsofthsm2.so"),
    Path("/usr/local/lib/softhsm/libsofthsm2.so"),
)
PIN = "4711"
LABEL = "edgemast-test"


def soft_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TokenSettings:
    """An empty token under `tmp_path`, PIN in a file; skips the test where SoftHSM2 is absent."""
    module = next((path for path in MODULES if path.exists()), None)
    if module is None or shutil.which("softhsm2-util") is None:
        pytest.skip("needs SoftHSM2: sudo apt-get install softhsm2")
    pkcs11 = pytest.importorskip("pkcs11", reason="needs python-pkcs11: pip install '.[hsm]'")
    place = tmp_path / "token"
    place.mkdir()
    conf = tmp_path / "softhsm2.conf"
    conf.write_text(f"directories.tokendir = {place}\nlog.level = ERROR\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(conf))
    subprocess.run(
        [
            "softhsm2-util",
            "--init-token",
            "--free",
            f"--label={LABEL}",
            f"--pin={PIN}",
            "--so-pin=0815",
        ],
        check=True,
        capture_output=True,
        env={**os.environ, "SOFTHSM2_CONF": str(conf)},
    )
    pkcs11.lib(str(module)).reinitialize()  # it remembers the token of the test before
    pin_file = tmp_path / "pin"
    pin_file.write_text(PIN)
    pin_file.chmod(0o600)
    return TokenSettings(module=str(module), label=LABEL, pin_file=str(pin_file))
