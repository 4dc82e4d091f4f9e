"""Part pointing, at any part and at each."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from bench.metrics.base import Batch, Column, Metric, flat
from methods.classifier import Classifier


@dataclass(frozen=True)
class PartPointing(Metric):
    """1 if the map's maximum lies within the tolerance of a visible part's key point, else 0.

    `part_pointing` asks for any visible part, NaN for an image without one; `part_pointing:<part>`
    asks for that part, NaN where it is not visible. A map has one maximum, so the latter say where
    maps point and do not rank them. Of several equal maxima all must lie there. A flat map scores 0.

    The pointing game (Zhang et al., IJCV 2018, https://arxiv.org/abs/1608.00507) on annotated parts.

    tolerance: in pixels of an image 224 wide, scaled to the image at hand.
    """

    columns: ClassVar[dict[str, Column]] = {"part_pointing": Column("Part pointing", "higher")}
    choices: ClassVar[dict[str, str]] = {"ties": "every maximum must hit"}
    tolerance: Annotated[float, Field(ge=0)] = 15.0

    def columns_for(self, part_names: tuple[str, ...]) -> dict[str, Column]:
        """See `Metric.columns_for`."""
        return self.columns | {f"part_pointing:{part}": Column(f"Points at {part}", "neither") for part in part_names}

    def score(self, model: Classifier, batch: Batch, saliency: Tensor) -> dict[str, Tensor]:
        """See `Metric.score`."""
        height, width = saliency.shape[-2:]
        visible = batch.keypoints.isfinite().all(2)
        x, y = batch.keypoints.nan_to_num().long().unbind(2)
        points = torch.stack([y.clamp(0, height - 1), x.clamp(0, width - 1)], 2)
        tolerance = self.tolerance * width / 224
        near = [_near(one, own, tolerance) for one, own in zip(saliency, points, strict=True)]
        any_part = torch.stack([(one & seen).any(1).all() for one, seen in zip(near, visible, strict=True)])
        each_part = torch.stack([one.all(0) for one in near])
        hit = torch.cat([any_part.unsqueeze(1), each_part], 1) & ~flat(saliency).unsqueeze(1)
        known = torch.cat([visible.any(1, keepdim=True), visible], 1)
        values = hit.to(saliency.dtype).where(known, float("nan")).unbind(1)
        return dict(zip(self.columns_for(batch.part_names), values, strict=True))


def _near(saliency: Tensor, points: Tensor, tolerance: float) -> Tensor:
    """Bool [M, P]: which maxima of [H, W] lie within `tolerance` pixels of which points [P, (row, column)]."""
    maxima = (saliency == saliency.max()).nonzero()
    return (maxima.unsqueeze(1) - points).double().square().sum(2).sqrt() <= tolerance
