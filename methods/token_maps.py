"""Features of vision transformers as maps [B, C, h, w], and back."""

import math
from collections.abc import Sequence

import torch
from timm.layers import ClassifierHead, NormMlpClassifierHead
from torch import Tensor, nn

from methods.errors import UserError


def to_map(features: Tensor | Sequence[Tensor], backbone: nn.Module) -> Tensor:
    """Return a network's last features as [B, C, h, w].

    Convolutional networks and SAM give them so. Swin gives [B, h, w, C]. A plain transformer gives one token per patch,
    row by row, [B, prefix + h w, C]; class and register tokens before them are left out.

    Raises:
        UserError: the network has features of several scales, or its tokens form no grid, or do not come from patches.
    """
    if not isinstance(features, Tensor):
        raise UserError(
            f"'{type(backbone).__name__}' classifies by features of several scales, which are no single map: "
            "choose another architecture"
        )
    if features.ndim == 4:
        return features.permute(0, 3, 1, 2) if _channels_last(backbone) else features
    if features.ndim != 3:
        raise UserError(
            f"'{type(backbone).__name__}' has features of shape {tuple(features.shape)}, neither a map nor tokens: "
            "choose another architecture"
        )
    patches = features[:, _prefix(backbone) :]
    height, width = _grid(backbone, patches.shape[1])
    if not _undone(backbone):
        raise UserError(f"'{type(backbone).__name__}' has tokens of other than patches: choose another architecture")
    return patches.transpose(1, 2).unflatten(2, (height, width))


def from_map(features: Tensor, backbone: nn.Module, whole: Tensor | None = None) -> Tensor:
    """Undo `to_map`; tokens before the patches come from `whole`, or as zeros, since pooling does not read them."""
    if _channels_last(backbone):
        return features.permute(0, 2, 3, 1)
    if not _undone(backbone):
        return features
    tokens = features.flatten(2).transpose(1, 2)
    if whole is None:
        whole = tokens.new_zeros(len(tokens), _prefix(backbone), tokens.shape[2])
    return torch.cat([whole[:, : _prefix(backbone)], tokens], 1)


def _undone(backbone: nn.Module) -> bool:
    """Whether the network's head takes one token per patch, which is what `from_map` makes of a map."""
    pools_a_map = isinstance(getattr(backbone, "head", None), ClassifierHead | NormMlpClassifierHead)
    return _patches(backbone) is not None and hasattr(backbone, "blocks") and not pools_a_map


def _channels_last(backbone: nn.Module) -> bool:
    return str(getattr(backbone, "output_fmt", "")) == "NHWC"


def _prefix(backbone: nn.Module) -> int:
    return int(getattr(backbone, "num_prefix_tokens", 0))


def _grid(backbone: nn.Module, count: int) -> tuple[int, int]:
    """Height and width of the grid of patches: the network's own if it fits, else a square."""
    grid = getattr(_patches(backbone), "grid_size", None)
    if grid and grid[0] * grid[1] == count:
        return int(grid[0]), int(grid[1])
    side = math.isqrt(count)
    if side * side != count:
        raise UserError(f"{count} tokens of '{type(backbone).__name__}' form no square grid: use square images")
    return side, side


def _patches(backbone: nn.Module) -> object:
    """Return the layer that cuts the image into patches, if there is one."""
    layers = (getattr(backbone, name, None) for name in ("patch_embed", "stem"))
    return next((layer for layer in layers if hasattr(layer, "grid_size")), None)
