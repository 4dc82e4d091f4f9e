"""Strided depthwise convolutions whose gradients, in bf16 on a CPU, are computed in fp32."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from timm.layers import Conv2dSame
from timm.layers.padding import pad_same
from torch import Tensor, nn


class _Convolution(torch.autograd.Function):
    """The convolution that autocast computes, with its gradients in fp32; see `quick_gradients`."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, bias: Tensor | None, *how: Any) -> Tensor:
        """[B, C, H, W], [C, 1, h, w], [C] -> [B, C, H', W']; `how` is stride, padding, dilation and groups."""
        ctx.save_for_backward(images, weight)
        ctx.how, ctx.has_bias = how, bias is not None
        return F.conv2d(images, weight, bias, *how)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        images, weight = ctx.saved_tensors
        stride, padding, dilation, groups = ctx.how
        wanted = [*ctx.needs_input_grad[:2], ctx.has_bias and ctx.needs_input_grad[2]]
        of_images, of_weight, of_bias = torch.ops.aten.convolution_backward(
            gradients[0].float(), images.float(), weight.float(), [len(weight)],
            stride, padding, dilation, False, [0, 0], groups, wanted,
        )  # fmt: skip
        return (None if of_images is None else of_images.to(images.dtype)), of_weight, of_bias, *[None] * 4


class QuickGradients(nn.Module):
    """A depthwise convolution with the same weights and outputs; see `quick_gradients`."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias = convolution.weight, convolution.bias
        self.stride, self.dilation, self.groups = convolution.stride, convolution.dilation, convolution.groups
        self.pads_by_copy = isinstance(convolution, Conv2dSame)
        unpadded = self.pads_by_copy or isinstance(convolution.padding, str)  # "valid", the only word with a stride
        self.padding: tuple[int, ...] = (0, 0) if unpadded else tuple(map(int, convolution.padding))

    def forward(self, images: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H', W']."""
        if self.pads_by_copy:
            images = pad_same(images, list(self.weight.shape[-2:]), list(self.stride), list(self.dilation))
        convolve: Callable[..., Tensor] = F.conv2d
        if images.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            convolve = _Convolution.apply
        return convolve(images, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


def quick_gradients(network: nn.Module) -> None:
    """Replace the strided depthwise convolutions of `network`, in place; names and shapes of its parameters stay.

    oneDNN has no fast gradient for these in bf16: of a training step on photographs they took half. In fp32 the
    gradient takes a quarter of the time or less, and is rounded less. Outputs are the same to the last bit.
    """
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Conv2d) and child.groups == child.in_channels > 1 and max(child.stride) > 1:
                setattr(module, name, QuickGradients(child))
