"""Classifying by the features that a map selects."""

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from bench.metrics.base import Batch, Column, Metric, flat
from methods.classifier import Classifier
from methods.resize import min_max


@dataclass(frozen=True)
class Pooling(Metric):
    """Is the classifier right about the true class when its features are averaged where the map is high?

    The last features are averaged over positions with the min-max scaled map as weights, a position's weight being
    the map's mean over its cell, and the network's own head reads the average. `pooled_accuracy` is 1 if
    its top-1 class is the label, else 0. The network itself averages with equal weights; a map that selects the
    object leaves out what the background says. A flat map selects nothing and scores 0. NaN for a network that
    classifies by its class token, whose head reads no average.

    The explainers `uniform` and `centre` are the map-free controls: nearly equal weights and a fixed place.

    Attention pooling as in the bilinear attention pooling of WS-DAN, Hu et al. 2019,
    https://arxiv.org/abs/1901.09891. Deviations: one map, the explainer's; the head is not trained on what it selects.
    """

    columns: ClassVar[dict[str, Column]] = {"pooled_accuracy": Column("Accuracy on selected features", "higher")}
    choices: ClassVar[dict[str, str]] = {
        "class": "label",
        "features": "last, before pooling",
        "weights": "min-max scaled map, mean over each cell",
    }

    def score(self, model: Classifier, batch: Batch, saliency: Tensor) -> dict[str, Tensor]:
        """See `Metric.score`."""
        if not model.pools_features:
            return {"pooled_accuracy": saliency.new_full((len(saliency),), float("nan"))}
        features = model.features(batch.images)
        size = (features.shape[-2], features.shape[-1])
        weights = F.adaptive_avg_pool2d(min_max(saliency).unsqueeze(1).to(features), size)
        total = weights.sum((2, 3), keepdim=True).clamp(min=1e-12)
        top = model.head((features * weights).sum((2, 3), keepdim=True) / total).argmax(1)
        return {"pooled_accuracy": ((top == batch.labels) & ~flat(saliency)).to(saliency.dtype)}
