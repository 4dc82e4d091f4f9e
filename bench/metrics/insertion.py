"""Insertion."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from scipy.ndimage import gaussian_filter
from torch import Tensor

from bench.metrics._curves import area_under_curve
from bench.metrics.base import Batch, Column, Metric
from methods.classifier import Classifier


@dataclass(frozen=True)
class Insertion(Metric):
    """Area under the class probability while the most salient pixels replace a blurred image.

    The blur is the authors': SciPy's Gaussian filter applied to a unit impulse on an odd grid, used
    as a kernel on the normalised image with zero padding. A good map finds the class early.

    steps: number of steps of equal size; 28 at 224 px are the authors' 224 * 8 pixels.
    kernel: side of the kernel in pixels.
    sigma: standard deviation in pixels.

    Petsiuk, Das, Saenko, BMVC 2018, https://arxiv.org/abs/1806.07421
    """

    columns: ClassVar[dict[str, Column]] = {"insertion": Column("Insertion AUC", "higher")}
    choices: ClassVar[dict[str, str]] = {
        "baseline": "blurred image",
        "masking": "normalised space",
        "area": "trapezoid, both end points",
    }
    steps: Annotated[int, Field(gt=0)] = 28
    kernel: Annotated[int, Field(gt=0)] = 11
    sigma: Annotated[float, Field(gt=0)] = 5.0

    def score(self, model: Classifier, batch: Batch, saliency: Tensor) -> dict[str, Tensor]:
        """See `Metric.score`."""
        step = max(1, -(-saliency[0].numel() // self.steps))
        blurred = self.blur(batch.images, model.mean)
        areas = [
            area_under_curve(model, image, target, one, step, ground, insert=True)
            for image, target, one, ground in zip(batch.images, batch.targets, saliency, blurred, strict=True)
        ]
        return {"insertion": torch.stack(areas)}

    def blur(self, images: Tensor, mean: Tensor) -> Tensor:
        """Blur [B, 3, H, W]; beyond the border lies the mean colour."""
        impulse = np.zeros((self.kernel, self.kernel))
        impulse[self.kernel // 2, self.kernel // 2] = 1
        kernel = torch.from_numpy(gaussian_filter(impulse, self.sigma)).to(images)
        weight = kernel.expand(3, 1, -1, -1)
        return mean + F.conv2d(images - mean, weight, padding=self.kernel // 2, groups=3)
