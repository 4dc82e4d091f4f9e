"""The surrogate without the loss on what the map keeps, an ablation."""

from dataclasses import dataclass, field

from methods.surrogate.attentive_surrogate import AttentiveSurrogate
from methods.surrogate.losses import LossWeights


@dataclass(frozen=True)
class SurrogateNoKeep(AttentiveSurrogate):
    """The surrogate whose map is trained only to take the class away: what it leaves must not show it.

    Everything else is that of `surrogate`. It shows what *keep* adds.

    student, width: as in `surrogate`.
    losses: as in `surrogate`, keep at 0.

    Ablation of Lee & Kim 2021, https://doi.org/10.3390/s21041280
    """

    losses: LossWeights = field(default_factory=lambda: LossWeights(keep=0.0))
