"""Insertion."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import AfterValidator, Field
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from bench.metrics._curves import area_under, changing_curve
from bench.metrics.base import Batch, Column, Curve, CurveMetric
from methods.classifier import Classifier


def _odd(side: int) -> int:
    if side % 2 == 0:
        raise ValueError("Input should be odd, so that the kernel has a middle")
    return side


@dataclass(frozen=True)
class Insertion(CurveMetric):
    """Area under the class probability while the most salient pixels replace a blurred image.

    The blur is the authors': SciPy's Gaussian filter applied to a unit impulse on an odd grid, used
    as a kernel on the normalised image with zero padding. A good map finds the class early.

    steps: number of steps of equal size; 28 at 224 px are the authors' 224 * 8 pixels.
    kernel: side of the kernel in pixels, odd.
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
    kernel: Annotated[int, Field(gt=0), AfterValidator(_odd)] = 11
    sigma: Annotated[float, Field(gt=0)] = 5.0

    def curves(self, model: Classifier, batch: Batch, saliency: Tensor) -> dict[str, Curve]:
        """See `CurveMetric.curves`."""
        image = model.normalise(batch.images)
        return {"insertion": changing_curve(model, self.blur(image), image, batch.targets, saliency, self.steps)}

    def summary(self, curve: Curve) -> Tensor:
        """See `CurveMetric.summary`."""
        return area_under(curve)

    def blur(self, normalised: Tensor) -> Tensor:
        """Blur [B, 3, H, W] of the normalised space; beyond the border lies the mean colour."""
        impulse = np.zeros(self.kernel)
        impulse[self.kernel // 2] = 1
        line = torch.from_numpy(gaussian_filter1d(impulse, self.sigma)).to(normalised)
        reach, shape = self.kernel // 2, (normalised.shape[1], 1, 1, -1)
        rows = F.conv2d(normalised, line.expand(shape), padding=(0, reach), groups=shape[0])
        return F.conv2d(rows, line.expand(shape).transpose(2, 3), padding=(reach, 0), groups=shape[0])
