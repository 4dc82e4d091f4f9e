"""Deletion."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from bench.metrics._curves import area_under, changing_curve
from bench.metrics.base import Batch, Column, Curve, CurveMetric
from methods.classifier import Classifier


@dataclass(frozen=True)
class Deletion(CurveMetric):
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

    def curves(self, model: Classifier, batch: Batch, saliency: Tensor) -> dict[str, Curve]:
        """See `CurveMetric.curves`."""
        image = model.normalise(batch.images)
        curve = changing_curve(model, image, torch.zeros_like(image), batch.targets, saliency, self.steps)
        return {"deletion": curve}

    def summary(self, curve: Curve) -> Tensor:
        """See `CurveMetric.summary`."""
        return area_under(curve)
