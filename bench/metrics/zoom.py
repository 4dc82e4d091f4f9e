"""Classifying what a map zooms in on."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from bench.metrics.base import Batch, Column, Metric, flat
from methods.classifier import Classifier
from methods.resize import min_max, upsample


@dataclass(frozen=True)
class Zoom(Metric):
    """Does the map choose a crop on which the classifier is right about the true class?

    Of all windows of `side`, the one with the largest sum of the min-max scaled map is cut out,
    enlarged bilinearly to the size of the image and classified. `zoom_accuracy` is 1 if the top-1
    class of the crop is the label, `zoom_joint_accuracy` if that of the mean of the softmax of the
    whole image and of the crop is, else 0. Many windows hold all of a small spot, and faint noise
    must not say where it lies in the crop: of the windows that tie within `slack` the one nearest to
    their mean position is taken, then the upper, then the left one. A flat map chooses no window
    and scores 0 on both.

    The explainers `uniform` and `centre` are the map-free controls: a random and the centre crop.

    side: of the window, as a share of each side of the image.
    slack: windows tie whose sums lie within this share of the range of all windows' sums from the largest.

    Attention cropping as in WS-DAN, Hu et al. 2019, https://arxiv.org/abs/1901.09891. Deviations:
    a window of fixed size, so that no map gains by the size of its crop; the classifier is not
    trained on crops.
    """

    columns: ClassVar[dict[str, Column]] = {
        "zoom_accuracy": Column("Accuracy on the crop", "higher"),
        "zoom_joint_accuracy": Column("Accuracy on image and crop", "higher"),
    }
    choices: ClassVar[dict[str, str]] = {
        "class": "label",
        "window": "largest sum of the min-max scaled map, ties centred",
        "enlarging": "bilinear, align_corners=False",
        "joint": "mean of softmax",
    }
    side: Annotated[float, Field(gt=0, lt=1)] = 0.5
    slack: Annotated[float, Field(ge=0, lt=1)] = 0.01

    def score(self, model: Classifier, batch: Batch, saliency: Tensor) -> dict[str, Tensor]:
        """See `Metric.score`."""
        crops = self.crops(batch.images, saliency)
        whole, zoomed = model(torch.cat([batch.images, crops])).float().softmax(1).chunk(2)
        classes = {"zoom_accuracy": zoomed.argmax(1), "zoom_joint_accuracy": (whole + zoomed).argmax(1)}
        chosen = ~flat(saliency)
        return {name: ((top == batch.labels) & chosen).to(saliency.dtype) for name, top in classes.items()}

    def crops(self, images: Tensor, saliency: Tensor) -> Tensor:
        """Return the enlarged windows, [B, 3, H, W] -> same."""
        size = (images.shape[-2], images.shape[-1])
        height, width = (max(1, round(self.side * side)) for side in size)
        corners = heaviest_windows(saliency, height, width, self.slack).tolist()
        cut = [
            image[:, top : top + height, left : left + width]
            for image, (top, left) in zip(images, corners, strict=True)
        ]
        return upsample(torch.stack(cut), size).contiguous(memory_format=torch.channels_last)


def heaviest_windows(saliency: Tensor, height: int, width: int, slack: float) -> Tensor:
    """Upper left corner (row, column) of each map's window with the largest sum; [B, H, W] -> [B, 2]."""
    scaled = min_max(saliency).double().unsqueeze(1)
    means = F.avg_pool2d(F.avg_pool2d(scaled, (height, 1), 1), (1, width), 1).squeeze(1).flatten(1)
    largest, smallest = means.amax(1, keepdim=True), means.amin(1, keepdim=True)
    tied = means >= largest - slack * (largest - smallest)
    rows, columns = saliency.shape[-2] - height + 1, saliency.shape[-1] - width + 1
    corners = torch.cartesian_prod(torch.arange(rows), torch.arange(columns)).to(means)  # in raster order
    middle = tied.to(means) @ corners / tied.sum(1, keepdim=True)
    apart = torch.cdist(middle, corners, compute_mode="donot_use_mm_for_euclid_dist").where(tied, float("inf"))
    return corners[apart.argmin(1)].long()
