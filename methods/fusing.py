"""Convolutions that take the operations around them into the same pass over memory, for GPUs.

Small networks such as MobileNet spend there as much time on adding biases, on activations and on padding.
"""

import math
import warnings
from collections import Counter
from copy import deepcopy
from importlib.util import find_spec
from typing import Any, TypeGuard, TypeVar

import torch
import torch.nn.functional as F
from timm.layers import Conv2dSame
from torch import Tensor, nn

from methods.folding import agree
from methods.padding import same_padding

ModelT = TypeVar("ModelT", bound=nn.Module)
Range = tuple[float, float]

EVERYTHING: Range = (-math.inf, math.inf)
ACTIVATIONS: dict[type[nn.Module], Range] = {nn.ReLU: (0.0, math.inf), nn.ReLU6: (0.0, 6.0)}
TYPES = (torch.float32, torch.bfloat16, torch.float16)  # that the kernel takes


class Pointwise(nn.Module):
    """A 1x1 convolution as a matrix product, whose bias costs no pass of its own; the weights keep their shape."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias = convolution.weight, convolution.bias

    def forward(self, images: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, D, H, W], channels last."""
        count, channels, height, width = images.shape
        pixels = images.permute(0, 2, 3, 1).reshape(-1, channels)
        weight = self.weight.flatten(1).T
        sums = pixels @ weight if self.bias is None else torch.addmm(self.bias, pixels, weight)
        return sums.view(count, height, width, -1).permute(0, 3, 1, 2)


class Depthwise(nn.Module):
    """A depthwise convolution with the activations before and after it and its padding, in one kernel.

    The weights keep their shape. Where a gradient is asked for, torch's own operators give the same.

    before, after: least and largest value that passes.
    """

    def __init__(self, convolution: nn.Conv2d, before: Range = EVERYTHING, after: Range = EVERYTHING) -> None:
        super().__init__()
        self.weight, self.bias = convolution.weight, convolution.bias
        self.stride: tuple[int, int] = convolution.stride  # type: ignore[assignment]
        self.repeated = convolution.padding_mode == "replicate"
        self.before, self.after = before, after
        self._same = isinstance(convolution, Conv2dSame)
        self._padding: tuple[int, int] = convolution.padding  # type: ignore[assignment]

    def forward(self, images: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H', W']."""
        if torch.is_autocast_enabled(images.device.type):
            images = images.to(torch.get_autocast_dtype(images.device.type))
        padding = self.padding(images)
        asked = torch.is_grad_enabled() and (images.requires_grad or self.weight.requires_grad)
        if asked or not images.is_cuda or images.dtype not in TYPES:
            return self.composed(images, padding)
        from methods.depthwise import depthwise  # Triton comes with torch for NVIDIA GPUs alone

        return depthwise(images, *self.kernels(), self.stride, padding, self.repeated, self.before, self.after)

    def composed(self, images: Tensor, padding: tuple[int, int, int, int]) -> Tensor:
        """Return the same by torch's operators."""
        left, right, top, bottom = padding
        images, inside = _clamped(images, self.before), (top, left)
        if self.repeated or left != right or top != bottom:
            images, inside = F.pad(images, padding, mode="replicate" if self.repeated else "constant"), (0, 0)
        return _clamped(F.conv2d(images, *self.kernels(), self.stride, inside, groups=images.shape[1]), self.after)

    def kernels(self) -> tuple[Tensor, Tensor | None]:
        """Return what each channel is convolved with, [C, 1, h, w], and what is added, [C]."""
        return self.weight, self.bias

    def padding(self, images: Tensor) -> tuple[int, int, int, int]:
        """Columns to the left and right, rows above and below, as `F.pad` takes them."""
        if not self._same:
            rows, columns = self._padding
            return columns, columns, rows, rows
        rows, columns = same_padding(images, self.weight, self.stride)
        return columns // 2, columns - columns // 2, rows // 2, rows - rows // 2


