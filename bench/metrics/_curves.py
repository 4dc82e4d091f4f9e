"""Scores along the curve on which pixels are removed or inserted in falling saliency order."""

import torch
from torch import Tensor

from methods.classifier import Classifier
from methods.masking import changing_probabilities


def ranks(saliency: Tensor) -> Tensor:
    """Position of each pixel in falling saliency order, [H, W] -> [H, W]; ties in raster order."""
    order = saliency.flatten().argsort(descending=True, stable=True)
    position = torch.empty_like(order)
    position[order] = torch.arange(len(order), device=order.device)
    return position.view_as(saliency)


def area_under_curve(
    model: Classifier, before: Tensor, after: Tensor, target: Tensor, saliency: Tensor, step: int
) -> Tensor:
    """Normalised trapezoid of the class probability while the most salient pixels change first.

    Args:
        model: the classifier.
        before: [3, H, W], in the network's normalised space.
        after: the same, once every pixel has changed.
        target: [], the class.
        saliency: [H, W].
        step: pixels per step; the last step may be shorter. Both end points are included.

    Returns:
        [], the area.
    """
    total = saliency.numel()
    counts = torch.arange(0, total, step, device=saliency.device)
    counts = torch.cat([counts, counts.new_tensor([total])])
    scores = changing_probabilities(model, before, after, ranks(saliency), counts, target)
    return torch.trapezoid(scores, counts / total)
