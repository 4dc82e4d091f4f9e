"""Where the object is, and whether a map's maximum lies there."""

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from bench.metrics.base import Batch

FULL = 0.95  # an object that covers more of the image than this leaves nothing to point at


def objects(batch: Batch) -> Tensor:
    """Bool [B, H, W]: the object's segments, else its box; all False if neither is known."""
    if batch.segments is not None:
        return batch.segments > 0
    height, width = batch.images.shape[-2:]
    x = torch.arange(width, device=batch.images.device) + 0.5
    y = torch.arange(height, device=batch.images.device)[:, None] + 0.5
    x0, y0, x1, y1 = (batch.boxes[:, i, None, None] for i in range(4))
    return (x >= x0) & (x < x1) & (y >= y0) & (y < y1)


def meaningful(regions: Tensor) -> Tensor:
    """Bool [B]: the region is neither empty nor nearly the whole image."""
    share = regions.float().mean((1, 2))
    return (share > 0) & (share <= FULL)


def hits(saliency: Tensor, regions: Tensor, tolerance: float) -> Tensor:
    """Whether every maximum of each map lies within `tolerance` pixels of the region.

    [B, H, W], bool [B, H, W] -> [B] of 0 and 1. A flat map is a miss, as is an empty region.
    """
    return torch.stack([_hit(one, region, tolerance) for one, region in zip(saliency, regions, strict=True)])


def _hit(saliency: Tensor, region: Tensor, tolerance: float) -> Tensor:
    peak, flat = saliency.max(), saliency.max() == saliency.min()
    if flat or not region.any():
        return saliency.new_zeros(())
    distance = distance_transform_edt(~region.cpu().numpy())
    near = torch.from_numpy(np.asarray(distance) <= tolerance).to(saliency.device)
    return near[saliency == peak].all().to(saliency.dtype)
