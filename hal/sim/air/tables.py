"""Figures of radios and of what two frames do to each other. Pure data.

Sensitivity is power at which 10 % of 12-byte frames are lost (SX1302 data sheet's definition).
Sources: SX1302 column as used by LoRaWAN-SIM (Zorbas), device column SX1272 data sheet rev 2;
SNR floors: the nominal demodulator figures, 2.5 dB a spreading factor. SF5 and SF6 of the SX1302,
and SF5 of the device, are extrapolated.

Matrices: signal-to-interference ratio that the row's spreading factor needs against the column's,
dB. `croce`: Croce et al., IEEE Comm. Letters 2018; `goursaud`: Goursaud and Gorce 2015. Both were
published for SF7 to SF12. Rows and columns of SF5 and SF6 are our extension: rows go up by 2.5 to
3 dB a spreading factor as the published ones do, columns repeat SF7's.
"""

from __future__ import annotations

import math

Matrix = tuple[tuple[float, ...], ...]

NOMINAL_SNR_DB = {5: -2.5, 6: -5.0, 7: -7.5, 8: -10.0, 9: -12.5, 10: -15.0, 11: -17.5, 12: -20.0}

SX1302_SENSITIVITY_DBM = {
    5: -121.5, 6: -124.5, 7: -127.0, 8: -129.0, 9: -132.5, 10: -135.5, 11: -138.0, 12: -141.0,
}  # fmt: skip
SX1302_NOISE_FIGURE_DB = 2.5  # the receiver for which that column holds

DEVICE_SENSITIVITY_DBM = {  # by bandwidth, SF5 to SF12
    125_000: (-118.0, -121.0, -124.0, -127.0, -130.0, -133.0, -135.0, -137.0),
    250_000: (-115.0, -118.0, -122.0, -125.0, -128.0, -130.0, -132.0, -135.0),
    500_000: (-108.0, -111.0, -116.0, -119.0, -122.0, -125.0, -128.0, -129.0),
}
DEVICE_NOISE_FIGURE_DB = 6.0

FSK_SENSITIVITY_DBM = -108.0  # 50 kbit/s; SX1272 and SX1302 data sheets agree within 2 dB
FSK_NOMINAL_SNR_DB = 10.0
FSK_CAPTURE_DB = 8.0

_NEVER, _ALWAYS = -math.inf, math.inf


def _diagonal(own: float) -> Matrix:
    return tuple(tuple(own if row == col else _NEVER for col in range(8)) for row in range(8))


MATRICES: dict[str, Matrix] = {
    "croce": (
        (1, -3, -3, -3, -3, -3, -3, -3),
        (-6, 1, -6, -6, -6, -6, -6, -6),
        (-8, -8, 1, -8, -9, -9, -9, -9),
        (-11, -11, -11, 1, -11, -12, -13, -13),
        (-15, -15, -15, -13, 1, -13, -14, -15),
        (-19, -19, -19, -18, -17, 1, -17, -18),
        (-22, -22, -22, -22, -21, -20, 1, -20),
        (-25, -25, -25, -25, -25, -24, -23, 1),
    ),
    "goursaud": (
        (6, -10, -10, -12, -13, -13, -13, -14),
        (-13, 6, -13, -15, -16, -16, -16, -17),
        (-16, -16, 6, -16, -18, -19, -19, -20),
        (-24, -24, -24, 6, -20, -22, -22, -22),
        (-27, -27, -27, -27, 6, -23, -25, -25),
        (-30, -30, -30, -30, -30, 6, -26, -28),
        (-33, -33, -33, -33, -33, -33, 6, -29),
        (-36, -36, -36, -36, -36, -36, -36, 6),
    ),
    "lorasim": _diagonal(6.0),
    "aloha": _diagonal(_ALWAYS),
}


def sx1302_sensitivity_dbm(sf: int | None, bw_hz: int) -> float:
    """Power at the connector for 10 % loss; 3 dB more for each doubling of the bandwidth."""
    if sf is None:
        return FSK_SENSITIVITY_DBM
    return SX1302_SENSITIVITY_DBM[sf] + 10 * math.log10(bw_hz / 125_000)


def device_sensitivity_dbm(sf: int | None, bw_hz: int) -> float:
    return FSK_SENSITIVITY_DBM if sf is None else DEVICE_SENSITIVITY_DBM[bw_hz][sf - 5]


def nominal_snr_db(sf: int | None) -> float:
    """SNR in the frame's own bandwidth at which 10 % are lost."""
    return FSK_NOMINAL_SNR_DB if sf is None else NOMINAL_SNR_DB[sf]
