"""The surrogate without its finer stages, an ablation."""

from dataclasses import dataclass
from typing import ClassVar

from methods.surrogate.attentive_surrogate import AttentiveSurrogate


@dataclass(frozen=True)
class SurrogateLastStage(AttentiveSurrogate):
    """The attentive surrogate whose map is read from the last features alone, at their size.

    Everything else, the classification by all stages included, is that of `surrogate`. It shows what
    the paper's "regional information presented over all network layers" adds.

    student, width, losses: as in `surrogate`.

    Ablation of Lee & Kim 2021, https://doi.org/10.3390/s21041280
    """

    last_stage_only: ClassVar[bool] = True
