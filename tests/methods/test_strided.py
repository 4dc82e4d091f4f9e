"""Strided depthwise convolutions with gradients in fp32: the same outputs, better gradients, the same parameters."""

from copy import deepcopy

import pytest
import timm
import torch
from timm.layers import Conv2dSame
from torch import nn

from methods.strided import QuickGradients, quick_gradients

CONVOLUTIONS = {
    "padded below and on the right": lambda: Conv2dSame(8, 8, 3, stride=2, groups=8),
    "padded on all sides": lambda: nn.Conv2d(8, 8, 5, stride=2, padding=2, groups=8, bias=False),
    "not padded": lambda: nn.Conv2d(8, 8, 3, stride=2, padding="valid", groups=8),
    "one stride": lambda: nn.Conv2d(8, 8, 3, stride=(1, 2), padding=1, groups=8),
}


def gradients(convolution, images, enabled, weights=True):
    images = images.clone().requires_grad_()
    convolution.requires_grad_(weights).zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
        output = convolution(images)
    (output.float() ** 2).sum().backward()
    return output.detach(), [images.grad, *(parameter.grad for parameter in convolution.parameters())]


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_outputs_are_the_same_and_gradients_closer_to_those_of_fp32(name):
    torch.manual_seed(0)
    network = nn.Sequential(CONVOLUTIONS[name]())
    quick = deepcopy(network)
    quick_gradients(quick)
    assert isinstance(quick[0], QuickGradients)
    images = torch.randn(4, 8, 16, 16).to(memory_format=torch.channels_last)
    exact, of_exact = gradients(network, images, False)
    plain, of_plain = gradients(network, images, True)
    ours, of_ours = gradients(quick, images, True)
    assert torch.equal(ours, plain) and ours.dtype == torch.bfloat16
    for truth, before, after in zip(of_exact, of_plain, of_ours, strict=True):
        assert after.dtype == truth.dtype
        ours_far, plain_far = (after - truth).abs(), (before - truth).abs()
        assert ours_far.max() <= 2e-2 * truth.abs().max()
        if truth.numel() > 8:  # the mean of eight biases' errors is chance
            assert ours_far.mean() <= plain_far.mean() * 1.01
    same, of_same = gradients(quick, images, False)
    assert torch.equal(same, exact) and all(map(torch.equal, of_same, of_exact))


def test_a_frozen_network_passes_the_gradient_on():
    network = nn.Sequential(CONVOLUTIONS["padded below and on the right"]())
    quick_gradients(network)
    _, (of_images, *of_parameters) = gradients(network, torch.randn(2, 8, 9, 9), True, weights=False)
    assert of_images.abs().sum() > 0
    assert of_parameters == [None, None]


def test_names_and_values_of_parameters_stay_and_other_convolutions_too():
    network = timm.create_model("mobilenetv2_050", num_classes=3, pad_type="same").eval()
    before, images = deepcopy(network), torch.rand(1, 3, 64, 64)
    quick_gradients(network)
    assert list(network.state_dict()) == list(before.state_dict())
    assert sum(isinstance(module, QuickGradients) for module in network.modules()) == 4
    assert torch.equal(network(images), before(images))
