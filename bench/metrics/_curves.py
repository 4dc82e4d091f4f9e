"""The curve along which pixels are removed or inserted in falling saliency order."""

import torch
from torch import Tensor

from bench.metrics._order import falling_places
from bench.metrics.base import Curve
from methods.classifier import Classifier
from methods.masking import changing_probabilities


def ranks(saliency: Tensor) -> Tensor:
    """Position of each pixel in its map's falling saliency order, [B, H, W] -> same; ties in raster order."""
    if saliency.device.type == "cpu":
        return falling_places(saliency.flatten(1)).view(saliency.shape)
    order = saliency.flatten(1).argsort(dim=1, descending=True, stable=True)
    places = torch.arange(order.shape[1], device=order.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, places).view(saliency.shape)


def changing_curve(
    model: Classifier, before: Tensor, after: Tensor, targets: Tensor, saliency: Tensor, steps: int
) -> Curve:
    """Change the most salient pixels first, in `steps` steps of equal size; the last may be shorter.

    Args:
        model: the classifier.
        before: [B, 3, H, W], in the network's normalised space.
        after: the same, once every pixel has changed.
        targets: [B], the classes.
        saliency: [B, H, W].
        steps: how many.

    Returns:
        The curve with both end points.
    """
    total = saliency[0].numel()
    counts = torch.arange(0, total, max(1, -(-total // steps)), device=saliency.device)
    counts = torch.cat([counts, counts.new_tensor([total])])
    scores = [
        changing_probabilities(model, old, new, position, counts, target)
        for old, new, position, target in zip(before, after, ranks(saliency), targets, strict=True)
    ]
    return Curve(counts / total, torch.stack(scores))


def area_under(curve: Curve) -> Tensor:
    """Return the normalised trapezoid under each image's curve, [B]."""
    return torch.trapezoid(curve.probabilities, curve.fractions.to(curve.probabilities), dim=1)
