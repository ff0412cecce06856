"""What a gateway without TLS leaves out of its memory."""

from __future__ import annotations

import sys
from types import ModuleType


def asyncio_without_tls() -> ModuleType:
    """asyncio as it is on a Python without ssl; the module, for whoever imports it first.

    asyncio takes OpenSSL along, 4 MB of the 30 that a gateway may have, and does without where
    there is none. `import ssl` works again afterwards, but this process's asyncio will not speak
    TLS: call it only where no link wants that. It has no effect once asyncio is imported.
    """
    loaded = "asyncio" in sys.modules or "ssl" in sys.modules
    if not loaded:
        sys.modules["ssl"] = None  # type: ignore[assignment]  # how imports are told: not there
    try:
        import asyncio
    finally:
        if not loaded:
            del sys.modules["ssl"]
    return asyncio
