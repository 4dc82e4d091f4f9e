"""Part pointing."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from bench.metrics._regions import hits
from bench.metrics.base import Batch, Column, Metric
from methods.classifier import Classifier


@dataclass(frozen=True)
class PartPointing(Metric):
    """1 if the map's maximum lies within the tolerance of any visible part's key point, else 0.

    The pointing game (Zhang et al., IJCV 2018, https://arxiv.org/abs/1608.00507) on annotated
    parts; NaN for an image without any. A flat map scores 0.

    tolerance: in pixels of an image 224 wide, scaled to the image at hand.
    """

    columns: ClassVar[dict[str, Column]] = {"part_pointing": Column("Part pointing", "higher")}
    tolerance: Annotated[float, Field(ge=0)] = 15.0

    def score(self, model: Classifier, batch: Batch, saliency: Tensor) -> dict[str, Tensor]:
        """See `Metric.score`."""
        height, width = saliency.shape[-2:]
        visible = batch.keypoints.isfinite().all(2)
        column = batch.keypoints[..., 0].nan_to_num().long().clamp(0, width - 1)
        row = batch.keypoints[..., 1].nan_to_num().long().clamp(0, height - 1)
        points = torch.zeros_like(saliency, dtype=torch.bool)
        image, part = visible.nonzero(as_tuple=True)
        points[image, row[image, part], column[image, part]] = True
        score = hits(saliency, points, self.tolerance * width / 224)
        return {"part_pointing": score.where(visible.any(1), float("nan"))}
