"""The surrogate without distillation, an ablation."""

from dataclasses import dataclass
from typing import ClassVar

from methods.surrogate.attentive_surrogate import AttentiveSurrogate


@dataclass(frozen=True)
class SurrogateNoDistillation(AttentiveSurrogate):
    """The surrogate whose student learns the true labels instead of the teacher's softened outputs.

    Everything else is that of `surrogate`: it too starts from the teacher's weights, and its map is
    trained through the frozen teacher. It shows what "learned from the distillation" adds to that.

    student, width, losses: as in `surrogate`.

    Ablation of Lee & Kim 2021, https://doi.org/10.3390/s21041280
    """

    distil: ClassVar[bool] = False
