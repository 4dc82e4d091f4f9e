"""The only upsampling: bilinear, corners not aligned, as in the reference methods."""

import torch.nn.functional as F
from torch import Tensor


def upsample(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinearly resize [..., h, w] to [..., H, W] (`align_corners=False`)."""
    if maps.dim() == 4:  # keeps channels last, where all channels of a pixel share their weights: twice as fast
        return F.interpolate(maps, size=size, mode="bilinear", align_corners=False)
    flat = maps.reshape(-1, 1, *maps.shape[-2:])
    resized = F.interpolate(flat, size=size, mode="bilinear", align_corners=False)
    return resized.reshape(*maps.shape[:-2], *size)


def min_max(maps: Tensor) -> Tensor:
    """Scale each [..., h, w] map to [0, 1] by its own extremes; a flat map becomes zeros."""
    low = maps.amin((-2, -1), keepdim=True)
    extent = maps.amax((-2, -1), keepdim=True) - low
    return (maps - low) / extent.where(extent > 0, 1.0)
