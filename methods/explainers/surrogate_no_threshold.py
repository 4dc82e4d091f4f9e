"""The surrogate without random thresholds, an ablation."""

from dataclasses import dataclass, field

from methods.surrogate.attentive_surrogate import AttentiveSurrogate
from methods.surrogate.losses import LossWeights


@dataclass(frozen=True)
class SurrogateNoThreshold(AttentiveSurrogate):
    """The surrogate whose maps always mask as they are, and are never cut at a quantile of their values.

    Everything else is that of `surrogate`. It shows what optimising the whole ranking adds.

    student, width: as in `surrogate`.
    losses: as in `surrogate`, cut at 0.

    Ablation of Lee & Kim 2021, https://doi.org/10.3390/s21041280
    """

    losses: LossWeights = field(default_factory=lambda: LossWeights(cut=0.0))
