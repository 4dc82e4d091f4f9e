"""The surrogate without the loss on what the map keeps, an ablation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from methods.surrogate.attentive_surrogate import AttentiveSurrogate


@dataclass(frozen=True)
class SurrogateNoKeep(AttentiveSurrogate):
    """The surrogate whose map is trained only to take the class away: what it leaves must not show it.

    Everything else is that of `surrogate`. It shows what *keep* adds.

    student, width: as in `surrogate`.
    losses: as in `surrogate`, but that *keep* counts nothing.

    Ablation of Lee & Kim 2021, https://doi.org/10.3390/s21041280
    """

    altered: ClassVar[Mapping[str, float]] = {"keep": 0.0}
