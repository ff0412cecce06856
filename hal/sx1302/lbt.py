"""Listen before talk: the SX1261 senses the channel, the AGC firmware obeys it.

The SX1261 drives GPIO 7; 1.5 ms before a frame leaves the AGC looks there and sends it or not, and
says which in its status: bit 0 or 1 for a TX tried on chain A or B, bit 6 or 7 for one that was
blocked. Source: sx1302_hal: loragw_lbt.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..clock import Clock
from ..config import ConcentratorConfig, LbtChannel, Sx1261Config
from ..errors import TxRefusal, TxRefused
from ..frames import TxFrame
from ..modulation import Cw, Fsk, LoRa
from ..radio import sx1250, sx1261
from ..transport.base import Target
from . import radios
from .chip import Sx1302, Unexpected, field_ops
from .firmware import Firmware
from .registers import AgcMcu

SAME_FREQ_HZ = 10_000
SENSED_BEFORE_US = 1_500  # the channel is looked at this long before the frame leaves
PAUSE_S = 0.001
POLL_S = 0.001
PATIENCE_US = 100_000  # beyond the start of the frame
CLEAR_TIMEOUT_S = 0.5
CLEAR = 0xFF
PROGRAM_US = 15_000  # to set the SX1261 up and the frame after it, also over a slow bus
FSK_BW_HZ = 125_000  # what an FSK frame takes, for the choice of its channel


def wanted(config: ConcentratorConfig) -> bool:
    return config.sx1261 is not None and config.sx1261.lbt_enable


def faults(config: ConcentratorConfig) -> list[str]:
    """Channels that the SX1261 cannot sense."""
    if config.sx1261 is None or not config.sx1261.lbt_enable:
        return []
    return [
        f"lbt channel {channel.freq_hz} Hz: bandwidth {channel.bw_hz} Hz, scan time "
        f"{channel.scan_time_us} us; 125 or 250 kHz and 128 or 5000 us expected"
        for channel in config.sx1261.lbt_channels
        if channel.bw_hz not in sx1261.FSK_BW or channel.scan_time_us not in sx1261.SCANS
    ]


def set_up(chip: Sx1302, clock: Clock, config: ConcentratorConfig, firmware: Firmware) -> None:
    """Patch, calibrate and prepare the SX1261. Raises Unexpected, TransportError."""
    if firmware.sx1261_patch is None:
        raise Unexpected(
            "the SX1261's patch",
            "none: the image sx1261-pram is not installed",
            "edgemast firmware import has not seen sx1261_pram.var",
        )
    here = (Target.SX1261,)
    radios.side_by_side(chip, clock, here, [sx1261.standby()])
    chip.transfer(sx1261.patch(firmware.sx1261_patch))
    clock.sleep(PAUSE_S)
    (answer,) = chip.transfer((sx1261.read_version(),))
    found = sx1261.version(answer)
    if found != sx1261.PATCH_VERSION:
        raise Unexpected(
            f"SX1261 patch version {sx1261.PATCH_VERSION.decode()}",
            repr(found.decode("ascii", "replace")),
            "no SX1261 is fitted, or its reset line is held",
            "another radio is fitted (an SX1262 or SX1268 refuses the SX1261's patch)",
            "the bus flips bits",
        )
    radios.side_by_side(chip, clock, here, [sx1250.calibration(_calibration_freq_hz(config))])
    radios.side_by_side(chip, clock, here, [sx1261.setup()])


@dataclass(slots=True)
class LbtCount:
    """What listening found on one channel; only ever grows."""

    free: int = 0
    busy: int = 0
    untried: int = 0  # the AGC gave no verdict


class Listener:
    """Carrier sense for one frame at a time. Methods raise TransportError for the bus.

    `counts` is by the channel's frequency and bandwidth, both in Hz.
    """

    def __init__(self, chip: Sx1302, clock: Clock, config: Sx1261Config) -> None:
        self._chip = chip
        self._clock = clock
        self._config = config
        self.counts = {(ch.freq_hz, ch.bw_hz): LbtCount() for ch in config.lbt_channels}

    def lead_us(self, frame: TxFrame) -> int:
        """How far ahead a frame must be programmed to be sensed for. Raises TxRefused."""
        return PROGRAM_US + self._channel(frame).scan_time_us

    def start(self, frame: TxFrame, airtime_us: int) -> None:
        """Begin to sense the channel of `frame`. Raises TxRefused for one without a channel."""
        channel = self._channel(frame)
        most_us = channel.transmit_time_ms * 1000 - SENSED_BEFORE_US
        if airtime_us > most_us:
            raise TxRefused(TxRefusal.LBT, f"{airtime_us} us on the air, {most_us} are allowed")
        threshold_dbm = self._config.lbt_rssi_target_dbm + self._config.rssi_offset_db
        groups = sx1261.listen(frame.freq_hz, channel.bw_hz, channel.scan_time_us, threshold_dbm)
        for group in groups:
            self._chip.transfer(group)
            self._clock.sleep(PAUSE_S)
        self._clock.sleep(channel.scan_time_us / 1e6)

    def sent(self, frame: TxFrame, wait_us: int) -> bool | None:
        """Wait for the AGC's verdict: sent, blocked, or None if it never tried. Counts it.

        Nothing is received meanwhile; the chip's buffer keeps what it hears.
        """
        channel = self._channel(frame)
        count = self.counts[channel.freq_hz, channel.bw_hz]
        sent = self._verdict(frame.rf_chain, wait_us)
        count.free += sent is True
        count.busy += sent is False
        count.untried += sent is None
        return sent

    def _verdict(self, rf_chain: int, wait_us: int) -> bool | None:
        deadline_ns = self._clock.now_ns() + (max(wait_us, 0) + PATIENCE_US) * 1000
        while not (status := self._chip.read(AgcMcu.STATUS)) & 1 << rf_chain:
            if self._clock.now_ns() >= deadline_ns:
                return None
            self._clock.sleep(POLL_S)
        return not status & 1 << (6 + rf_chain)

    def stop(self) -> None:
        """Clear the verdict and end the sensing; quiet when the AGC does not follow."""
        self._chip.write(AgcMcu.MAIL_BOX_WR_BYTE0, CLEAR)
        deadline_ns = self._clock.now_ns() + round(CLEAR_TIMEOUT_S * 1e9)
        while self._chip.read(AgcMcu.STATUS) and self._clock.now_ns() < deadline_ns:
            self._clock.sleep(POLL_S)
        self._chip.transfer([*field_ops(AgcMcu.MAIL_BOX_WR_BYTE0, 0), *sx1261.stop()])

    def _channel(self, frame: TxFrame) -> LbtChannel:
        for channel in self._config.lbt_channels:
            near = abs(frame.freq_hz - channel.freq_hz) <= SAME_FREQ_HZ
            if near and _bw_hz(frame.modulation) == channel.bw_hz:
                return channel
        raise TxRefused(TxRefusal.LBT, f"no channel for {frame.freq_hz} Hz is configured")


def _bw_hz(modulation: LoRa | Fsk | Cw) -> int:
    return modulation.bw_hz if isinstance(modulation, LoRa) else FSK_BW_HZ


def _calibration_freq_hz(config: ConcentratorConfig) -> int:
    return config.radios[0].freq_hz or config.radios[config.clock_source].freq_hz
