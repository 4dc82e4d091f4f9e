"""Scores along the curve on which pixels are removed or inserted in falling saliency order."""

from collections.abc import Iterator

import torch
from torch import Tensor

from methods.classifier import Classifier
from methods.masking import CHUNK, masked_probabilities


def ranks(saliency: Tensor) -> Tensor:
    """Position of each pixel in falling saliency order, [H, W] -> [H, W]; ties in raster order."""
    order = saliency.flatten().argsort(descending=True, stable=True)
    position = torch.empty_like(order)
    position[order] = torch.arange(len(order), device=order.device)
    return position.view_as(saliency)


def area_under_curve(
    model: Classifier, image: Tensor, target: Tensor, saliency: Tensor, step: int, baseline: Tensor | None, insert: bool
) -> Tensor:
    """Normalised trapezoid of the class probability while pixels change, `step` at a time.

    Args:
        model: the classifier.
        image: [3, H, W], RGB in [0, 1].
        target: [], the class.
        saliency: [H, W].
        step: pixels per step; the last step may be shorter. Both end points are included.
        baseline: what stands where the image is not shown, as in `masking.stream`.
        insert: show the salient pixels first, instead of removing them first.

    Returns:
        [], the area.
    """
    position = ranks(saliency)
    counts = torch.arange(0, position.numel(), step, device=image.device)
    counts = torch.cat([counts, counts.new_tensor([position.numel()])])

    def masks() -> Iterator[Tensor]:
        for chunk in counts.split(CHUNK):
            changed = position < chunk.view(-1, 1, 1)
            yield (changed if insert else ~changed).to(image.dtype)

    scores = masked_probabilities(model, image, masks(), target, baseline)
    return torch.trapezoid(scores, counts / position.numel())
