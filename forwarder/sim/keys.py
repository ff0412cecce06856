"""Identities and keys of simulated devices, derived from the scenario's seed, and their export.

The same seed gives the same keys, so that a network server is told about them once. They protect
nothing: whoever knows the seed knows them.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass

from ..lorawan.keys import SessionKeys
from .device_spec import DeviceSpec

LOCAL = 0x02  # EUI-64: locally administered, so no maker's identifier
DEV_ADDR_BITS = 25  # NetID 000000, for private networks


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """Everything that tells one device from another. No repr: keys inside."""

    dev_eui: int
    join_eui: int
    app_key: bytes
    dev_addr: int
    session: SessionKeys


def _digest(seed: int, *words: str) -> bytes:
    return hashlib.sha256("/".join(("edgemast simulation", str(seed), *words)).encode()).digest()


def _eui(seed: int, *words: str) -> int:
    return int.from_bytes(bytes([LOCAL]) + _digest(seed, *words)[:7], "big")


def identity(seed: int, name: str, index: int) -> Identity:
    """Identity of the device `name`, the `index`-th of its scenario."""
    base = int.from_bytes(_digest(seed, "addresses")[:4], "big")
    return Identity(
        dev_eui=_eui(seed, "DevEUI", name),
        join_eui=_eui(seed, "JoinEUI"),
        app_key=_digest(seed, "AppKey", name)[:16],
        dev_addr=(base + index) % (1 << DEV_ADDR_BITS),
        session=SessionKeys.of_1_0(
            _digest(seed, "NwkSKey", name)[:16], _digest(seed, "AppSKey", name)[:16]
        ),
    )


def export(specs: Iterable[DeviceSpec]) -> list[dict[str, str]]:
    """What a network server must be told, one object a device; hexadecimal as servers show it."""
    return [_exported(spec) for spec in specs]


def _exported(spec: DeviceSpec) -> dict[str, str]:
    told = {
        "name": spec.name,
        "activation": "otaa" if spec.session is None else "abp",
        "mac_version": spec.mac_version,
        "region": spec.region.name,
        "dev_eui": f"{spec.dev_eui:016x}",
        "join_eui": f"{spec.join_eui:016x}",
    }
    if spec.session is None:
        return {**told, "app_key": spec.app_key.hex()}
    return {
        **told,
        "dev_addr": f"{spec.dev_addr:08x}",
        "nwk_s_key": spec.session.nwk_s_enc.hex(),
        "app_s_key": spec.session.app_s.hex(),
    }


COLUMNS = (
    "name",
    "activation",
    "mac_version",
    "region",
    "dev_eui",
    "join_eui",
    "app_key",
    "dev_addr",
    "nwk_s_key",
    "app_s_key",
)


def as_csv(specs: Iterable[DeviceSpec]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(export(specs))
    return out.getvalue()
