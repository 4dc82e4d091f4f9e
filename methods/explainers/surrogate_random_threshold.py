"""The surrogate with random thresholds too, an ablation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from methods.surrogate.attentive_surrogate import AttentiveSurrogate


@dataclass(frozen=True)
class SurrogateRandomThreshold(AttentiveSurrogate):
    """The surrogate, half of whose maps mask cut at a random quantile of their values while it trains.

    Everything else is that of `surrogate`, whose maps always mask as they are. It shows what optimising
    every part of the ranking, as deletion and insertion curves measure it, adds.

    student, width: as in `surrogate`.
    losses: as in `surrogate`, but that half of the maps are cut.

    Ablation of Lee & Kim 2021, https://doi.org/10.3390/s21041280
    """

    altered: ClassVar[Mapping[str, float]] = {"cut": 0.5}
