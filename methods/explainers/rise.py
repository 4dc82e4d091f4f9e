"""RISE."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from methods.classifier import Classifier
from methods.explainers.base import Explainer
from methods.masking import stream
from methods.random_masks import random_masks


@dataclass(frozen=True)
class Rise(Explainer):
    """Randomised input sampling for explanation.

    A grid of `cells` x `cells` draws of Bernoulli(`probability`) is upsampled bilinearly to
    `(cells + 1) * ceil(H / cells)` pixels and cropped at random to H x W;
    `map = sum_i p_c(image * mask_i) mask_i / (masks * probability)`.

    masks: number of masks N; the paper uses 4000 (VGG-16) and 8000 (ResNet-50).
    cells: side of the grid, 7 in the paper.
    probability: chance that a cell is kept, 0.5 in the paper.

    Petsiuk, Das, Saenko, BMVC 2018, https://arxiv.org/abs/1806.07421. Deviation: the masks are
    drawn anew for each image, from its own seed, instead of once for the whole set; they are
    drawn on the CPU, so that they depend neither on the batch nor on the device.
    """

    random: ClassVar[bool] = True
    masks: Annotated[int, Field(gt=0)] = 4000
    cells: Annotated[int, Field(gt=1)] = 7
    probability: Annotated[float, Field(gt=0, lt=1)] = 0.5

    def explain(self, model: nn.Module, images: Tensor, targets: Tensor, seeds: Tensor) -> Tensor:
        """See `Explainer.explain`; h x w is the size of the image."""
        assert isinstance(model, Classifier)
        with torch.inference_mode():
            maps = [
                self._one(model, image, target, int(seed))
                for image, target, seed in zip(images, targets, seeds, strict=True)
            ]
        return torch.stack(maps)

    def _one(self, model: Classifier, image: Tensor, target: Tensor, seed: int) -> Tensor:
        size = (image.shape[-2], image.shape[-1])
        total = image.new_zeros(size)
        drawn = random_masks(self.masks, self.cells, self.probability, size, seed, image.device)
        for masks, scores in stream(model, image, drawn, target):
            total += masks.weighted_sum(scores)
        return total / (self.masks * self.probability)
