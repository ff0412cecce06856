"""The latest frames of a running gateway, ready for Wireshark, and whoever follows them live.

Lives in the event loop, behind all links. Memory is bounded: the oldest frame makes room for the
newest, and a follower that is too slow loses frames, which are counted.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable

from hal.frames import Crc, RxFrame, TxFrame
from hal.modulation import Fsk, LoRa

from ..packets import Uplink
from . import pcap
from .loratap import LINK_TYPE, LORAWAN_SYNC_WORD, PRIVATE_SYNC_WORD, TapFrame, encode

FRAMES = 512
FOLLOWER_QUEUE = 256

Now = Callable[[], int | None]


class CaptureRing:
    """An observer of uplinks (links.base.Link) that also hears what was sent.

    `now_us` is the concentrator's line now, to place frames in wall time; `utc_ns` the wall clock.
    `gateway` is an EUI, which may become known later.
    """

    def __init__(
        self,
        now_us: Now,
        *,
        gateway: int = 0,
        public: bool = True,
        frames: int = FRAMES,
        utc_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.name = "capture"
        self.missed = 0  # frames that a follower was too slow for
        self._now_us = now_us
        self._utc_ns = utc_ns
        self.gateway = gateway
        self._sync_word = LORAWAN_SYNC_WORD if public else PRIVATE_SYNC_WORD
        self._records: deque[bytes] = deque(maxlen=frames)
        self._followers: set[asyncio.Queue[bytes]] = set()

    async def run(self) -> None:
        """It has nothing to do of its own."""
        await asyncio.Event().wait()

    def uplink(self, uplink: Uplink) -> None:
        frame = uplink.frame
        at_ns = uplink.utc_ns if uplink.utc_ns is not None else self._wall_ns(frame.counter_us)
        self._add(at_ns, tap_of(frame, self.gateway, self._sync_word))

    def sent(self, frame: TxFrame, start_us: int) -> None:
        """A frame that left the gateway, or will, at `start_us` of the concentrator's line."""
        tap = TapFrame(
            payload=frame.payload,
            freq_hz=frame.freq_hz,
            modulation=_plain(frame.modulation),
            crc=Crc.OK if frame.crc else Crc.NONE,
            gateway=self.gateway,
            counter_us=start_us,
            rf_chain=frame.rf_chain,
            inverted=frame.invert_polarity,
            implicit_header=frame.implicit_header,
            sync_word=self._sync_word,
        )
        self._add(self._wall_ns(start_us), tap)

    def status(self) -> dict[str, object]:
        return {
            "name": self.name,
            "state": "up",
            "frames": len(self._records),
            "followers": len(self._followers),
            "missed": self.missed,
        }

    @property
    def followers(self) -> int:
        return len(self._followers)

    def snapshot(self) -> bytes:
        """The frames that are kept, as a whole file."""
        return pcap.head(LINK_TYPE) + b"".join(self._records)

    async def follow(self) -> AsyncGenerator[bytes, None]:
        """A file that never ends: what is kept, then each frame as it comes."""
        queue: asyncio.Queue[bytes] = asyncio.Queue(FOLLOWER_QUEUE)
        self._followers.add(queue)
        try:
            yield self.snapshot()
            while True:
                yield await queue.get()
        finally:
            self._followers.discard(queue)

    def _add(self, at_ns: int, frame: TapFrame) -> None:
        record = pcap.record(at_ns, encode(frame))
        self._records.append(record)
        for queue in self._followers:
            if queue.full():
                self.missed += 1
            else:
                queue.put_nowait(record)

    def _wall_ns(self, counter_us: int) -> int:
        now_us = self._now_us()
        age_us = 0 if now_us is None else now_us - counter_us
        return self._utc_ns() - age_us * 1000


def tap_of(frame: RxFrame, gateway: int, sync_word: int = LORAWAN_SYNC_WORD) -> TapFrame:
    """A received frame as a capture holds it. Devices send with plain polarity."""
    return TapFrame(
        payload=frame.payload,
        freq_hz=frame.freq_hz,
        modulation=frame.modulation,
        crc=frame.crc,
        rssi_dbm=frame.rssi_channel_dbm,
        rssi_signal_dbm=frame.rssi_signal_dbm,
        snr_db=frame.snr_db,
        gateway=gateway,
        counter_us=frame.counter_us & 0xFFFFFFFF,
        if_chain=frame.if_chain,
        rf_chain=frame.rf_chain,
        sync_word=sync_word,
    )


def _plain(modulation: object) -> LoRa | Fsk:
    """What is sent is LoRa or FSK; a bare carrier (a test) is written as the slowest LoRa."""
    return modulation if isinstance(modulation, LoRa | Fsk) else LoRa(12, 125_000, 1)
