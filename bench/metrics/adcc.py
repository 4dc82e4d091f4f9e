"""ADCC."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from bench.metrics.base import Batch, Column, Metric, flat
from methods.classifier import Classifier
from methods.masking import class_probabilities
from methods.resize import min_max


@dataclass(frozen=True)
class Adcc(Metric):
    """Average drop, coherency and complexity in one number: their harmonic mean, per image.

    With m the min-max scaled map, x the image and c the explained class:
    `coherency = (Pearson(m, map of c on m x) + 1) / 2`, `complexity = mean m`,
    `drop = max(0, y - o) / y` as in average drop, and
    `adcc = 3 / (1 / coherency + 1 / (1 - complexity) + 1 / (1 - drop))`, 0 where a term is 0.
    The explainer is asked again about the masked image, with the same class and seed. A map
    that is flat has no coherency and scores 0; a second map that is flat correlates with nothing (0.5).

    images: how many of the evaluation images are scored, since every method explains each once more.

    Poppi et al., CVPR workshops 2021, https://arxiv.org/abs/2104.10252. Deviations: the image is
    masked in RGB before preprocessing, as for average drop; the authors' own class is kept, not
    the top-1 of the masked image.
    """

    columns: ClassVar[dict[str, Column]] = {
        "adcc": Column("ADCC", "higher"),
        "coherency": Column("Coherency", "higher"),
        "complexity": Column("Complexity", "neither"),
    }
    choices: ClassVar[dict[str, str]] = {"masking": "RGB before preprocessing", "baseline": "black"}
    images: Annotated[int, Field(gt=0)] = 100

    def score(self, model: Classifier, batch: Batch, saliency: Tensor) -> dict[str, Tensor]:
        """See `Metric.score`."""
        scaled = min_max(saliency)
        shown = batch.images * scaled.unsqueeze(1)
        after = class_probabilities(model, shown, batch.targets)
        again = batch.method.explain(shown, batch.targets, batch.seeds)
        coherency = ((pearson(scaled, min_max(again.to(scaled.dtype))) + 1) / 2).where(~flat(saliency), 0.0)
        complexity = scaled.mean((1, 2))
        drop = (batch.probabilities - after).clamp(min=0) / batch.probabilities.clamp(min=1e-12)
        terms = torch.stack([coherency, 1 - complexity, 1 - drop])
        harmonic = 3 / (1 / terms.clamp(min=1e-12)).sum(0)
        return {
            "adcc": harmonic.where((terms > 0).all(0), 0.0),
            "coherency": coherency,
            "complexity": complexity,
        }


def pearson(first: Tensor, second: Tensor) -> Tensor:
    """Correlation over the pixels of each pair of maps; [B, H, W] twice -> [B]; 0 where one is flat."""
    a, b = ((maps - maps.mean((1, 2), keepdim=True)).flatten(1).double() for maps in (first, second))
    product = (a.square().sum(1) * b.square().sum(1)).sqrt()
    constant = flat(first) | flat(second)
    return ((a * b).sum(1) / product.where(~constant, 1.0)).where(~constant, 0.0).to(first.dtype)
