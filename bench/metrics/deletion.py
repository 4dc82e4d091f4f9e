"""Deletion."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from bench.metrics._curves import area_under_curve
from bench.metrics.base import Batch, Column, Metric
from methods.classifier import Classifier


@dataclass(frozen=True)
class Deletion(Metric):
    """Area under the class probability while the most salient pixels are set to the mean colour.

    The mean colour is zero in the classifier's normalised space. A good map loses the class early.

    steps: number of steps of equal size; 28 at 224 px are the authors' 224 * 8 pixels.

    Petsiuk, Das, Saenko, BMVC 2018, https://arxiv.org/abs/1806.07421
    """

    columns: ClassVar[dict[str, Column]] = {"deletion": Column("Deletion AUC", "lower")}
    choices: ClassVar[dict[str, str]] = {
        "baseline": "mean colour",
        "masking": "normalised space",
        "area": "trapezoid, both end points",
    }
    steps: Annotated[int, Field(gt=0)] = 28

    def score(self, model: Classifier, batch: Batch, saliency: Tensor) -> dict[str, Tensor]:
        """See `Metric.score`."""
        step = max(1, -(-saliency[0].numel() // self.steps))
        normalised = model.normalise(batch.images)
        areas = [
            area_under_curve(model, image, torch.zeros_like(image), target, one, step)
            for image, target, one in zip(normalised, batch.targets, saliency, strict=True)
        ]
        return {"deletion": torch.stack(areas)}
