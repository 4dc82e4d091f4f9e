"""The surrogate without explanation losses, an ablation."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from methods.surrogate.attentive_surrogate import AttentiveSurrogate


@dataclass(frozen=True)
class SurrogateAttentionOnly(AttentiveSurrogate):
    """The mean of the attention of all stages of a student that was only distilled.

    The explanation head and the losses through the teacher are left out, so that nothing but imitating the
    teacher shapes the map: it shows what "learned from the distillation" gives by itself. The map is
    the same for every class.

    student, width, losses: as in `surrogate`; of the losses only fidelity remains.

    Ablation of Lee & Kim 2021, https://doi.org/10.3390/s21041280
    """

    explains: ClassVar[bool] = False

    def explain(self, model: nn.Module, images: Tensor, targets: Tensor, seeds: Tensor) -> Tensor:
        """See `Explainer.explain`; `model` is the student; h x w is the size of the image."""
        with torch.inference_mode():
            maps = model.attention_maps(images)  # type: ignore[operator]
        return torch.stack(maps).float().mean(0)
