"""A session that this gateway made: keys to use, counters, and what the device was told. Pure."""

from __future__ import annotations

import hashlib
from collections import deque

from ...lorawan.region import Channel, Region
from ..errors import EnvelopeRefused
from ..session import IDENT_SIZE, Device
from ..values import Envelope, KeyHandle, KeyNews, Scheme, Vault
from .counters import DownCounter
from .queue import DeviceQueue
from .values import JoinAsk, Stored
from .windows import channels

NETWORK_KEYS = ("f_nwk_s_int", "s_nwk_s_int", "nwk_s_enc")
APP_KEY = "app_s"
OPT_NEG = 0x80  # of DLSettings: the session is one of LoRaWAN 1.1
SNRS_KEPT = 20


class NetSession:
    """Made from what is stored; a new one has nothing on disk yet, so its limits are 0.

    `up` is the last FCntUp that was accepted, `acks` how often that frame was acknowledged: its
    repetitions are too, a few times. `joining`: the device was heard to ask for another session.
    """

    def __init__(
        self, device: Device, stored: Stored, region: Region, vault: Vault, queue: DeviceQueue
    ) -> None:
        self.device = device
        self.ident = stored.ident
        self.dev_addr = stored.dev_addr
        self.lorawan_1_1 = stored.lorawan_1_1
        self.proven = stored.proven
        self.rx_delay_s = stored.rx_delay_s
        self.offset = stored.dl_settings >> 4 & 7
        self.rx2_dr = stored.dl_settings & 15
        self.plan: dict[int, Channel] = channels(region, stored.cf_list)
        self.ends_s = stored.ends_s
        self.up = stored.up
        self.acks = 0
        self.network = DownCounter(stored.network_limit)
        self.application = DownCounter(stored.application_limit)
        self.conf_down = stored.conf_down
        self.session_id = stored.session_id
        self.join_eui = stored.join_eui
        self.queue = queue
        self.joining = False
        self.snrs: deque[float] = deque(maxlen=SNRS_KEPT)
        self.power_index = 0
        self.adr_asked: tuple[int, int] | None = None
        self.adr_refused = False
        self.status_s: float | None = None
        self.fault = ""
        self._first = stored
        self._keys = dict(stored.keys)
        self._handles: dict[str, KeyHandle | None] = {}
        self._vault = vault

    @property
    def hash(self) -> str:
        return self.ident.hex()

    def key(self, name: str) -> KeyHandle | None:
        """A key, opened when first wanted; None if it is unknown or refused (`fault` says why)."""
        if name in self._handles:
            return self._handles[name]
        if name not in self._keys:
            return None
        handle: KeyHandle | None = None
        try:
            handle = self._vault.open(self._keys[name], self._first.source)
        except EnvelopeRefused as error:
            self.fault = str(error)
        self._handles[name] = handle
        return handle

    def key_names(self) -> set[str]:
        return set(self._keys)

    def downlink_key(self) -> KeyHandle | None:
        return self.key("s_nwk_s_int" if self.lorawan_1_1 else "f_nwk_s_int")

    def command_key(self) -> KeyHandle | None:
        """Of FPort 0, and of FOpts in 1.1."""
        return self.key("nwk_s_enc" if self.lorawan_1_1 else "f_nwk_s_int")

    def learn(self, app_s_key: Envelope) -> None:
        """The AppSKey that the Join Server had kept back."""
        self._keys[APP_KEY] = app_s_key
        self._handles.pop(APP_KEY, None)
        self.fault = ""

    def usable(self) -> bool:
        """Whether the network's keys are all there."""
        names = NETWORK_KEYS if self.lorawan_1_1 else NETWORK_KEYS[:1]
        return all(self.key(name) is not None for name in names)

    def counter(self, fport: int | None) -> DownCounter:
        """Which FCntDown a downlink takes."""
        return self.application if self.lorawan_1_1 and fport else self.network

    def short(self) -> bool:
        return self.network.short() or (self.lorawan_1_1 and self.application.short())

    def over(self, wall_s: float) -> bool:
        return self.ends_s is not None and wall_s >= self.ends_s

    def to_store(self) -> Stored:
        """Itself as it should be on disk now. A key that came in clear is not written."""
        first = self._first
        kept = {name: one for name, one in self._keys.items() if one.scheme is not Scheme.CLEAR}
        return Stored(
            ident=self.ident,
            dev_eui=first.dev_eui,
            join_eui=first.join_eui,
            dev_addr=self.dev_addr,
            source=first.source,
            session_id=first.session_id,
            lorawan_1_1=self.lorawan_1_1,
            proven=self.proven,
            dl_settings=first.dl_settings,
            rx_delay_s=first.rx_delay_s,
            cf_list=first.cf_list,
            ends_s=self.ends_s,
            up=self.up,
            network_limit=self.network.to_store(),
            application_limit=self.application.to_store() if self.lorawan_1_1 else 0,
            conf_down=self.conf_down,
            keys=kept,
        )

    def stored(self, row: Stored) -> None:
        """`row`, made by `to_store`, is on disk."""
        self.network.stored(row.network_limit)
        self.application.stored(row.application_limit)

    def wipe(self) -> None:
        for handle in self._handles.values():
            if handle is not None:
                handle.wipe()
        self._keys, self._handles = {}, dict.fromkeys((*NETWORK_KEYS, APP_KEY))

    def __repr__(self) -> str:
        return f"<NetSession {self.hash} of {self.device.dev_eui}>"


def begun(asked: JoinAsk, dev_nonce: int, news: KeyNews, wall_s: float) -> Stored:
    """A new session out of a Join Server's answer. Raises ValueError if it holds no key."""
    if news.f_nwk_s_int is None:
        raise ValueError("the Join Server sent no network session key")
    if news.lorawan_1_1 and not asked.dl_settings & OPT_NEG:
        raise ValueError("the Join Server sent keys of LoRaWAN 1.1 for a device of 1.0")
    found = {
        "f_nwk_s_int": news.f_nwk_s_int,
        "s_nwk_s_int": news.s_nwk_s_int,
        "nwk_s_enc": news.nwk_s_enc,
        APP_KEY: news.app_s_key,
    }
    # A DevNonce lets a device in once, so it names the session, and no key is needed for that.
    name = f"{asked.dev_eui}/{asked.join_eui}/{dev_nonce}/{asked.dev_addr}"
    return Stored(
        ident=hashlib.sha256(b"edgemast join" + name.encode()).digest()[:IDENT_SIZE],
        dev_eui=asked.dev_eui,
        join_eui=asked.join_eui,
        dev_addr=asked.dev_addr,
        source=news.source,
        session_id=news.session_id,
        lorawan_1_1=news.lorawan_1_1,
        proven=False,
        dl_settings=asked.dl_settings,
        rx_delay_s=asked.rx_delay,
        cf_list=asked.cf_list,
        ends_s=wall_s + news.lifetime_s if news.lifetime_s else None,
        up=None,
        network_limit=0,
        application_limit=0,
        conf_down=0,
        keys={name: one for name, one in found.items() if one is not None},
    )
