"""From a server's request to a frame in the chip: what may be sent, when, and how it ended.

Pure: time is an argument, the radio is a list of what to program next. Checks come in the order of
Semtech's forwarder (sx1302_hal: thread_down); every request gets exactly one answer, and what is
accepted and then not emitted is counted and told. After the board's limits come the region's
(regulation.py), and what is kept for other links (shares.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace

from hal.airtime import airtime_us
from hal.config import ConcentratorConfig
from hal.errors import TxRefusal, TxRefused
from hal.frames import AtCounter as StartAt
from hal.frames import Immediate, OnPps, RxFrame, TxFrame, TxReceipt, TxStart
from hal.modulation import LoRa
from hal.tx_checks import check, choose_gain

from ..config.model import Limits
from ..packets import (
    Accepted,
    Answer,
    AsSoonAsPossible,
    AtBeacon,
    AtCounter,
    AtGps,
    AtTmst,
    Downlink,
    Priority,
    Refusal,
    Refused,
)
from ..timing.time_reference import NO_GPS, TimeReference
from .duty_cycle import Emission
from .jit import JitQueue, Slot
from .link_account import LinkAccount
from .margins import RecentUplinks
from .regulation import BandLoad, Regulation
from .shares import Shares, Standing

LBT_TUNE_HZ = 10_000  # a listening channel is found within this (sx1302_hal: lgw_lbt_start)
AGAIN_US = 5_000_000  # how long a class C frame that the radio was too busy for is tried again
LBT_START_US = 1_500  # of its transmit time that is gone before the first symbol
WORDS = {
    TxRefusal.FREQ: Refusal.TX_FREQ,
    TxRefusal.POWER: Refusal.TX_POWER,
    TxRefusal.CHAIN: Refusal.DISABLED,
    TxRefusal.MODULATION: Refusal.UNREADABLE,
    TxRefusal.SIZE: Refusal.UNREADABLE,
    TxRefusal.BUSY: Refusal.COLLISION_PACKET,
    TxRefusal.LATE: Refusal.TOO_LATE,
    TxRefusal.LBT: Refusal.LBT,
}  # what the driver says, in the words that links know


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One downlink with the frame that it becomes; the frame's start is set when it is due."""

    downlink: Downlink
    frame: TxFrame
    airtime_us: int
    asked_us: int


@dataclass(slots=True)
class DownlinkCounters:
    """What became of the requests; only ever grows."""

    requested: int = 0
    refused: Counter[Refusal] = field(default_factory=Counter)
    emitted: int = 0
    lost: Counter[str] = field(default_factory=Counter)  # accepted, then not emitted; why
    airtime_us: int = 0


