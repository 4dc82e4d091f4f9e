"""The surrogate without the loss on what the map leaves, an ablation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from methods.surrogate.attentive_surrogate import AttentiveSurrogate


@dataclass(frozen=True)
class SurrogateNoDrop(AttentiveSurrogate):
    """The surrogate whose map is trained only to keep the class: what it leaves may show it too.

    Everything else is that of `surrogate`. It shows what *drop* adds.

    student, width: as in `surrogate`.
    losses: as in `surrogate`, but that *drop* counts nothing.

    Ablation of Lee & Kim 2021, https://doi.org/10.3390/s21041280
    """

    altered: ClassVar[Mapping[str, float]] = {"drop": 0.0}
