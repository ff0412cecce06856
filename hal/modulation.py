"""What a frame is modulated with: LoRa, FSK, or a bare carrier. Values; pure."""

from __future__ import annotations

from dataclasses import dataclass

BANDWIDTHS_HZ = (125_000, 250_000, 500_000)
SPREADING_FACTORS = range(5, 13)
CODING_RATES = {1: "4/5", 2: "4/6", 3: "4/7", 4: "4/8"}


@dataclass(frozen=True, slots=True)
class LoRa:
    """`coding_rate` is 1 to 4 for 4/5 to 4/8; 0 is what the chip reports when it has none."""

    sf: int
    bw_hz: int = 125_000
    coding_rate: int = 1

    @property
    def low_data_rate(self) -> bool:
        """Whether the modem spreads a symbol's bits over two fewer (the chip's "PPM offset").

        The modem's rule: symbols of 16 ms and longer, that is SF11 and SF12 at 125 kHz and SF12
        at 250 kHz (sx1302_hal: SET_PPM_ON).
        """
        return (self.sf, self.bw_hz) in {(11, 125_000), (12, 125_000), (12, 250_000)}


@dataclass(frozen=True, slots=True)
class Fsk:
    """GFSK as LoRaWAN uses it; `deviation_hz` matters for transmission only."""

    bitrate_bps: int
    deviation_hz: int = 25_000


@dataclass(frozen=True, slots=True)
class Cw:
    """A bare carrier, `offset_hz` beside the frequency; for tests of the radio."""

    offset_hz: int = 0


Modulation = LoRa | Fsk | Cw


def words(modulation: Modulation) -> str:
    """As people write it: SF7BW125, FSK 50000, CW."""
    if isinstance(modulation, LoRa):
        return f"SF{modulation.sf}BW{modulation.bw_hz // 1000}"
    return f"FSK {modulation.bitrate_bps}" if isinstance(modulation, Fsk) else "CW"
