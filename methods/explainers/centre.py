"""Control: the middle of the picture."""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from methods.explainers.base import Explainer


@dataclass(frozen=True)
class Centre(Explainer):
    """A Gaussian at the centre: knows that photographers aim at their object, and nothing else.

    sigma: standard deviation as a share of each side.
    """

    sigma: Annotated[float, Field(gt=0)] = 0.25

    def explain(self, model: nn.Module, images: Tensor, targets: Tensor, seeds: Tensor) -> Tensor:
        """See `Explainer.explain`; h x w is the size of the image."""
        rows, columns = (self._profile(side, images) for side in images.shape[-2:])
        return (rows[:, None] * columns[None, :]).expand(len(images), -1, -1).clone()

    def _profile(self, side: int, like: Tensor) -> Tensor:
        position = (torch.arange(side, device=like.device) + 0.5) / side - 0.5
        return torch.exp(-0.5 * (position / self.sigma) ** 2)
