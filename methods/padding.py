"""TensorFlow's `same` padding inside the kernel instead of by a copy of the input."""

from typing import TypeVar

import torch.nn.functional as F
from timm.layers import Conv2dSame
from timm.layers.padding import get_same_padding
from torch import Tensor, nn

ModelT = TypeVar("ModelT", bound=nn.Module)


class KernelPadded(nn.Module):
    """timm's `Conv2dSame`, not dilated, with the same weights and outputs but without its copy of the input.

    Where `same` asks for one row more below than above, `Conv2dSame` copies the whole input to pad it. A kernel
    with a first row of zeros and as much padding above as below gives the same outputs, and torch needs no copy
    for it; columns likewise. The weights keep their shape: what reads or redraws them need not know.
    """

    def __init__(self, convolution: Conv2dSame) -> None:
        super().__init__()
        self.weight, self.bias = convolution.weight, convolution.bias
        self.stride, self.groups = convolution.stride, convolution.groups

    def forward(self, images: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, D, ceil(H / stride), ceil(W / stride)]."""
        weight, padding = padded_kernel(images, self.weight, self.stride)
        return F.conv2d(images, weight, self.bias, self.stride, padding, groups=self.groups)


def padded_kernel(images: Tensor, weight: Tensor, stride: tuple[int, ...]) -> tuple[Tensor, tuple[int, int]]:
    """Return the kernel and the padding, of rows and columns, by which `KernelPadded` convolves such images."""
    rows, columns = same_padding(images, weight, stride)
    kernel = F.pad(weight, (columns % 2, 0, rows % 2, 0)) if rows % 2 or columns % 2 else weight
    return kernel, ((rows + 1) // 2, (columns + 1) // 2)


def same_padding(images: Tensor, weight: Tensor, stride: tuple[int, ...]) -> tuple[int, int]:
    """Return how many rows and columns `same` adds in all; an odd one out goes below, or to the right.

    Args:
        images: [B, C, H, W].
        weight: [D, C, h, w], not dilated.
        stride: of rows and columns.
    """
    lengths = zip(images.shape[-2:], weight.shape[-2:], stride, strict=True)
    rows, columns = (get_same_padding(*sides, dilation=1) for sides in lengths)
    return rows, columns


def pad_kernels(model: ModelT) -> ModelT:
    """Replace every `Conv2dSame` of `model` that is not dilated, in place; return `model`."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, Conv2dSame) and tuple(child.dilation) == (1, 1):
                setattr(module, name, KernelPadded(child))
    return model
