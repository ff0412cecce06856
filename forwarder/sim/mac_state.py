"""What a network can change in a simulated device: channels, data rate, windows, power. Pure.

Ref: TS001-1.0.4 chapter 5. Requests are applied whole or not at all, as the standard asks, and
each gets its answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby

from ..lorawan.frame import JoinAccept
from ..lorawan.mac_commands import MacCommand
from ..lorawan.region import Channel, DataRate, Region, cf_list_freqs, cf_list_masks

JOIN_DELAY_S = 5  # JOIN_ACCEPT_DELAY1
LINK_ADR, DUTY_CYCLE, RX_PARAM, DEV_STATUS, NEW_CHANNEL = 0x03, 0x04, 0x05, 0x06, 0x07
RX_TIMING, TX_PARAM, DL_CHANNEL = 0x08, 0x09, 0x0A
STICKY = frozenset({RX_PARAM, RX_TIMING, DL_CHANNEL})  # answered until a downlink comes
ON_EXTERNAL_POWER = 0  # battery level of DevStatusAns
POWER_STEP_DB = 2
KEEP = 15  # LinkADRReq: leave data rate or power as it is


class MacState:
    """`channels` by index; `enabled` are the indices that uplinks may use."""

    def __init__(self, region: Region, enabled: frozenset[int] | None = None) -> None:
        self.region = region
        self.channels: dict[int, Channel] = dict(enumerate(region.channels))
        self.enabled = set(enabled if enabled is not None else self.channels)
        self.data_rate = min(5, max(region.uplink_rates()))
        self.power_index = 0
        self.nb_trans = 1
        self.max_duty = 1.0  # of the time on the air, as DutyCycleReq limits it
        self.rx_delay_s = 1
        self.rx1_offset = 0
        self.rx2_freq_hz = region.rx2_freq_hz
        self.rx2_dr = region.rx2_dr

    @property
    def power_dbm(self) -> float:
        return self.region.max_eirp_dbm - POWER_STEP_DB * self.power_index

    def usable(self, data_rate: int) -> list[int]:
        """Indices of the channels that carry `data_rate`, in order."""
        return [
            index
            for index in sorted(self.enabled)
            if self.channels[index].min_dr <= data_rate <= self.channels[index].max_dr
        ]

    def slower(self, data_rate: int) -> int:
        """One step down, if some channel carries it."""
        return data_rate - 1 if data_rate > 0 and self.usable(data_rate - 1) else data_rate

    def rx1(self, channel: int, data_rate: int) -> tuple[int, DataRate]:
        """Frequency and data rate of RX1 after an uplink."""
        rate = self.region.rx1_dr(data_rate, self.rx1_offset)
        return self.channels[channel].downlink_freq_hz, self.region.data_rates[rate]

    def rx2(self) -> tuple[int, DataRate]:
        return self.rx2_freq_hz, self.region.data_rates[self.rx2_dr]

    def accept(self, accept: JoinAccept) -> None:
        """Take over what a join-accept says."""
        self.rx_delay_s = (accept.rx_delay & 15) or 1
        if accept.rx1_dr_offset <= self.region.max_offset:
            self.rx1_offset = accept.rx1_dr_offset
        if accept.rx2_dr in self.region.data_rates:
            self.rx2_dr = accept.rx2_dr
        freqs, masks = cf_list_freqs(accept.cf_list), cf_list_masks(accept.cf_list)
        if freqs is not None and not self.region.fixed_channels:
            for index, freq in enumerate(freqs, start=len(self.region.channels)):
                self._set_channel(index, freq, 0, 5)
        elif masks is not None and self.region.fixed_channels:
            wanted = {i for i in self.channels if i // 16 < 6 and masks[i // 16] >> i % 16 & 1}
            self.enabled = wanted or self.enabled

    def _set_channel(self, index: int, freq_hz: int, min_dr: int, max_dr: int) -> None:
        if freq_hz == 0:
            self.channels.pop(index, None)
            self.enabled.discard(index)
        else:
            self.channels[index] = Channel(freq_hz, min_dr, max_dr)
            self.enabled.add(index)

    def use_all(self) -> None:
        """The last step of the ADR back-off: every channel known, each frame once."""
        self.enabled |= set(self.channels)
        self.nb_trans = 1

    def answers(self, commands: Iterable[MacCommand], snr_db: float) -> list[bytes]:
        """Apply the commands of one downlink; the answers to send with the next uplink.

        Adjacent LinkADRReq are one block: applied or refused together, each answered alike (5.2).
        """
        found: list[bytes] = []
        for are_adr, group in groupby(commands, _is_link_adr):
            if are_adr:
                block = [command.fields for command in group]
                found += [bytes([LINK_ADR, self._link_adr(block)])] * len(block)
            else:
                found += filter(None, (self._answer(command, snr_db) for command in group))
        return found

    def _answer(self, command: MacCommand, snr_db: float) -> bytes:
        fields = command.fields
        match command.cid:
            case 0x04 if fields:
                self.max_duty = 1 / (1 << fields["max_duty_cycle"])
                return bytes([DUTY_CYCLE])
            case 0x05 if fields:
                return bytes([RX_PARAM, self._rx_param(fields)])
            case 0x06:
                margin = max(-32, min(31, round(snr_db)))
                return bytes([DEV_STATUS, ON_EXTERNAL_POWER, margin & 0x3F])
            case 0x07 if fields and not self.region.fixed_channels:
                return bytes([NEW_CHANNEL, self._new_channel(fields)])
            case 0x08 if fields:
                self.rx_delay_s = fields["delay_s"] or 1
                return bytes([RX_TIMING])
            case 0x09 if fields and self.region.tx_param_setup:
                return bytes([TX_PARAM])
            case 0x0A if fields and not self.region.fixed_channels:
                return bytes([DL_CHANNEL, self._dl_channel(fields)])
            case _:
                return b""

    def _link_adr(self, block: list[dict[str, int]]) -> int:
        """The masks one after the other; rate, power and repetitions of the last (5.2)."""
        wanted: set[int] | None = set(self.enabled)
        for fields in block:
            if wanted is not None:
                wanted = self._masked(wanted, fields["ch_mask"], fields["ch_mask_cntl"])
        last = block[-1]
        rate = self.data_rate if last["data_rate"] == KEEP else last["data_rate"]
        power = self.power_index if last["tx_power"] == KEEP else last["tx_power"]
        mask_ok = bool(wanted)
        carried = (self.channels[index] for index in wanted or ())
        rate_ok = any(channel.min_dr <= rate <= channel.max_dr for channel in carried)
        power_ok = power <= self.region.max_power_index
        if wanted and rate_ok and power_ok:
            self.enabled, self.data_rate, self.power_index = wanted, rate, power
            self.nb_trans = last["nb_trans"] or 1
        return power_ok << 2 | rate_ok << 1 | mask_ok

    def _masked(self, enabled: set[int], mask: int, control: int) -> set[int] | None:
        """`enabled` after a ChMask; None when it names a channel that does not exist."""
        known = set(self.channels)
        if not self.region.fixed_channels:
            if control == 6:
                return known
            wanted = {i for i in range(16) if mask >> i & 1}
            return wanted if control == 0 and wanted <= known else None
        if 16 * control < len(known) - len(known) % 16:
            block = range(16 * control, 16 * control + 16)
            return enabled.difference(block) | {i for i in block if mask >> i % 16 & 1}
        if len(known) % 16 == 0:  # CN470, without wide channels
            return known if control == 6 else None
        return self._masked_wide(enabled, mask, control)

    def _masked_wide(self, enabled: set[int], mask: int, control: int) -> set[int]:
        """ChMaskCntl 4 to 7 where there are 64 channels, and eight of 500 kHz (US915, AU915)."""
        narrow = {i for i in enabled if i < 64}
        if control == 5:  # banks of eight and the 500 kHz channel beside each
            narrow = {i for i in range(64) if mask >> i // 8 & 1}
        elif control > 5:
            narrow = set(range(64)) if control == 6 else set()
        return narrow | {i for i in range(64, 72) if mask >> (i - 64) & 1}

    def _rx_param(self, fields: dict[str, int]) -> int:
        offset_ok = fields["rx1_dr_offset"] <= self.region.max_offset
        rate_ok = fields["rx2_data_rate"] in self.region.data_rates
        freq_ok = fields["freq_hz"] >= 100_000_000
        if offset_ok and rate_ok and freq_ok:
            self.rx1_offset = fields["rx1_dr_offset"]
            self.rx2_dr, self.rx2_freq_hz = fields["rx2_data_rate"], fields["freq_hz"]
        return offset_ok << 2 | rate_ok << 1 | freq_ok

    def _new_channel(self, fields: dict[str, int]) -> int:
        index, freq = fields["index"], fields["freq_hz"]
        freq_ok = len(self.region.channels) <= index < 16
        rates_ok = fields["min_dr"] <= fields["max_dr"] <= 7
        if freq_ok and rates_ok:
            self._set_channel(index, freq, fields["min_dr"], fields["max_dr"])
        return rates_ok << 1 | freq_ok

    def _dl_channel(self, fields: dict[str, int]) -> int:
        index, freq = fields["index"], fields["freq_hz"]
        exists = index in self.channels
        if exists and freq:
            self.channels[index] = replace(self.channels[index], rx1_freq_hz=freq)
        return exists << 1 | bool(freq)


def _is_link_adr(command: MacCommand) -> bool:
    return command.cid == LINK_ADR and bool(command.fields)
