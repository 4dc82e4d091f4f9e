"""Classifiers with images and maps on which both sides are asked."""

from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version

import torch
from torch import Tensor

from bench.metrics.base import Batch
from methods.classifier import Classifier
from methods.masking import class_probabilities
from tests import planted
from tests.conftest import small_classifier

SIZE = planted.SIZE
softmax = partial(torch.softmax, dim=1)


@dataclass(frozen=True)
class World:
    """A classifier, three images of it, and four maps of each image."""

    name: str
    model: Classifier
    batch: Batch

    def maps(self) -> list[Tensor]:
        return list(planted.maps().values())

    def ours(self, metric, column) -> Tensor:
        """Return the metric's values, four maps after another, [4 * 3]."""
        return torch.cat([metric(self.model, self.batch, saliency)[column] for saliency in self.maps()])

    def theirs(self, score) -> Tensor:
        """Return `score(saliency [3, H, W]) -> [3]` in the same order."""
        return torch.cat([torch.as_tensor(score(saliency)).double() for saliency in self.maps()])


def planted_world():
    return World("planted", planted.model().eval(), planted.batch())


def network_world(size=SIZE, dtype=torch.float32):
    """Return a random network with its preprocessing, and its first, third and last class."""
    model, batch = small_classifier().to(dtype), planted.batch()
    images = batch.images[..., :size, :size].to(dtype).contiguous()
    targets = model(images).argsort(1, descending=True)[range(planted.COUNT), [0, 2, 4]]
    batch = replace(batch, images=images, targets=targets, probabilities=class_probabilities(model, images, targets))
    return World("network" if dtype is torch.float32 else "network, float64", model, batch)


WORLDS = {
    "planted": planted_world,
    "network": network_world,
    "network_float64": partial(network_world, dtype=torch.float64),
}


def difference(what, package, ours, theirs):
    """Return the largest difference and print it for docs/agreement.md."""
    ours, theirs = (torch.as_tensor(values).double().flatten() for values in (ours, theirs))
    assert ours.shape == theirs.shape and ours.isfinite().all() and theirs.isfinite().all()
    largest = float((ours - theirs).abs().max())
    sample = f"{len(ours)} values in {ours.min():.4g}..{ours.max():.4g}"
    print(f"{what} | {package} {version(package)} | {largest:.1e} | {sample}")
    return largest


def without_ties(saliency):
    """Replace each pixel by its rank, for Quantus sorts ties in no order; [B, H, W] -> same."""
    return saliency.flatten(1).argsort(dim=1, stable=True).argsort(1).view_as(saliency).float()
