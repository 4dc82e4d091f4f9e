"""Energy on the parts that tell a class from its twin."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from bench.metrics.base import Batch, Column, Metric
from bench.metrics.pointing import energy
from methods.classifier import Classifier


@dataclass(frozen=True)
class TellingEnergy(Metric):
    """Share of the min-max scaled map's sum on the segments of the telling parts.

    Defined where every part is segmented and the telling ones are known, as on `parts`, by
    construction; NaN elsewhere and where the telling parts are hidden. A flat map scores 0.
    """

    columns: ClassVar[dict[str, Column]] = {"telling_energy": Column("Energy on telling parts", "higher")}
    choices: ClassVar[dict[str, str]] = {"energy": "min-max scaled map"}

    def score(self, model: Classifier, batch: Batch, saliency: Tensor) -> dict[str, Tensor]:
        """See `Metric.score`."""
        nan = saliency.new_full((len(saliency),), float("nan"))
        if batch.segments is None:
            return {"telling_energy": nan}
        told = torch.cat([batch.telling.new_zeros(len(saliency), 1), batch.telling], 1)
        regions = told.gather(1, batch.segments.long().flatten(1)).view_as(batch.segments)
        visible = regions.flatten(1).any(1)
        return {"telling_energy": energy(saliency, regions).where(visible, nan)}
