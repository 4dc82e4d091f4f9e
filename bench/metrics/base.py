"""What a metric is to the benchmark."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from methods.classifier import Classifier
from methods.explainers.base import Explainer
from methods.resize import upsample_maps


@dataclass(frozen=True)
class Column:
    """One number per image: its title in tables and which direction is better.

    better: `neither` describes maps and never ranks them.
    """

    title: str
    better: Literal["higher", "lower", "neither"]


@dataclass(frozen=True)
class Method:
    """The explainer whose maps are scored, for metrics that ask it again.

    network: what the explainer reads, see `Explainer.prepare`; in evaluation mode, for use only.
    """

    explainer: Explainer
    network: nn.Module

    def explain(self, images: Tensor, targets: Tensor, seeds: Tensor, network: nn.Module | None = None) -> Tensor:
        """Return maps [B, H, W] at the size of `images`, read from `network` or from the explainer's own."""
        with torch.inference_mode(False):  # an explainer may need gradients
            saliency = self.explainer.explain(network or self.network, images.clone(), targets.clone(), seeds)
        return finite(upsample_maps(saliency.float(), (images.shape[-2], images.shape[-1])))


@dataclass(frozen=True)
class Batch:
    """Images with what is known about them; B images of H x W pixels, P parts.

    images: [B, 3, H, W], RGB in [0, 1].
    targets: [B], the explained classes.
    labels: [B], the true classes.
    probabilities: [B], softmax probability of the target on the whole image.
    seeds: int64 [B] on the CPU, the explainer's own, one per image.
    boxes: [B, 4], (x0, y0, x1, y1) of the object in pixels; NaN if unknown.
    keypoints: [B, P, 2], (x, y) in pixels; NaN if the part is not visible.
    segments: [B, H, W], 0 background, i is part i - 1; or None.
    telling: bool [B, P], the parts that tell the image's class from its nearest one.
    removed: [B, P], probability of the target when that part alone is removed; NaN if unknown.
    swapped: [B, P], the same when it is given the look of the nearest class.
    part_names: the P parts.
    method: whose maps these are.
    """

    images: Tensor
    targets: Tensor
    labels: Tensor
    probabilities: Tensor
    seeds: Tensor
    boxes: Tensor
    keypoints: Tensor
    segments: Tensor | None
    telling: Tensor
    removed: Tensor
    swapped: Tensor
    part_names: tuple[str, ...]
    method: Method

    def take(self, rows: slice) -> "Batch":
        """Return the batch of these images alone."""
        whole = {field.name: getattr(self, field.name) for field in fields(self)}
        cut: dict[str, Any] = {name: value[rows] for name, value in whole.items() if isinstance(value, Tensor)}
        return replace(self, **cut)


class Metric(ABC):
    """A measure of saliency maps; the fields of a subclass are its settings in params.yaml.

    choices: what besides the settings fixes the number, in words; part of the protocol.
    images: how many of the evaluation images are scored, the first in evaluation order; None is all. A
        metric that explains again, which is dear for iterative methods, makes it a setting.
    """

    columns: ClassVar[dict[str, Column]]
    choices: ClassVar[dict[str, str]] = {}
    images: int | None = None

    @abstractmethod
    def score(self, model: Classifier, batch: Batch, saliency: Tensor) -> dict[str, Tensor]:
        """Return one [B] tensor per column; NaN where the metric does not apply to an image.

        Args:
            model: the explained classifier, in evaluation mode.
            batch: the images.
            saliency: [B, H, W] float32, bilinearly upsampled to the image, otherwise as the
                explainer returned it: any scale and sign, possibly flat, always finite.
        """

    def columns_for(self, part_names: tuple[str, ...]) -> dict[str, Column]:
        """Return the columns on a data set with these parts; `columns` are those of every data set."""
        return dict(self.columns)

    def __call__(self, model: Classifier, batch: Batch, saliency: Tensor) -> dict[str, Tensor]:
        """Score any map: one with a NaN or infinite value tells nothing and counts as flat."""
        return self.score(model, batch, finite(saliency))


@dataclass(frozen=True)
class Curve:
    """The class probability while more and more of an image changes.

    fractions: [n], share of the pixels that has changed, rising.
    probabilities: [B, n].
    """

    fractions: Tensor
    probabilities: Tensor


class CurveMetric(Metric):
    """A metric whose every column sums up a curve."""

    @abstractmethod
    def curves(self, model: Classifier, batch: Batch, saliency: Tensor) -> dict[str, Curve]:
        """Return the curve behind each column; the arguments are those of `score`."""

    @abstractmethod
    def summary(self, curve: Curve) -> Tensor:
        """Return the number that stands for each image's curve, [B]."""

    def score(self, model: Classifier, batch: Batch, saliency: Tensor) -> dict[str, Tensor]:
        """See `Metric.score`."""
        return {name: self.summary(curve) for name, curve in self.curves(model, batch, saliency).items()}


def finite(saliency: Tensor) -> Tensor:
    """Set every map that holds a NaN or infinite value to zero; [B, H, W] -> same."""
    whole = saliency.isfinite().flatten(1).all(1)
    return saliency.where(whole.view(-1, 1, 1), 0.0)


def flat(saliency: Tensor) -> Tensor:
    """Bool [B]: the map has one value only, so that it ranks nothing."""
    return saliency.amax((1, 2)) == saliency.amin((1, 2))
