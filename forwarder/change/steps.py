"""The change itself: put in place, restart, prove, and keep it or go back."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from hal.clock import Clock

from .pending import Change, ChangeError
from .proof import Proof, State
from .service import Service

LOOK_S = 0.5
INTERRUPTED = "it was interrupted"


class Interrupted(Exception):
    """A signal came while a change was unproven."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """The gateway as a change sees it: what restarts it, and what it says of itself."""

    service: Service
    state: Callable[[], State | None]
    clock: Clock
    limit_s: float

    def now_s(self) -> float:
        return self.clock.now_ns() / 1e9

    def lacking(self, proof: Proof) -> str:
        """Restart, and wait until the proof stands: "". Else what is missing in the end."""
        end_s = self.now_s() + self.limit_s
        try:
            self.service.restart()
            while lack := proof.lacking(self.state(), self.now_s()):
                if why := self.service.ended():
                    return why
                if self.now_s() >= end_s:
                    return f"{lack}, after {self.limit_s:g} s"
                self.clock.sleep(LOOK_S)
        except Interrupted:
            return INTERRUPTED
        except ChangeError as error:
            return str(error)
        return ""


def make(change: Change, data: bytes, gateway: Gateway, servers: frozenset[str]) -> None:
    """Returns when the change has been proved. Raises ChangeError when it was taken back."""
    with signals_raise():
        before = gateway.state()
        try:
            change.begin(data)
            why = gateway.lacking(Proof(before, servers))
        except Interrupted:
            why = INTERRUPTED
        except BaseException:
            change.restore()
            raise
        if not why:
            change.commit()
            return
    change.restore()
    raise ChangeError(f"taken back, because {why}; {_go_back(change, gateway)}")


def _go_back(change: Change, gateway: Gateway) -> str:
    """Start on what ran before, and say how that went."""
    if change.first:
        return "there was no configuration before: edgemast doctor"
    still = gateway.lacking(Proof(gateway.state(), frozenset()))
    if not still:
        return "the configuration before it runs again"
    return f"the configuration before it is back in place, but {still}: edgemast doctor"


@contextmanager
def signals_raise() -> Iterator[None]:
    """What would end the program, such as a lost SSH session, takes the change back first."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = {
        number: signal.signal(number, _interrupt)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise Interrupted
