"""What a gateway that does not need it leaves out of its memory: OpenSSL, and parts of libraries.

Each function is for whoever imports the library first; where it is loaded already it is left as it
is. What was kept out can be imported as usual afterwards.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType


def asyncio_without_tls() -> ModuleType:
    """asyncio as it is on a Python without ssl.

    asyncio takes OpenSSL along, 4 MB of the 30 that a gateway may have, and does without where
    there is none. This process's asyncio will not speak TLS: call it only where nobody wants that.
    """
    with _absent("asyncio", "ssl"):
        import asyncio
    return asyncio


def paho_without_proxies(*, tls: bool) -> ModuleType:
    """paho-mqtt's client without what it takes along for HTTP proxies, and without OpenSSL.

    It imports urllib.request, and with it the libraries of HTTP and mail, for a function that is
    not called where connections are made by ourselves (links/mqtt/client.py). Without `tls` it has
    no `ssl` either, and its hashes (for WebSockets) are Python's own.
    """
    openssl = () if tls else ("ssl", "_hashlib")
    with _deferred("urllib.request"), _absent("paho.mqtt.client", *openssl):
        from paho.mqtt import client
    return client


def protobuf_without_python() -> None:
    """protobuf's generated modules without its implementation in Python, 1 MB.

    Since the 6th series they take it along where the one in C does all the work. Where there is
    none in C it is loaded when it is needed, a moment later.
    """
    with _deferred("google.protobuf.internal.python_message"):
        import_module("google.protobuf.internal.builder")


@contextmanager
def _deferred(name: str) -> Iterator[None]:
    """Imports of `name` meanwhile get a stand-in, which imports it when something of it is used."""
    if name in sys.modules:
        yield
        return
    stand_in = sys.modules[name] = ModuleType(name)

    def attribute(wanted: str) -> object:
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]
        return getattr(import_module(name), wanted)

    stand_in.__getattr__ = attribute  # type: ignore[method-assign]  # PEP 562
    try:
        yield
    finally:
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]


@contextmanager
def _absent(user: str, *names: str) -> Iterator[None]:
    """`names` cannot be imported meanwhile, unless `user` or one of them is loaded already."""
    hidden = () if any(name in sys.modules for name in (user, *names)) else names
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # how imports are told: not there
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
