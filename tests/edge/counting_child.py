"""A gateway that accepts one counter after the other and prints each when it may: to be killed.

    python -m tests.edge.counting_child DATABASE FIRST

It is told to begin at FIRST, but tries every counter from 0 on: what the store has refuses them.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from forwarder.edge.values import FcntState

from .devices import NOW_S, Node
from .test_store import Gateway

NODE = Node(1, nwk=bytes(range(16)), app=bytes(16), s_nwk=bytes(16), session_id=b"counting")


def main() -> None:
    path, first = Path(sys.argv[1]), int(sys.argv[2])
    gateway = Gateway(path, NODE)
    gateway.mode.news(NODE.news(), NOW_S)
    for fcnt in itertools.count(max(0, first - 3)):
        if gateway.hear(NODE.send(fcnt), NOW_S + 100.0 * fcnt) is FcntState.NEW:
            gateway.commit()
            print(fcnt, flush=True)


if __name__ == "__main__":
    main()
