"""Pointing game and energy-based pointing game."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor

from bench.metrics._regions import hits, meaningful, objects
from bench.metrics.base import Batch, Column, Metric
from methods.classifier import Classifier
from methods.resize import min_max


@dataclass(frozen=True)
class Pointing(Metric):
    """Does the map point at the object?

    `pointing` is 1 if the map's maximum lies within the tolerance of the object, else 0;
    `energy_pointing` is the share of the min-max scaled map's sum inside the object. Both are NaN
    where the object is unknown or fills the image. A flat map scores 0 on both.

    tolerance: in pixels of an image 224 wide, scaled to the image at hand; 15 in the paper.

    Zhang et al., IJCV 2018, https://arxiv.org/abs/1608.00507; energy: Wang et al. 2020,
    https://arxiv.org/abs/1910.01279. Deviation: the mean is over images, not over classes.
    """

    columns: ClassVar[dict[str, Column]] = {
        "pointing": Column("Pointing game", "higher"),
        "energy_pointing": Column("Energy pointing", "higher"),
    }
    choices: ClassVar[dict[str, str]] = {"ties": "every maximum must hit", "energy": "min-max scaled map"}
    tolerance: Annotated[float, Field(ge=0)] = 15.0

    def score(self, model: Classifier, batch: Batch, saliency: Tensor) -> dict[str, Tensor]:
        """See `Metric.score`."""
        regions = objects(batch)
        valid = meaningful(regions)
        pixels = self.tolerance * saliency.shape[-1] / 224
        nan = saliency.new_full((len(saliency),), float("nan"))
        return {
            "pointing": hits(saliency, regions, pixels).where(valid, nan),
            "energy_pointing": energy(saliency, regions).where(valid, nan),
        }


def energy(saliency: Tensor, regions: Tensor) -> Tensor:
    """Share of each min-max scaled map's sum inside its region; [B, H, W] twice -> [B]; flat: 0."""
    scaled = min_max(saliency)
    total = scaled.sum((1, 2))
    return (scaled * regions).sum((1, 2)) / total.where(total > 0, 1.0)
