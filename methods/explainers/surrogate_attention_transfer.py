"""The surrogate with attention transfer, an ablation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from methods.surrogate.attentive_surrogate import AttentiveSurrogate


@dataclass(frozen=True)
class SurrogateAttentionTransfer(AttentiveSurrogate):
    """The surrogate whose attended stages are also drawn to where the teacher's stages are active.

    Everything else is that of `surrogate`. It shows what the other reading of "attentive distillation" gives.

    student, width: as in `surrogate`.
    losses: as in `surrogate`, but that *transfer* counts 1.

    Ablation of Lee & Kim 2021, https://doi.org/10.3390/s21041280; the loss is that of
    Zagoruyko & Komodakis, ICLR 2017, https://arxiv.org/abs/1612.03928
    """

    altered: ClassVar[Mapping[str, float]] = {"transfer": 1.0}
