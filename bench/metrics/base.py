"""What a metric is to the benchmark."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from methods.classifier import Classifier


@dataclass(frozen=True)
class Column:
    """One number per image: its title in tables and which direction is better."""

    title: str
    better: Literal["higher", "lower"]


@dataclass(frozen=True)
class Batch:
    """Images with what is known about them; B images of H x W pixels, P parts.

    images: [B, 3, H, W], RGB in [0, 1].
    targets: [B], the explained classes.
    probabilities: [B], softmax probability of the target on the whole image.
    boxes: [B, 4], (x0, y0, x1, y1) of the object in pixels; NaN if unknown.
    keypoints: [B, P, 2], (x, y) in pixels; NaN if the part is not visible.
    segments: [B, H, W], 0 background, i is part i - 1; or None.
    telling: bool [B, P], the parts that tell the image's class from its nearest one.
    """

    images: Tensor
    targets: Tensor
    probabilities: Tensor
    boxes: Tensor
    keypoints: Tensor
    segments: Tensor | None
    telling: Tensor


class Metric(ABC):
    """A measure of saliency maps; the fields of a subclass are its settings in params.yaml."""

    columns: ClassVar[dict[str, Column]]

    @abstractmethod
    def score(self, model: Classifier, batch: Batch, saliency: Tensor) -> dict[str, Tensor]:
        """Return one [B] tensor per column; NaN where the metric does not apply to an image.

        Args:
            model: the explained classifier, in evaluation mode.
            batch: the images.
            saliency: [B, H, W] float32, bilinearly upsampled to the image, otherwise as the
                explainer returned it: any scale and sign, possibly flat, always finite.
        """
