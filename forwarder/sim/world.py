"""Simulated devices on the simulated air: who sends when, and what their windows catch.

The air's line of events drives them: everything happens when a board is looked at (or whoever
calls `Air.advance`), lazily in real time and as fast as it goes in simulated time. Devices decide
(`device.py`), the air judges; this only carries between the two.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

from hal.sim.air import Downlink, Interferer, Listen, Transmission
from hal.sim.air.air import Air
from hal.sim.air.verdict import Report
from hal.sim.board import SimBoard

from .device import Device, Heard, Send, Window
from .device_events import Event, Ignored, Joined, JoinMissed, Unacked
from .device_spec import DeviceSpec
from .scenario import Fault, seconds

S = 1_000_000_000


class World:
    """Devices on one air. Lives in whatever thread drives the air, and calls back in it.

    `on_event(device, event, now_ns)` tells what devices notice, `on_sent(device, send, report)`
    what became of each transmission at its end.
    """

    def __init__(
        self,
        air: Air,
        *,
        on_event: Callable[[Device, Event, int], None] | None = None,
        on_sent: Callable[[Device, Send, Report], None] | None = None,
    ) -> None:
        self.air = air
        self.devices: dict[str, Device] = {}
        self.counts: Counter[str] = Counter()
        self._on_event = on_event
        self._on_sent = on_sent
        self._off_until_ns: dict[str, int] = {}

    def place(
        self,
        specs: Iterable[DeviceSpec],
        *,
        seed: int,
        start_ns: int,
        first_nonce: int = 1,
    ) -> None:
        """Put devices on the air; each begins at its own time, or within one period.

        Against a network server that remembers, `first_nonce` must be higher than in any earlier
        run.
        """
        for spec in specs:
            rng = random.Random(f"{seed}/{spec.name}")
            begin_s = rng.uniform(0.0, spec.traffic.every_s)
            begin_ns = start_ns + round((begin_s if spec.start_s is None else spec.start_s) * S)
            device = Device(spec, rng, start_ns=begin_ns, first_nonce=first_nonce)
            self.devices[spec.name] = device
            self._arrange(device)

    # Between a device and the air.

    def _arrange(self, device: Device) -> None:
        if device.next_ns is not None:
            self.air.call_at(device.next_ns, partial(self._wake, device))

    def _wake(self, device: Device, now_ns: int) -> None:
        off_ns = self._off_until_ns.get(device.spec.name, 0)
        if now_ns < off_ns:
            self.air.call_at(off_ns, partial(self._wake, device))
            return
        send = device.wake(now_ns)
        if send is None:
            self._arrange(device)
            return
        self.counts["sent"] += 1
        spec = device.spec
        frame = Transmission(
            who=spec.name,
            payload=send.payload,
            start_ns=now_ns,
            freq_hz=send.freq_hz * (1 + spec.crystal_ppm * 1e-6),
            sf=send.sf,
            bw_hz=send.bw_hz,
            power_dbm=send.power_dbm,
            at=spec.at,
            crystal_ppm=spec.crystal_ppm,
            label=send.label,
        )
        self.air.transmit(frame, partial(self._sent, device, send))

    def _sent(self, device: Device, send: Send, report: Report) -> None:
        outcomes = {verdict.outcome for verdict in report.verdicts}
        self.counts["heard" if any(one.stored for one in outcomes) else "lost"] += 1
        if self._on_sent is not None:
            self._on_sent(device, send, report)
        self._open(device, device.tx_done(report.frame.end_ns))

    def _open(self, device: Device, window: Window) -> None:
        self.air.listen(
            Listen(
                who=device.spec.name,
                at=device.spec.at,
                freq_hz=window.freq_hz,
                sf=window.sf,
                bw_hz=window.bw_hz,
                from_ns=window.from_ns,
                to_ns=window.to_ns,
                on_result=partial(self._window_done, device, window),
            )
        )

    def _window_done(self, device: Device, window: Window, caught: Downlink | None) -> None:
        heard, now_ns = None, window.to_ns
        if caught is not None:
            now_ns = max(now_ns, caught.end_ns)
            self.counts["downlinks caught"] += 1
            if caught.crc_ok:
                heard = Heard(caught.payload, caught.rssi_dbm, caught.snr_db, caught.end_ns)
        following = device.window_done(heard, now_ns)
        for event in device.events():
            self._count(event)
            if self._on_event is not None:
                self._on_event(device, event, now_ns)
        if following is not None:
            self._open(device, following)
        else:
            self._arrange(device)

    def _count(self, event: Event) -> None:
        words: dict[type[Event], str] = {
            Joined: "joined",
            JoinMissed: "join tries missed",
            Unacked: "unacknowledged",
            Ignored: "downlinks ignored",
        }
        if type(event) in words:
            self.counts[words[type(event)]] += 1

    # Faults.

    def arrange_fault(self, fault: Fault, boards: dict[str, SimBoard], start_ns: int) -> None:
        """Let a scenario's fault happen at its time; without a target, to all."""
        from_ns = start_ns + round(seconds(fault.at) * S)
        to_ns = from_ns + round(seconds(fault.duration) * S)
        chosen = {name: b for name, b in boards.items() if fault.target in ("", name)}
        match fault.what:
            case "interferer":
                self.air.add_interferer(
                    Interferer(
                        freq_hz=fault.freq,
                        power_dbm=fault.power_at_gateway,
                        from_ns=from_ns,
                        to_ns=to_ns,
                        duty=fault.duty,
                        boards=frozenset(chosen),
                    )
                )
            case "antenna_loss":
                for name in chosen:
                    self.air.call_at(from_ns, partial(self._antenna, name, fault.loss))
                    self.air.call_at(to_ns, partial(self._antenna, name, 0.0))
            case "unplugged":
                for board in chosen.values():
                    self.air.call_at(from_ns, partial(_plug, board, True))
                    self.air.call_at(to_ns, partial(_plug, board, False))
            case "spi_error":
                for board in chosen.values():
                    self.air.call_at(from_ns, partial(_fail, board, fault.count))
            case "device_off":
                self.air.call_at(from_ns, lambda _: self._switch_off(fault.target, to_ns))

    def _antenna(self, board: str, loss_db: float, _: int) -> None:
        self.air.set_antenna_loss(board, loss_db)

    def _switch_off(self, target: str, until_ns: int) -> None:
        for name in self.devices:
            if target in ("", name):
                self._off_until_ns[name] = until_ns


def _plug(board: SimBoard, unplugged: bool, _: int) -> None:
    board.faults.unplugged = unplugged


def _fail(board: SimBoard, count: int, _: int) -> None:
    board.faults.fail_next.extend([1] * count)
