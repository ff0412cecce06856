"""Threads for what blocks: names, TCP, handshakes. Few, daemons, and gone when there is no work.

asyncio's own pool is waited for when the process ends, and a name server may take half a minute.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

MOST = 16  # at once in this process, however many links there are

_lock = threading.Lock()
_waiting: deque[Callable[[], None]] = deque()
_running = 0


def start(work: Callable[[], None]) -> None:
    """Run `work` in a thread, soon; it must not raise."""
    global _running
    with _lock:
        _waiting.append(work)
        if _running >= MOST:
            return
        _running += 1
    threading.Thread(target=_run, name="mqtt connect", daemon=True).start()


def _run() -> None:
    global _running
    while True:
        with _lock:
            if not _waiting:
                _running -= 1
                return
            work = _waiting.popleft()
        try:
            work()
        except BaseException:
            with _lock:
                _running -= 1
            raise
