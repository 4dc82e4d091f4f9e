"""The surrogate with random thresholds too, an ablation."""

from dataclasses import dataclass, field

from methods.surrogate.attentive_surrogate import AttentiveSurrogate
from methods.surrogate.losses import LossWeights


@dataclass(frozen=True)
class SurrogateRandomThreshold(AttentiveSurrogate):
    """The surrogate, half of whose maps mask cut at a random quantile of their values while it trains.

    Everything else is that of `surrogate`, whose maps always mask as they are. It shows what optimising
    every part of the ranking, as deletion and insertion curves measure it, adds.

    student, width: as in `surrogate`.
    losses: as in `surrogate`, cut at 0.5.

    Ablation of Lee & Kim 2021, https://doi.org/10.3390/s21041280
    """

    losses: LossWeights = field(default_factory=lambda: LossWeights(cut=0.5))
