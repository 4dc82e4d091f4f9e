"""Model parameter randomisation test."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from bench.metrics._order import centred_ranks
from bench.metrics.base import Batch, Column, Metric
from methods.classifier import Classifier
from methods.randomisation import reinitialise


@dataclass(frozen=True)
class ModelRandomisation(Metric):
    """Does the map depend on what the network learned? Similarity before and after it is forgotten.

    The layers that have parameters are re-initialised from the output towards the input, cumulatively,
    in `levels` steps of equal numbers of layers. After each step the explainer explains the same class
    again, and the two maps are compared by the absolute value of Spearman's rank correlation over the pixels:
    a map that turns into its own negative depends on nothing learned either.
    `randomisation` is the mean over the steps and `randomisation_full` the last one, when nothing learned
    is left. A method that ignores the network scores 1 and fails. A flat map scores 1 (it depends on
    nothing); one that becomes flat scores 0.

    The network is the one that the explainer reads: for the surrogate its student. Layers come in the order in which
    the network lists them, so that the student's attention and head, which stand beside its backbone, go before any of
    that: between a student and a classifier only `randomisation_full` compares like with like.

    levels: steps of the cascade.
    images: how many of the evaluation images are scored, since every method explains each `levels` times.
    seed: of the new parameters, the same for every method.

    Adebayo et al., NeurIPS 2018, https://arxiv.org/abs/1810.03292. Deviations: a tensor is
    redrawn from the normal distribution that has its own mean and standard deviation, so that
    activations keep their scale although batch norms are folded; steps hold several layers.
    """

    columns: ClassVar[dict[str, Column]] = {
        "randomisation": Column("Similarity after randomisation, cascade", "lower"),
        "randomisation_full": Column("Similarity after full randomisation", "lower"),
    }
    choices: ClassVar[dict[str, str]] = {
        "similarity": "absolute value of Spearman's rank correlation",
        "order": "top-down, cascading",
    }
    levels: Annotated[int, Field(gt=0)] = 4
    images: Annotated[int, Field(gt=0)] = 100
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] = 0

    def score(self, model: Classifier, batch: Batch, saliency: Tensor) -> dict[str, Tensor]:
        """See `Metric.score`."""
        similarities, before = [], centred_ranks(saliency.flatten(1))
        for network in self.cascade(batch.method.network):
            after = batch.method.explain(batch.images, batch.targets, batch.seeds, network)
            similarities.append(correlation(before, centred_ranks(after.flatten(1))).abs())
        steps = torch.stack(similarities).to(saliency)
        return {"randomisation": steps.mean(0), "randomisation_full": steps[-1]}

    def cascade(self, network: nn.Module) -> Iterator[nn.Module]:
        """Yield copies of the network with more and more of it forgotten, the output's side first."""
        forgotten = deepcopy(network)
        layers = [m for m in forgotten.modules() if any(True for _ in m.parameters(recurse=False))][::-1]
        generator = torch.Generator().manual_seed(self.seed)
        for part in np.array_split(np.arange(len(layers)), min(self.levels, len(layers)) or 1):
            for index in part:
                reinitialise(layers[index], generator)
            yield forgotten


def correlation(before: Tensor, after: Tensor) -> Tensor:
    """Correlation of rows of `centred_ranks`, [B]; 1 where `before` is flat, else 0 where `after` is.

    With torch, not numpy: the threads of NumPy's product wait busily and halve the speed of the next convolutions.
    """
    found = (before * after).sum(1) / (before.square().sum(1) * after.square().sum(1)).sqrt()
    return found.nan_to_num(0.0).where(before.any(1), 1.0)
