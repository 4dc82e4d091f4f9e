"""The only upsampling: bilinear, corners not aligned, as in the reference methods."""

import torch
import torch.nn.functional as F
from torch import Tensor


def upsample(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinearly resize [..., h, w] to [..., H, W] (`align_corners=False`)."""
    if maps.dim() == 4:  # keeps channels last, where all channels of a pixel share their weights: twice as fast
        return _bilinear(maps, size)
    flat = maps.reshape(-1, 1, *maps.shape[-2:])
    return _bilinear(flat, size).reshape(*maps.shape[:-2], *size)


def upsample_maps(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize saliency maps [..., h, w] to [..., H, W]; a flat one stays flat, though bilinear weights are rounded."""
    low, high = (extreme(maps, dim=(-2, -1), keepdim=True) for extreme in (torch.amin, torch.amax))
    return upsample(maps, size).where(low != high, low)


def min_max(maps: Tensor) -> Tensor:
    """Scale each [..., h, w] map to [0, 1] by its own extremes; a flat map becomes zeros."""
    low = maps.amin((-2, -1), keepdim=True)
    extent = maps.amax((-2, -1), keepdim=True) - low
    return (maps - low) / extent.where(extent > 0, 1.0)


def _bilinear(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """On a GPU, torch composes it of thirty kernels where determinism is asked for; only its gradient needs that."""
    if torch.is_grad_enabled() and maps.requires_grad:
        return F.interpolate(maps, size=size, mode="bilinear", align_corners=False)
    return torch.ops.aten.upsample_bilinear2d(maps, size, False)
