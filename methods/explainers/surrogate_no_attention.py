"""The surrogate without attention, an ablation."""

from dataclasses import dataclass
from typing import ClassVar

from methods.surrogate.attentive_surrogate import AttentiveSurrogate


@dataclass(frozen=True)
class SurrogateNoAttention(AttentiveSurrogate):
    """The surrogate whose stages enter the fusion and the classification as they are.

    Everything else is that of `surrogate`. It shows what the paper's "spatially attentive features" add.

    student, width, losses: as in `surrogate`.

    Ablation of Lee & Kim 2021, https://doi.org/10.3390/s21041280
    """

    attentive: ClassVar[bool] = False
