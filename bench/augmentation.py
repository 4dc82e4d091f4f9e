"""Random resized crop, flip and colour jitter, for a whole batch at once."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.settings import Recipe

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def augment(images: Tensor, recipe: Recipe) -> Tensor:
    """Return [B, 3, H, W] or [B, 3, size, size] in [0, 1], each image cropped, mirrored and recoloured by its own draw.

    Crops keep an area of `recipe.crop` to 1 at an aspect ratio of 3/4 to 4/3 (log-uniform), as in
    the usual recipe (Szegedy et al. 2015). All draws come from torch's CPU generator.
    """
    cropped = F.grid_sample(
        images, _crops(len(images), recipe, images), mode="bilinear", padding_mode="reflection", align_corners=False
    )
    return _jitter(cropped, recipe.jitter) if recipe.jitter else cropped


def _crops(count: int, recipe: Recipe, like: Tensor) -> Tensor:
    area = torch.empty(count).uniform_(recipe.crop, 1)
    aspect = torch.empty(count).uniform_(math.log(3 / 4), math.log(4 / 3)).mul(0.5).exp()
    width, height = (area.sqrt() * aspect).clamp(max=1), (area.sqrt() / aspect).clamp(max=1)
    left, top = (1 - width) * torch.empty(count).uniform_(-1, 1), (1 - height) * torch.empty(count).uniform_(-1, 1)
    mirror = torch.where(torch.rand(count) < 0.5, -1.0, 1.0) if recipe.flip else torch.ones(count)
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 0, 2] = width * mirror, left
    theta[:, 1, 1], theta[:, 1, 2] = height, top
    size = [recipe.image_size] * 2 if recipe.image_size else list(like.shape[2:])
    return F.affine_grid(theta.to(like.device), [count, 3, *size], align_corners=False)


def _jitter(images: Tensor, strength: float) -> Tensor:
    def factors() -> Tensor:
        return torch.empty(len(images), 1, 1, 1).uniform_(1 - strength, 1 + strength).to(images.device)

    bright = images * factors()
    grey = (bright * bright.new_tensor(_LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
    level = grey.mean((2, 3), keepdim=True)
    coloured = grey + (bright - grey) * factors()
    return (level + (coloured - level) * factors()).clamp(0, 1)