class ToOneChannel(Depthwise):
    """A convolution to a single channel: a depthwise one, summed."""

    def forward(self, images: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, 1, H', W']."""
        total = super().forward(images).sum(1, keepdim=True)
        return total if self.bias is None else total + self.bias.to(total.dtype)

    def kernels(self) -> tuple[Tensor, Tensor | None]:
        """See `Depthwise.kernels`; the bias is added to the sum."""
        return self.weight.transpose(0, 1), None


def fused(model: ModelT, image_size: int) -> ModelT:
    """Return a copy of a served network whose convolutions are the classes above where they can be.

    A ReLU or ReLU6 that one depthwise convolution reads, or that reads one, becomes part of it. Which these are is
    found by one forward pass; should the copy disagree with the model, or Triton be missing, the model is returned.
    Likewise, with a warning, if the copy fails: Triton needs a C compiler and does not know every GPU.

    Args:
        model: frozen, in evaluation mode, its batch norms folded; maps [B, 3, H, W] to a tensor or a tuple of tensors.
        image_size: H and W of the images that it takes.
    """
    parameter = next(model.parameters(), None)
    if parameter is None or (parameter.is_cuda and find_spec("triton") is None):
        return model
    example = torch.rand(2, 3, image_size, image_size, generator=torch.Generator().manual_seed(0)).to(parameter)
    example, copy = example.contiguous(memory_format=torch.channels_last), deepcopy(model)
    with torch.no_grad():
        expected = model(example)
        _replace(copy, *_neighbours(copy, example))
        try:
            found = copy(example)
        except Exception as error:  # of many kinds, some of Triton's own
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            warnings.warn(f"convolutions are not fused, which costs time alone ({reason})", stacklevel=2)
            return model
        return copy if agree(found, expected) else model


def _neighbours(model: nn.Module, example: Tensor) -> tuple[dict[nn.Module, nn.Module], dict[nn.Module, nn.Module]]:
    """Return the activation before and the one after each depthwise convolution, where it alone reads the other."""
    pairs = sole_readers(model, example).items()
    before: dict[nn.Module, nn.Module] = {b: a for a, b in pairs if type(a) in ACTIVATIONS and _depthwise(b)}
    after: dict[nn.Module, nn.Module] = {a: b for a, b in pairs if _depthwise(a) and type(b) in ACTIVATIONS}
    return before, after


def sole_readers(model: nn.Module, example: Tensor) -> dict[nn.Module, nn.Module]:
    """Return leaf modules, each with the leaf that reads its output just as it was, and that no other leaf reads.

    Both are called once in a forward pass. What functions between modules read is not seen.

    Args:
        model: whose forward pass of `example` is watched, without gradients.
        example: [B, 3, H, W].
    """
    made: dict[int, tuple[nn.Module, Tensor, int]] = {}  # holding the tensors keeps their ids their own
    readers: dict[nn.Module, list[nn.Module]] = {}
    calls: Counter[nn.Module] = Counter()

    def read(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        calls[module] += 1
        if id(inputs[0]) in made:
            writer, tensor, version = made[id(inputs[0])]
            if _version(tensor) == version:
                readers.setdefault(writer, []).append(module)

    def wrote(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        made[id(output)] = (module, output, _version(output))

    leaves = [m for m in model.modules() if not any(m.children()) and not isinstance(m, nn.Identity)]
    handles = [leaf.register_forward_pre_hook(read) for leaf in leaves]
    handles += [leaf.register_forward_hook(wrote) for leaf in leaves]
    try:
        model(example)
    finally:
        for handle in handles:
            handle.remove()
    once = {one: found[0] for one, found in readers.items() if len(found) == 1}
    return {one: other for one, other in once.items() if calls[one] == calls[other] == 1}


def _version(tensor: Tensor) -> int:
    """How often it was changed in place; always 0 in inference mode, where torch does not count."""
    return 0 if tensor.is_inference() else tensor._version


def _replace(model: nn.Module, before: dict[nn.Module, nn.Module], after: dict[nn.Module, nn.Module]) -> None:
    taken = {*before.values(), *after.values()}
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if child in taken:
                setattr(parent, name, nn.Identity())
            elif _depthwise(child):
                ranges = (
                    ACTIVATIONS[type(beside[child])] if child in beside else EVERYTHING for beside in (before, after)
                )
                setattr(parent, name, Depthwise(child, *ranges))
            elif _pointwise(child):
                setattr(parent, name, Pointwise(child))
            elif _to_one_channel(child):
                setattr(parent, name, ToOneChannel(child))


def _clamped(images: Tensor, passing: Range) -> Tensor:
    return images if passing == EVERYTHING else images.clamp(*passing)


def _depthwise(module: nn.Module) -> TypeGuard[nn.Conv2d]:
    return _plain(module) and 1 < module.groups == module.in_channels == module.out_channels


def _to_one_channel(module: nn.Module) -> TypeGuard[nn.Conv2d]:
    return _plain(module) and module.groups == module.out_channels == 1


def _pointwise(module: nn.Module) -> TypeGuard[nn.Conv2d]:
    if not _plain(module) or not (isinstance(module, Conv2dSame) or module.padding == (0, 0)):
        return False
    return module.groups == 1 and module.kernel_size == module.stride == (1, 1)


def _plain(module: nn.Module) -> TypeGuard[nn.Conv2d]:
    """Whether it is a convolution that is not dilated and whose padding `Depthwise` knows."""
    return (
        isinstance(module, nn.Conv2d)
        and module.dilation == (1, 1)
        and module.padding_mode in ("zeros", "replicate")
        and (isinstance(module, Conv2dSame) or not isinstance(module.padding, str))
    )
