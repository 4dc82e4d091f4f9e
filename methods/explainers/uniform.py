"""Control: random values."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from methods.explainers.base import Explainer


@dataclass(frozen=True)
class Uniform(Explainer):
    """A map of independent uniform values in [0, 1): knows neither the image nor the model."""

    random: ClassVar[bool] = True

    def explain(self, model: nn.Module, images: Tensor, targets: Tensor, seeds: Tensor) -> Tensor:
        """See `Explainer.explain`; h x w is the size of the image."""
        size = images.shape[-2:]
        maps = [torch.rand(size, generator=torch.Generator().manual_seed(int(seed))) for seed in seeds]
        return torch.stack(maps).to(images.device)
