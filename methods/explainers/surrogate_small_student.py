"""The surrogate with another student than the teacher, an ablation."""

from dataclasses import dataclass, field

from methods.network_settings import NetworkSettings
from methods.surrogate.attentive_surrogate import AttentiveSurrogate


@dataclass(frozen=True)
class SurrogateSmallStudent(AttentiveSurrogate):
    """The surrogate whose student is a network of its own, by default a small one from random weights.

    Everything else is that of `surrogate`. It shows what starting as the teacher, and its size, are worth.

    student: the network; ResNet-10-t if none is given.
    width, losses: as in `surrogate`.

    Ablation of Lee & Kim 2021, https://doi.org/10.3390/s21041280
    """

    student: NetworkSettings | None = field(default_factory=lambda: NetworkSettings("resnet10t"))
