"""Stability under small noise in the image."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from bench.metrics.base import Batch, Column, Metric, flat
from methods.classifier import Classifier
from methods.resize import min_max


@dataclass(frozen=True)
class Stability(Metric):
    """How much the map changes when the image changes a little.

    With m the min-max scaled map of x and m_i that of x + d_i, d_i uniform in [-radius, radius] per
    value and clipped to valid RGB: `change_i = |m_i - m| / |m|`, Euclidean over the pixels.
    `sensitivity_mean` and `sensitivity_max` are its mean and largest value over the draws. The class,
    the seed and so the explainer's own randomness stay the same. A flat map counts as changed by
    its whole norm (1).

    radius: in RGB in [0, 1]; 0.02 as in the paper.
    draws: noisy copies per image; the paper takes 50, which iterative methods cannot afford.
    images: how many of the evaluation images are scored, since every method explains each `draws` times.

    Yeh et al., NeurIPS 2019 (max-sensitivity), https://arxiv.org/abs/1901.09392. Deviation: maps
    are min-max scaled first, so that a method's scale does not count.
    """

    columns: ClassVar[dict[str, Column]] = {
        "sensitivity_mean": Column("Change under noise, mean", "lower"),
        "sensitivity_max": Column("Change under noise, max", "lower"),
    }
    choices: ClassVar[dict[str, str]] = {"noise": "uniform, clipped to [0, 1]", "norm": "Euclidean, relative"}
    radius: Annotated[float, Field(gt=0, lt=1)] = 0.02
    draws: Annotated[int, Field(gt=0)] = 3
    images: Annotated[int, Field(gt=0)] = 100

    def score(self, model: Classifier, batch: Batch, saliency: Tensor) -> dict[str, Tensor]:
        """See `Metric.score`."""
        scaled = min_max(saliency)
        noise = torch.stack([self.noise(int(seed), batch.images.shape[1:]) for seed in batch.seeds], 1)
        changes = []
        for delta in noise.to(batch.images):
            noisy = (batch.images + delta).clamp(0, 1).contiguous(memory_format=torch.channels_last)
            again = min_max(batch.method.explain(noisy, batch.targets, batch.seeds).to(scaled.dtype))
            changes.append((again - scaled).flatten(1).norm(dim=1))
        change = torch.stack(changes) / scaled.flatten(1).norm(dim=1).clamp(min=1e-12)
        change = change.where(~flat(saliency), 1.0)
        return {"sensitivity_mean": change.mean(0), "sensitivity_max": change.amax(0)}

    def noise(self, seed: int, shape: torch.Size) -> Tensor:
        """Return the noise of one image, [draws, 3, H, W], from its seed alone."""
        generator = torch.Generator().manual_seed(seed)
        return (2 * torch.rand(self.draws, *shape, generator=generator) - 1) * self.radius
