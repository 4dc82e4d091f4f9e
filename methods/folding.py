"""Batch norms of a frozen network folded into the convolutions before them."""

import math
from copy import deepcopy
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

ModelT = TypeVar("ModelT", bound=nn.Module)


def folded(model: ModelT, image_size: int) -> ModelT:
    """Return a copy in evaluation mode whose batch norms are part of their convolutions.

    The same function to rounding, in fewer passes over memory; on a CPU a gradient with respect to
    the input costs a third, because batch norm has no fast backward pass in evaluation mode. Only
    for networks that are not trained further. Which convolution feeds which batch norm is found
    by one forward pass; should the copy disagree with the model, it is returned unfolded.

    Args:
        model: maps [B, 3, H, W] to a tensor or a tuple of tensors.
        image_size: H and W of the images that it takes.
    """
    original = deepcopy(model).eval()
    parameter = next(original.parameters(), None)
    if parameter is None:
        return original
    example = torch.rand(2, 3, image_size, image_size, generator=torch.Generator().manual_seed(0))
    copy, example = deepcopy(original), example.to(parameter)
    # TF32 would round by more than the folding.
    with torch.no_grad(), torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled, allow_tf32=False):
        pairs = _pairs(copy, example)
        for convolution, norm in pairs.items():
            _replace(copy, norm, _after(_module(copy, norm)), convolution)
        same = agree(copy(example), original(example))
    return copy if same else original


def _pairs(model: nn.Module, example: Tensor) -> dict[str, str]:
    """Names of convolutions and of the batch norm that reads each one's output."""
    outputs: dict[int, tuple[str, Tensor]] = {}  # holding the tensors keeps their ids their own
    pairs: dict[str, str] = {}

    def made(name: str) -> Any:
        return lambda module, inputs, output: outputs.__setitem__(id(output), (name, output))

    def read(name: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            if id(inputs[0]) in outputs:
                pairs[outputs[id(inputs[0])][0]] = name

        return hook

    handles = []
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            handles.append(module.register_forward_hook(made(name)))
        elif isinstance(module, nn.BatchNorm2d) and module.track_running_stats:
            handles.append(module.register_forward_pre_hook(read(name)))
    try:
        model(example)
    finally:
        for handle in handles:
            handle.remove()
    return pairs


def _replace(model: nn.Module, norm: str, after: nn.Module, convolution: str) -> None:
    fused = fuse_conv_bn_eval(_module(model, convolution), _module(model, norm))  # type: ignore[type-var, arg-type]
    for name, module in ((convolution, fused), (norm, after)):
        parent, _, child = name.rpartition(".")
        setattr(_module(model, parent), child, module)


def _after(norm: nn.Module) -> nn.Module:
    """What a batch norm does besides normalising: timm's may hold an activation."""
    held = [getattr(norm, name) for name in ("drop", "act") if isinstance(getattr(norm, name, None), nn.Module)]
    return nn.Sequential(*held) if held else nn.Identity()


def _module(model: nn.Module, name: str) -> nn.Module:
    return model.get_submodule(name)


def agree(one: Any, other: Any) -> bool:
    """Return whether two outputs of a network, tensors or tuples of them, are finite and the same to rounding."""
    if isinstance(one, tuple):
        return all(agree(a, b) for a, b in zip(one, other, strict=True))
    largest = float(other.abs().max())
    return math.isfinite(largest) and torch.allclose(one, other, rtol=1e-3, atol=1e-3 * largest)
