"""How much of a signal arrives: path loss, shadowing of a link, noise, and the loss rate; pure."""

from __future__ import annotations

import math

from .chance import Chance, normal
from .rules import Rules
from .tables import SX1302_NOISE_FIGURE_DB, nominal_snr_db, sx1302_sensitivity_dbm
from .values import Position

NEAREST_M = 1.0  # no loss formula holds closer than this
SNR_CEILING_DB = 14.0  # the chip's estimate saturates; recorded traffic ends at about 13.5
DETECTION_MARGIN_DB = 2.0  # a preamble is still found this much below the payload's limit


def path_loss_db(rules: Rules, a: Position, b: Position) -> float:
    """Mean loss between two places."""
    loss = rules.path_loss
    distance_m = max(math.dist(a, b), NEAREST_M)
    return loss.at_ref_db + 10.0 * loss.exponent * math.log10(distance_m / loss.ref_m)


def link_loss_db(
    rules: Rules, chance: Chance, who: str, a: Position, to: str, b: Position
) -> float:
    """Path loss and this link's own shadowing, which does not change with time."""
    loss = path_loss_db(rules, a, b)
    if rules.shadowing_sigma_db:
        u, v, _, _ = chance.draws("shadowing", who, to)
        loss += rules.shadowing_sigma_db * normal(u, v)
    return loss


def gateway_snr_db(rules: Rules, power_dbm: float, sf: int | None, bw_hz: int) -> float:
    """SNR as the chip would tell it: the sensitivity is where it equals the nominal floor."""
    above = power_dbm - sx1302_sensitivity_dbm(sf, bw_hz)
    return nominal_snr_db(sf) + above - (rules.noise_figure_db - SX1302_NOISE_FIGURE_DB)


def offset_loss_db(offset_hz: float, bw_hz: int) -> float:
    """Loss off the channel's middle: 3 dB at a quarter of the bandwidth (data sheet table 3-5)."""
    return 3.0 * (offset_hz / (0.25 * bw_hz)) ** 2


def channel_rssi_dbm(signal_dbm: float, snr_db: float) -> float:
    """Signal and noise together, which is what a channel's RSSI measures."""
    return signal_dbm + 10.0 * math.log10(1.0 + 10.0 ** (-snr_db / 10.0))


def signal_dbm(channel_dbm: float, snr_db: float) -> float:
    """The inverse: the signal alone, from the channel's RSSI and the SNR."""
    return channel_dbm - 10.0 * math.log10(1.0 + 10.0 ** (-snr_db / 10.0))


def loss_rate(rules: Rules, snr_db: float, floor_db: float) -> float:
    """Share of frames that noise alone destroys: `per_at_floor` at the floor, half further down."""
    if rules.per_step:
        return 0.0 if snr_db >= floor_db else 1.0
    steepness = math.log(1.0 / rules.per_at_floor - 1.0) / rules.per_slope_db
    exponent = steepness * (snr_db - floor_db + rules.per_slope_db)
    return 1.0 / (1.0 + math.exp(min(exponent, 700.0))) if exponent > -700.0 else 1.0


def undetected_rate(rules: Rules, snr_db: float, floor_db: float) -> float:
    """Share of frames whose very preamble is not found."""
    margin_db = 0.0 if rules.per_step else DETECTION_MARGIN_DB
    return loss_rate(rules, snr_db + margin_db, floor_db)


def milliwatts(dbm: float) -> float:
    return float(10.0 ** (dbm / 10.0))