class Scheduler:
    """Decides about downlinks for one radio. `now_us` is the concentrator's unwrapped line."""

    def __init__(
        self,
        config: ConcentratorConfig,
        *,
        antenna_gain_db: float = 0.0,
        jit: JitQueue[Job] | None = None,
        limits: Limits | None = None,
        time_reference: TimeReference = NO_GPS,
    ) -> None:
        self._config = config
        self._antenna_gain_db = antenna_gain_db
        self._jit: JitQueue[Job] = JitQueue() if jit is None else jit
        self._shares = Shares()
        self.regulation = Regulation(
            limits or Limits(), self._shares, antenna_gain_db=antenna_gain_db
        )
        self._uplinks = RecentUplinks()
        self._time = time_reference
        self._host_ahead_us = 0  # the host's clock less the concentrator's line
        self.counters = DownlinkCounters()
        self.links: dict[str, LinkAccount] = {}
        # Told of every accepted beacon how it ended ("" for sent, else why it was not), and
        # whether it may be asked for anew.
        self.beacon_ended: Callable[[Downlink, str, bool], None] = lambda *told: None
        self.silence = ""  # why nothing may be sent without listening; "" if something may

    def introduce(self, link: str, standing: Standing) -> None:
        """Keep a part of what is shared for `link`; a link that is not introduced has none."""
        self._shares.introduce(link, standing)
        self.links.setdefault(link, LinkAccount())

    def heard(self, frames: Iterable[RxFrame]) -> None:
        """Remember uplinks: the margin report says which window a late downlink was for."""
        self._uplinks.heard(frames)

    def schedule(self, downlink: Downlink, now_us: int, host_us: int | None = None) -> Answer:
        """Accept `downlink` and give it its place, or refuse it with the reason.

        `host_us` is the host's monotonic clock at `now_us`: duty cycles go by it, as it has no
        jumps. Without it the concentrator's line is taken for it.
        """
        if host_us is not None:
            self._host_ahead_us = host_us - now_us
        answer = self._decide(downlink, now_us)
        self._count(downlink, answer, now_us)
        return answer

    def due(self, now_us: int) -> list[tuple[Job, TxFrame]]:
        """What is to be programmed now, in order, with its start."""
        jobs = []
        while (slot := self._jit.pop(now_us)) is not None:
            frame = self._ready(slot, now_us)
            if frame is None:
                self.lost(slot.item, Refusal.GPS_UNLOCKED.name)
            else:
                jobs.append((slot.item, frame))
        return jobs

    def _ready(self, slot: Slot[Job], now_us: int) -> TxFrame | None:
        """The frame with its start; None for a beacon whose time is not known any more."""
        frame, when = slot.item.frame, slot.item.downlink.when
        if not isinstance(when, AtBeacon):
            start: TxStart = Immediate() if slot.immediate else StartAt(slot.start_us)
            return replace(frame, start=start)
        edge_us = self._time.counter_us(when.gps_s * 1000, now_us)
        if edge_us is None:
            return None
        freq_hz = self._time.corrected_hz(frame.freq_hz)
        return replace(frame, start=OnPps(edge_us), freq_hz=freq_hz)

    def next_us(self) -> int | None:
        """When `due` is next worth calling."""
        return self._jit.next_us()

    def emitted(self, job: Job, receipt: TxReceipt) -> Emission | None:
        """The radio has taken the frame and told when it leaves.

        Gives what a restart of the program has to remember; None where no band is known.
        """
        freq_hz, account = job.frame.freq_hz, self._account(job.downlink.link)
        self.counters.emitted += 1
        self.counters.airtime_us += receipt.airtime_us
        account.emitted += 1
        self._tell_beacon(job)
        account.airtime_us[self.regulation.label(freq_hz)] += receipt.airtime_us
        self._jit.settle(job, receipt.start_us)
        start_us = receipt.start_us + self._host_ahead_us
        return self.regulation.settle(job, freq_hz, start_us, receipt.airtime_us)

    def again(self, job: Job, now_us: int) -> bool:
        """Place a frame anew that the radio could not take now; False if it has no second chance.

        What has no fixed time has one, for as long as somebody may still be waiting for it.
        """
        self._jit.release(job)
        fixed = not isinstance(job.downlink.when, AsSoonAsPossible)
        if fixed or now_us - job.asked_us > AGAIN_US:
            return False
        return not isinstance(self._jit.push_soon(_slot(job, now_us, self._time), now_us), Refusal)

    def lost(self, job: Job, why: str) -> None:
        """An accepted frame was not emitted: its place and its time are free again."""
        self._jit.release(job)
        self._give_back(job, why)
        self._tell_beacon(job, why)

    def new_session(self, why: str) -> list[Job]:
        """The counter starts anew: nothing that waits has a meaning any more."""
        dropped = [slot.item for slot in self._jit.clear()]
        for job in dropped:
            self._give_back(job, why)
            self._tell_beacon(job, why, again=True)
        return dropped

    def loads(self, host_us: int) -> list[BandLoad]:
        """How much of the last hour each band was used."""
        return self.regulation.loads(host_us)

    def status(self, host_us: int) -> dict[str, object]:
        """Plain values for `--json` and the status page: each link's account, each band's load."""
        return {
            "links": {name: account.status() for name, account in self.links.items()},
            "bands": [asdict(load) for load in self.loads(host_us)],
            "waiting": len(self._jit),
        }

    def warnings(self) -> list[str]:
        """What an operator should hear, each once."""
        found = (account.margins.warning(name) for name, account in self.links.items())
        return [text for text in found if text is not None]

    def _account(self, link: str) -> LinkAccount:
        return self.links.setdefault(link, LinkAccount())

    def _give_back(self, job: Job, why: str) -> None:
        self.counters.lost[why] += 1
        self._account(job.downlink.link).lost[why] += 1
        self.regulation.release(job, job.frame.freq_hz)

    def _tell_beacon(self, job: Job, why: str = "", *, again: bool = False) -> None:
        if isinstance(job.downlink.when, AtBeacon):
            self.beacon_ended(job.downlink, why, again)

    def _count(self, downlink: Downlink, answer: Answer, now_us: int) -> None:
        account = self._account(downlink.link)
        self.counters.requested += 1
        account.requested += 1
        if isinstance(answer, Accepted):
            account.accepted += 1
        else:
            self.counters.refused[answer.reason] += 1
            account.refused[answer.reason] += 1
        if answer.margin_us is None:
            return
        account.margins.record(answer.margin_us)
        if isinstance(answer, Refused) and answer.reason is Refusal.TOO_LATE:
            start_us = now_us + answer.margin_us + self._jit.lead_us
            window = self._uplinks.window(start_us, downlink.freq_hz)
            account.margins.record_late(answer.margin_us, window)

    # The checks, in order.

    def _decide(self, downlink: Downlink, now_us: int) -> Answer:
        if isinstance(downlink.when, AtGps | AtBeacon) and not self._time.valid(now_us):
            why = self._time.state.reason
            return Refused(Refusal.GPS_UNLOCKED, f"there is no GPS time reference: {why}")
        gain_db = 0.0 if downlink.conducted else self._antenna_gain_db
        asked_dbm = (downlink.power_dbm or 0.0) - gain_db
        try:
            job = self._job(downlink, asked_dbm, now_us)
        except TxRefused as refused:
            return Refused(WORDS[refused.reason], str(refused))
        if (outside := self.regulation.place_fault(downlink.freq_hz)) is not None:
            return outside
        if (fault := self._lbt_fault(job)) is not None:
            return Refused(Refusal.LBT, fault)
        return self._place(job, asked_dbm, now_us)

    def _job(self, downlink: Downlink, asked_dbm: float, now_us: int) -> Job:
        """The frame at the power that the board can give. Raises TxRefused."""
        frame = TxFrame(
            payload=downlink.payload,
            freq_hz=downlink.freq_hz,
            power_dbm=asked_dbm,
            modulation=downlink.modulation,
            rf_chain=downlink.rf_chain,
            preamble=downlink.preamble,
            crc=downlink.crc,
            implicit_header=downlink.implicit_header,
            invert_polarity=downlink.invert_polarity,
        )
        config = self._config
        check(frame, config)
        gains = config.radios[frame.rf_chain].tx_gains
        gain = choose_gain(gains, asked_dbm, allow_lowest=config.allow_lowest_gain)
        most_dbm = self.regulation.most_dbm(frame.freq_hz)
        if most_dbm is not None and gain.rf_power_dbm > most_dbm:
            gain = choose_gain(gains, most_dbm, allow_lowest=False)
        on_air_us = airtime_us(
            frame.modulation,
            len(frame.payload),
            preamble=frame.preamble,
            crc=frame.crc,
            implicit_header=frame.implicit_header,
        )
        return Job(downlink, replace(frame, power_dbm=gain.rf_power_dbm), on_air_us, now_us)

    def _lbt_fault(self, job: Job) -> str | None:
        """Why listen-before-talk will never let this frame out; None if it may."""
        if self.silence:
            return self.silence
        sx1261 = self._config.sx1261
        if sx1261 is None or not sx1261.lbt_enable:
            return None
        bw_hz = job.frame.modulation.bw_hz if isinstance(job.frame.modulation, LoRa) else 125_000
        for channel in sx1261.lbt_channels:
            near = abs(channel.freq_hz - job.frame.freq_hz) <= LBT_TUNE_HZ
            if near and channel.bw_hz == bw_hz:
                longest_us = channel.transmit_time_ms * 1000 - LBT_START_US
                if job.airtime_us <= longest_us:
                    return None
                return f"{job.airtime_us} us on the air, the channel allows {longest_us} us"
        return f"{job.frame.freq_hz} Hz at {bw_hz} Hz is no listening channel"

    def _place(self, job: Job, asked_dbm: float, now_us: int) -> Answer:
        slot = _slot(job, now_us, self._time)
        soon = isinstance(job.downlink.when, AsSoonAsPossible)
        start_us = slot.start_us
        margin_us = None if soon else start_us - now_us - self._jit.lead_us
        emission = Emission(
            start_us + self._host_ahead_us, job.airtime_us, job.frame.freq_hz, job.downlink.link
        )
        if margin_us is None or margin_us > 0:
            fault = self._kept_for_others(job.downlink.link) or self.regulation.time_fault(
                emission, slot.priority
            )
            if fault is not None:
                return replace(fault, margin_us=margin_us)
        result = self._jit.push_soon(slot, now_us) if soon else self._jit.push(slot, now_us)
        if isinstance(result, Refusal):
            return Refused(result, _when_text(result, start_us, now_us), margin_us)
        self.regulation.reserve(job, emission)
        power_dbm = job.frame.power_dbm
        return Accepted(result.start_us, power_dbm, power_dbm != asked_dbm, margin_us)

    def _kept_for_others(self, link: str) -> Refused | None:
        """Why `link` may not have one more of the queue's places."""
        if len(self._shares) < 2 or not len(self._jit):
            return None
        waiting = Counter(slot.item.downlink.link for slot in self._jit)
        if self._shares.fits(link, 1, waiting, self._jit.capacity):
            return None
        return Refused(
            Refusal.FULL, f"{waiting[link]} of {link} wait; the other places are kept for others"
        )


