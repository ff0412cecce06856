"""What a network can change in a simulated device: channels, data rate, windows, power. Pure.

Ref: TS001-1.0.4 chapter 5. Requests are applied whole or not at all, as the standard asks, and
each gets its answer.
"""

from __future__ import annotations

from dataclasses import replace

from ..lorawan.frame import JoinAccept
from ..lorawan.mac_commands import MacCommand
from ..lorawan.region import Channel, DataRate, Region, cf_list_freqs, cf_list_masks

JOIN_DELAY_S = 5  # JOIN_ACCEPT_DELAY1
LINK_ADR, DUTY_CYCLE, RX_PARAM, DEV_STATUS, NEW_CHANNEL = 0x03, 0x04, 0x05, 0x06, 0x07
RX_TIMING, TX_PARAM, DL_CHANNEL = 0x08, 0x09, 0x0A
STICKY = frozenset({RX_PARAM, RX_TIMING, DL_CHANNEL})  # answered until a downlink comes
ON_EXTERNAL_POWER = 0  # battery level of DevStatusAns
POWER_STEP_DB = 2
POWER_INDICES = 8
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

    def answer(self, command: MacCommand, snr_db: float) -> bytes:
        """Apply one command; the answer to send with the next uplink, empty if it has none."""
        fields = command.fields
        match command.cid:
            case 0x03 if fields:
                return bytes([LINK_ADR, self._link_adr(fields)])
            case 0x04:
                return bytes([DUTY_CYCLE])
            case 0x05 if fields:
                return bytes([RX_PARAM, self._rx_param(fields)])
            case 0x06:
                margin = max(-32, min(31, round(snr_db)))
                return bytes([DEV_STATUS, ON_EXTERNAL_POWER, margin & 0x3F])
            case 0x07 if fields:
                return bytes([NEW_CHANNEL, self._new_channel(fields)])
            case 0x08 if fields:
                self.rx_delay_s = fields["delay_s"] or 1
                return bytes([RX_TIMING])
            case 0x09:
                return bytes([TX_PARAM])
            case 0x0A if fields:
                return bytes([DL_CHANNEL, self._dl_channel(fields)])
            case _:
                return b""

    def _link_adr(self, fields: dict[str, int]) -> int:
        wanted = self._masked(fields["ch_mask"], fields["ch_mask_cntl"])
        rate = self.data_rate if fields["data_rate"] == KEEP else fields["data_rate"]
        power = self.power_index if fields["tx_power"] == KEEP else fields["tx_power"]
        mask_ok = bool(wanted)
        rate_ok = mask_ok and any(
            self.channels[i].min_dr <= rate <= self.channels[i].max_dr for i in wanted
        )
        power_ok = power < POWER_INDICES
        if mask_ok and rate_ok and power_ok:
            self.enabled, self.data_rate, self.power_index = wanted, rate, power
            self.nb_trans = fields["nb_trans"] or 1
        return power_ok << 2 | rate_ok << 1 | mask_ok

    def _masked(self, mask: int, control: int) -> set[int]:
        """Channels after a ChMask; empty when it names one that does not exist."""
        if not self.region.fixed_channels:
            if control == 6:
                return set(self.channels)
            wanted = {i for i in range(16) if mask >> i & 1}
            return wanted if control == 0 and wanted <= set(self.channels) else set()
        if control <= 4:
            block = range(16 * control, 16 * control + 16)
            kept = {i for i in self.enabled if i not in block}
            return kept | {i for i in block if mask >> i % 16 & 1 and i in self.channels}
        wide = {i for i in range(64, 72) if mask >> (i - 64) & 1 and i in self.channels}
        if control == 5:  # banks of eight and the 500 kHz channel beside each
            narrow = {i for i in range(64) if mask >> i // 8 & 1}
            return narrow | wide
        return (set(range(64)) if control == 6 else set()) | wide

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
        default = index < len(self.region.channels)
        freq_ok = not default and not self.region.fixed_channels and index < 16
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
