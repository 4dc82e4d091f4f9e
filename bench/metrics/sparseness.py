"""Sparseness and entropy."""

from dataclasses import dataclass
from math import log
from typing import ClassVar

import torch
from torch import Tensor

from bench.metrics.base import Batch, Column, Metric, flat
from methods.classifier import Classifier
from methods.resize import min_max


@dataclass(frozen=True)
class Sparseness(Metric):
    """How concentrated a map is, whatever it points at: describes maps and never ranks them.

    With x_1 <= ... <= x_n the pixels of the min-max scaled map and p = x / sum x:
    `gini = sum_i (2 i - n - 1) x_i / (n sum x)`, 0 if all pixels are alike and 1 - 1 / n if one has
    everything; `entropy = -sum_i p_i log p_i / log n`, 1 if all are alike and 0 if one has
    everything. A flat map has gini 0 and entropy 1.

    Gini: Hurley and Rickard 2009, https://arxiv.org/abs/0811.4706, for maps Chalasani et al., ICML
    2020, https://arxiv.org/abs/1810.06583; entropy: Bhatt, Weller, Moura, IJCAI 2020,
    https://arxiv.org/abs/2005.00631. Deviations: both papers, and Quantus, take absolute
    values where we scale by min and max; neither divides the entropy by log n.
    """

    columns: ClassVar[dict[str, Column]] = {
        "gini": Column("Gini index", "neither"),
        "entropy": Column("Entropy", "neither"),
    }
    choices: ClassVar[dict[str, str]] = {"scaling": "min-max", "entropy": "divided by log of the number of pixels"}

    def score(self, model: Classifier, batch: Batch, saliency: Tensor) -> dict[str, Tensor]:
        """See `Metric.score`."""
        pixels = min_max(saliency).flatten(1).double().sort(1).values
        count, nothing = pixels.shape[1], flat(saliency)
        share = pixels / pixels.sum(1, keepdim=True).where(~nothing.unsqueeze(1), 1.0)
        rank = torch.arange(1, count + 1, device=pixels.device)
        gini = ((2 * rank - count - 1) * share).sum(1) / count
        entropy = torch.special.entr(share).sum(1) / log(max(count, 2))
        return {
            "gini": gini.where(~nothing, 0.0).to(saliency.dtype),
            "entropy": entropy.where(~nothing, 1.0).to(saliency.dtype),
        }
