"""Convolutions of a served network as a CPU runs them fastest: weights packed, activations in the same pass.

oneDNN computes convolutions in blocks of its own layout. torch brings weights into it in every pass, which for one
image takes a fifth of a small network's time, and runs activations afterwards, which in bf16 takes nearly as long as
the convolutions. The operators used here are those that `torch.compile` emits; where they are missing nothing changes.
"""

import warnings
from collections import OrderedDict
from copy import deepcopy
from functools import cache
from typing import Any, NamedTuple, TypeGuard, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.folding import agree
from methods.fusing import sole_readers
from methods.padding import KernelPadded, padded_kernel

ModelT = TypeVar("ModelT", bound=nn.Module)
Pair = tuple[int, int]

NAMES: dict[type[nn.Module], tuple[str, list[float]]] = {nn.ReLU: ("relu", []), nn.ReLU6: ("hardtanh", [0.0, 6.0])}
KEPT = 2  # layouts of a convolution: for one image, and for the copies of a forward pass


class Layout(NamedTuple):
    """What a convolution of images of one shape and type is called with."""

    weight: Tensor
    bias: Tensor | None
    padding: Pair


class Layouts:
    """The latest layouts of a weight and its bias as they are now; `current` tells whether these have changed.

    Changes behind autograd's back, in place through `.data`, are not seen.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        tensors = [weight] if bias is None else [weight, bias]
        self._held = [tensor.detach() for tensor in tensors]  # so that no other tensor gets their addresses
        self._state = _state(weight, bias)
        self.finite = all(bool(tensor.isfinite().all()) for tensor in tensors)
        self.known: OrderedDict[tuple[torch.dtype, torch.Size], Layout] = OrderedDict()

    def current(self, weight: Tensor, bias: Tensor | None) -> bool:
        """Whether these are the tensors, unchanged."""
        return self._state == _state(weight, bias)


class Packed(nn.Module):
    """A convolution with the same weights, and the activation behind it, if any.

    The weights keep their shape and may change: then they are packed again. Where a gradient is asked for, on
    another device and in another type torch's own operators give the same; likewise while a weight is NaN or infinite,
    which oneDNN's activations would hide.
    """

    def __init__(self, convolution: nn.Conv2d | KernelPadded, activation: nn.Module | None = None) -> None:
        super().__init__()
        self.weight, self.bias = convolution.weight, convolution.bias
        self.stride, self.groups, self.activation = convolution.stride, convolution.groups, activation
        self.same, self.repeated, self.around, self.dilation = True, False, (0, 0), (1, 1)
        if isinstance(convolution, nn.Conv2d):
            self.same, self.repeated = False, convolution.padding_mode == "replicate"
            self.around = (int(convolution.padding[0]), int(convolution.padding[1]))
            self.dilation = (convolution.dilation[0], convolution.dilation[1])
        self._name, self._limits = NAMES[type(activation)] if activation else ("none", [])
        self._layouts: Layouts | None = None

    def forward(self, images: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, D, H', W']."""
        if torch.is_autocast_enabled(images.device.type):
            images = images.to(torch.get_autocast_dtype(images.device.type))
        if self.repeated:
            rows, columns = self.around
            images = F.pad(images, (columns, columns, rows, rows), mode="replicate")
        layout = self._layout(images)
        if layout is None:
            weight, padding = self._kernel(images)
            made = F.conv2d(images, weight, self.bias, self.stride, padding, self.dilation, self.groups)
            return made if self.activation is None else self.activation(made)
        images, (weight, bias, padding) = images.contiguous(memory_format=torch.channels_last), layout
        return torch.ops.mkldnn._convolution_pointwise.default(  # type: ignore[no-any-return]
            images, weight, bias, padding, self.stride, self.dilation, self.groups, self._name, self._limits, ""
        )

    def _kernel(self, images: Tensor) -> tuple[Tensor, Pair]:
        if self.same:
            return padded_kernel(images, self.weight, self.stride)
        return self.weight, (0, 0) if self.repeated else self.around

    def _layout(self, images: Tensor) -> Layout | None:
        """Return the layout for such images, made now if there is none; None if torch's own operators are needed."""
        weight, bias = self._parameters["weight"], self._parameters.get("bias")  # twice as fast as attributes
        assert weight is not None
        if torch.is_grad_enabled() and (images.requires_grad or weight.requires_grad):
            return None
        if self._layouts is None or not self._layouts.current(weight, bias):
            if weight.device.type != "cpu" or weight.is_inference():
                return None
            self._layouts = Layouts(weight, bias)
        known, key = self._layouts.known, (images.dtype, images.shape)
        if key not in known:
            if images.dtype not in types() or not self._layouts.finite:
                return None
            known[key] = self._packed(images)
            if len(known) > KEPT:
                known.popitem(last=False)
        known.move_to_end(key)
        return known[key]

    def _packed(self, images: Tensor) -> Layout:
        kernel, padding = self._kernel(images)
        kernel = kernel.detach().to(images.dtype).contiguous(memory_format=torch.channels_last)
        settings = padding, self.stride, self.dilation, self.groups, images.shape
        weight = torch.ops.mkldnn._reorder_convolution_weight(kernel, *settings)
        return Layout(weight, None if self.bias is None else self.bias.detach().to(images.dtype), padding)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is packed, which cannot be copied."""
        return {**self.__dict__, "_layouts": None}


def packed(model: ModelT, image_size: int) -> ModelT:
    """Return a copy of a served network whose convolutions are `Packed`, with the ReLU or ReLU6 that alone reads one.

    Which these are is found by one forward pass. Should the copy disagree with the model, activations stay where they
    are; should it still disagree, or torch be built without oneDNN, the model is returned; likewise, with a warning, if
    the copy fails.

    Args:
        model: frozen, in evaluation mode, its batch norms folded; maps [B, 3, H, W] to a tensor or a tuple of tensors.
        image_size: H and W of the images that it takes.
    """
    parameter = next(model.parameters(), None)
    if parameter is None or not available():
        return model
    example = torch.rand(2, 3, image_size, image_size, generator=torch.Generator().manual_seed(0)).to(parameter)
    example = example.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        expected = model(example)
        for with_activations in (True, False):
            copy = deepcopy(model)
            _replace(copy, sole_readers(copy, example) if with_activations else {})
            try:
                found = copy(example)
            except Exception as error:  # oneDNN does not know every processor
                reason = f"{type(error).__name__}: {error}".splitlines()[0]
                warnings.warn(f"convolutions are not packed, which costs time alone ({reason})", stacklevel=2)
                return model
            if agree(found, expected):
                return copy
    return model


def available() -> bool:
    """Return whether torch has oneDNN and its operators."""
    names = ("_convolution_pointwise", "_reorder_convolution_weight", "_is_mkldnn_bf16_supported")
    return torch.backends.mkldnn.is_available() and all(hasattr(torch.ops.mkldnn, name) for name in names)


@cache
def types() -> tuple[torch.dtype, ...]:
    """Return what this processor packs: bf16 not without AVX-512 or its like, where torch's own operators run it."""
    return (torch.float32, *([torch.bfloat16] if torch.ops.mkldnn._is_mkldnn_bf16_supported() else []))


def _state(weight: Tensor, bias: Tensor | None) -> tuple[int, ...]:
    if bias is None:
        return weight.data_ptr(), weight._version
    return weight.data_ptr(), weight._version, bias.data_ptr(), bias._version


def _replace(model: nn.Module, readers: dict[nn.Module, nn.Module]) -> None:
    behind = {one: other for one, other in readers.items() if _packable(one) and type(other) in NAMES}
    taken = set(behind.values())
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if child in taken:
                setattr(parent, name, nn.Identity())
            elif _packable(child):
                setattr(parent, name, Packed(child, behind.get(child)))


def _packable(module: nn.Module) -> TypeGuard[nn.Conv2d | KernelPadded]:
    if isinstance(module, KernelPadded):
        return True
    plain = type(module) is nn.Conv2d and not isinstance(module.padding, str)
    return plain and module.padding_mode in ("zeros", "replicate")
