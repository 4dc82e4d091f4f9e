"""The surrogate without the loss on what the map leaves, an ablation."""

from dataclasses import dataclass, field

from methods.surrogate.attentive_surrogate import AttentiveSurrogate
from methods.surrogate.losses import LossWeights


@dataclass(frozen=True)
class SurrogateNoDrop(AttentiveSurrogate):
    """The surrogate whose map is trained only to keep the class: what it leaves may show it too.

    Everything else is that of `surrogate`. It shows what *drop* adds.

    student, width: as in `surrogate`.
    losses: as in `surrogate`, drop at 0.

    Ablation of Lee & Kim 2021, https://doi.org/10.3390/s21041280
    """

    losses: LossWeights = field(default_factory=lambda: LossWeights(drop=0.0))
