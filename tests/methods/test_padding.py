"""Padding by the kernel gives the outputs that padding by a copy gives."""

from copy import deepcopy

import pytest
import torch
from timm.layers import Conv2dSame
from torch import nn

from bench.loading import serve
from methods.classifier import create
from methods.folding import folded
from methods.padding import KernelPadded, pad_kernels
from methods.runtime import Runtime

SIZES = [(32, 32), (33, 33), (32, 33), (31, 30)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kernel", [1, 2, 3, 5, (3, 5)])
@pytest.mark.parametrize("stride", [1, 2, 3, (2, 1)])
@pytest.mark.parametrize("groups", [1, 4])
def test_same_outputs_and_gradients(size, kernel, stride, groups):
    torch.manual_seed(0)
    convolution = Conv2dSame(4, 8, kernel, stride, groups=groups, bias=groups == 1).double()
    padded = KernelPadded(convolution)
    images = torch.rand(2, 4, *size, dtype=torch.float64).requires_grad_()

    def outcome(module):
        made = module(images)
        return made, *torch.autograd.grad(made.sin().sum(), (images, module.weight))

    for expected, found in zip(outcome(convolution), outcome(padded), strict=True):
        assert torch.allclose(expected, found, rtol=0, atol=1e-10)


def test_a_network_padded_so_is_the_same():
    network = folded(create("mobilenetv2_100", 10, arguments={"pad_type": "same"}), 64)
    padded = pad_kernels(deepcopy(network))
    assert sum(isinstance(module, KernelPadded) for module in padded.modules()) == 5
    assert not any(isinstance(module, Conv2dSame) for module in padded.modules())
    assert list(padded.state_dict()) == list(network.state_dict())
    images = torch.rand(4, 3, 64, 64).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        assert torch.allclose(padded(images), network(images), rtol=0, atol=1e-6)


def test_no_input_is_copied(monkeypatch):
    padded = KernelPadded(Conv2dSame(4, 8, 3, 2))
    pad, lengths = torch.nn.functional.pad, []

    def watched(what, *rest):
        lengths.append(what.shape[-1])
        return pad(what, *rest)

    monkeypatch.setattr(torch.nn.functional, "pad", watched)
    padded(torch.rand(1, 4, 32, 32))
    assert lengths == [3]


def test_other_convolutions_stay():
    network = nn.Sequential(Conv2dSame(3, 4, 3, 2, dilation=2), nn.Conv2d(4, 4, 3, 2, 1))
    kinds = [type(module) for module in network]
    assert [type(module) for module in pad_kernels(network)] == kinds


@pytest.mark.parametrize(("device", "padded"), [("cpu", 5), ("meta", 0)])
def test_networks_that_serve_are_padded_so_on_a_cpu_alone(device, padded):
    network = create("mobilenetv2_100", 10, arguments={"pad_type": "same"})
    served = serve(network, 64, Runtime(torch.device(device)))
    found = [
        module for module in served.modules() if isinstance(module, KernelPadded) or getattr(module, "same", False)
    ]
    assert len(found) == padded
    assert not any(isinstance(module, KernelPadded) for module in network.modules())