def _slot(job: Job, now_us: int, time: TimeReference) -> Slot[Job]:
    """Where the request belongs. A time of GPS is found valid before it gets here."""
    start_us, priority = now_us, Priority.CLASS_C
    match job.downlink.when:
        case AtTmst(tmst):
            start_us, priority = nearest_us(tmst, now_us), Priority.CLASS_A
        case AtCounter(counter_us):
            start_us, priority = counter_us, Priority.CLASS_A
        case AtGps(gps_ms):
            start_us = time.counter_us(gps_ms, now_us) or now_us
            priority = Priority.CLASS_B
        case AtBeacon(gps_s):
            start_us = time.counter_us(gps_s * 1000, now_us) or now_us
            priority = Priority.BEACON
    return Slot(start_us, job.airtime_us, priority, job)


def nearest_us(tmst: int, now_us: int) -> int:
    """The instant of the 64-bit line nearest to `now_us` whose low 32 bits are `tmst`.

    A signed difference, so 35 minutes either way: what lies in the past is in the past (Semtech's
    forwarder takes it for the far future).
    """
    ahead = (tmst - now_us) & 0xFFFFFFFF
    return now_us + (ahead - (1 << 32) if ahead & 0x80000000 else ahead)


def _when_text(reason: Refusal, start_us: int, now_us: int) -> str:
    if reason in (Refusal.TOO_LATE, Refusal.TOO_EARLY):
        ahead_ms = (start_us - now_us) / 1000
        return f"{abs(ahead_ms):.1f} ms {'ahead' if ahead_ms >= 0 else 'in the past'}"
    return str(reason.value)
