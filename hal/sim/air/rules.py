"""The rules of one air: which physics, whose matrix. One frozen value, named presets; pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

from .tables import MATRICES, SX1302_NOISE_FIGURE_DB


class Method(Enum):
    """How interference is judged.

    SEGMENTS: the ratio must hold in every stretch of the frame between changes of interferers.
    ENERGY: interfering energy per spreading factor over the whole frame, compared once (ns-3).
    PAIRWISE: two frames at a time; equally strong ones destroy each other, and a frame that ends
    while the later one can still find its preamble does no harm and takes none (LoRaSim).
    """

    SEGMENTS = "segments"
    ENERGY = "energy"
    PAIRWISE = "pairwise"


@dataclass(frozen=True, slots=True)
class PathLoss:
    """Loss `at_ref_db` at `ref_m`, then 10 * `exponent` dB a decade of distance."""

    at_ref_db: float
    exponent: float
    ref_m: float = 1.0


PATH_LOSSES = {
    "log_distance": PathLoss(7.7, 3.76),  # ns-3 lorawan
    "lorasim": PathLoss(127.41, 2.08, 40.0),
    "lorawan-sim": PathLoss(110.0, 2.08, 40.0),
    "free_space": PathLoss(31.2, 2.0),  # 868 MHz
}


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that the air's outcome depends on, besides the seed and who is where.

    `preamble_needed`: symbols in a row that must be clean for a detection; None: the whole preamble
    counts like the rest of the frame. `per_at_floor` frames are lost at the nominal SNR floor and
    half of them `per_slope_db` lower; `per_step` makes that a cliff at the floor. `ghosts`: boards
    hear frames stronger than `ghost_above_dbm` on other channels too, `ghost_drop_db` lower.
    """

    matrix: str = "croce"
    method: Method = Method.SEGMENTS
    path_loss: PathLoss = field(default=PATH_LOSSES["log_distance"])
    shadowing_sigma_db: float = 7.0
    fading_sigma_db: float = 3.0
    noise_figure_db: float = SX1302_NOISE_FIGURE_DB
    preamble_needed: int | None = 5
    per_at_floor: float = 0.10
    per_slope_db: float = 1.0
    per_step: bool = False
    ghosts: bool = True
    ghost_above_dbm: float = -65.0
    ghost_drop_db: tuple[float, float] = (34.0, 75.0)
    noise_bursts_per_hour: float = 60.0
    jitter_ns: int = 4_000
    demodulator_limit: bool = True

    def __post_init__(self) -> None:
        if self.matrix not in MATRICES:
            known = ", ".join(sorted(MATRICES))
            raise ValueError(f"matrix {self.matrix!r} is not known; one of {known} expected")
        if not 0.0 < self.per_at_floor < 0.5 or self.per_slope_db <= 0:
            raise ValueError(
                "per_at_floor between 0 and 0.5, and a positive per_slope_db, expected"
            )

    @staticmethod
    def default() -> Rules:
        return Rules()

    @staticmethod
    def named(name: str) -> Rules:
        """A preset: default, goursaud, lorasim, aloha or ns3. Raises ValueError for others."""
        if name not in PRESETS:
            known = ", ".join(sorted(PRESETS))
            raise ValueError(f"rules {name!r} are not known; one of {known} expected")
        return PRESETS[name]

    def quiet(self) -> Rules:
        """The same without what is random about a link: for tests and for reference runs."""
        return replace(
            self,
            shadowing_sigma_db=0.0,
            fading_sigma_db=0.0,
            ghosts=False,
            noise_bursts_per_hour=0.0,
            per_step=True,
        )


PRESETS: dict[str, Rules] = {
    "default": Rules(),
    "goursaud": Rules(matrix="goursaud"),
    "lorasim": Rules(
        matrix="lorasim",
        method=Method.PAIRWISE,
        path_loss=PATH_LOSSES["lorasim"],
        demodulator_limit=False,
    ).quiet(),
    "aloha": Rules(matrix="aloha", preamble_needed=None, demodulator_limit=False).quiet(),
    "ns3": Rules(
        matrix="goursaud", method=Method.ENERGY, preamble_needed=None, noise_figure_db=6.0
    ).quiet(),
}
