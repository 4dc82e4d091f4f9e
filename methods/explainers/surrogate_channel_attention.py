"""The surrogate with attention over channels too, an ablation."""

from dataclasses import dataclass
from typing import ClassVar

from methods.surrogate.attentive_surrogate import AttentiveSurrogate


@dataclass(frozen=True)
class SurrogateChannelAttention(AttentiveSurrogate):
    """The surrogate whose stages are weighted by channel before they are weighted by position.

    Everything else is that of `surrogate`. It shows whether attention should be spatial alone, as in the paper.

    student, width, losses: as in `surrogate`.

    Ablation of Lee & Kim 2021, https://doi.org/10.3390/s21041280; squeeze and excitation of
    Hu et al., CVPR 2018, https://arxiv.org/abs/1709.01507
    """

    channels_too: ClassVar[bool] = True
