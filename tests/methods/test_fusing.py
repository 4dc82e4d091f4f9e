"""Fused convolutions: the same function as the network they come from, on every architecture and with gradients."""

import os
import subprocess
import sys
from copy import deepcopy

import pytest
import torch
from timm.layers import Conv2dSame
from torch import nn

from bench.loading import serve
from methods import fusing
from methods.classifier import create
from methods.explainers.surrogate import Surrogate
from methods.folding import folded
from methods.fusing import Depthwise, Pointwise, ToOneChannel, fused
from methods.runtime import start
from methods.surrogate.student import Student
from tests.conftest import CLASSES, SIZE, small_classifier

ARCHITECTURES = {
    "mobilenetv2_035": {},
    "mobilenetv2_050": {"pad_type": "same"},
    "efficientnet_lite0": {},
    "resnet10t": {},
    "mobilenetv4_conv_small_050": {},
    "convnext_atto": {},
}


EXACTLY = 1e-11  # of the largest value, in float64: in fp32 two orders of the same sums differ by 1e-6 to 2e-5


def served(architecture="mobilenetv2_035", **arguments):
    model = create(architecture, CLASSES, arguments=arguments)
    return folded(model, SIZE).requires_grad_(False)


def lively(student):
    """A student whose attention and map no longer start at zero."""
    generator = torch.Generator().manual_seed(1)
    for parameter in student.parameters():
        if not parameter.any():
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.3
    return student


def same(found, expected, tolerance=1e-5):
    for one, other in zip(flat(found), flat(expected), strict=True):
        assert float((one - other).abs().max()) <= tolerance * float(other.abs().max())


def flat(outputs):
    return outputs if isinstance(outputs, tuple) else (outputs,)


def kinds(model, kind):
    return sum(type(module) is kind for module in model.modules())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_fused_network_is_the_same_function(architecture, images):
    model, images = served(architecture, **ARCHITECTURES[architecture]).double(), images.double()
    other = fused(model, SIZE)
    assert other is not model and not any(kinds(model, kind) for kind in (Depthwise, Pointwise))
    same(other(images), model(images), EXACTLY)
    same(other.features(images), model.features(images), EXACTLY)


def test_nothing_of_a_small_network_is_left_over():
    model = fused(served("mobilenetv2_035", pad_type="same"), SIZE)
    assert kinds(model, Depthwise) == 17 and kinds(model, Pointwise) == 34
    assert kinds(model, Conv2dSame) + kinds(model, nn.Conv2d) == 1  # the first, of three channels
    assert kinds(model, nn.ReLU6) == 1  # behind the last, which no depthwise convolution reads


def test_a_fused_student_is_the_same_function(images, targets):
    model = folded(lively(Student(served(), CLASSES, SIZE)), SIZE).requires_grad_(False).double()
    other, images = fused(model, SIZE), images.double()
    assert kinds(other, ToOneChannel) == len(other.stages) + 1 and kinds(other, Depthwise) == 18
    same(other(images, targets), model(images, targets), EXACTLY)


def test_weights_keep_their_names_order_and_shapes():
    model = served()
    expected = {name: one.shape for name, one in model.named_parameters()}
    assert {name: one.shape for name, one in fused(model, SIZE).named_parameters()} == expected


def test_a_gradient_of_the_image_is_the_same(images):
    model = served("mobilenetv2_050", pad_type="same").double()
    gradients = []
    for network in (model, fused(model, SIZE)):
        leaf = images.double().requires_grad_()
        gradients.append(torch.autograd.grad(network(leaf).square().sum(), leaf)[0])
    same(gradients[1], gradients[0], EXACTLY)


def test_an_activation_that_others_read_stays(images):
    class Branching(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.act = nn.Conv2d(3, 8, 1), nn.ReLU()
            self.each, self.beside = nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 8, 1)

        def forward(self, images):
            shown = self.act(self.first(images))
            return self.each(shown) + self.beside(shown)

    model, images = Branching().eval().requires_grad_(False).double(), images.double()
    other = fused(model, SIZE)
    assert kinds(other, nn.ReLU) == 1 and other.each.before == fusing.EVERYTHING
    same(other(images), model(images), EXACTLY)


def test_a_copy_that_disagrees_is_not_taken():
    class Hidden(nn.Module):
        """Reads the activation where no hook sees it."""

        def __init__(self):
            super().__init__()
            self.act, self.each = nn.ReLU(), nn.Conv2d(3, 3, 3, padding=1, groups=3)

        def forward(self, images):
            shown = self.act(images - 0.5)
            return self.each(shown) + shown

    model = Hidden().eval().requires_grad_(False)
    assert fused(model, SIZE) is model


def test_a_kernel_that_fails_leaves_the_model_and_warns_once(monkeypatch):
    def fail(*settings):
        raise RuntimeError("Failed to find C compiler.\nPlease specify via CC environment variable.")

    monkeypatch.setattr(fusing.Depthwise, "composed", fail)  # as Triton's kernel does on a GPU
    model = served()
    with pytest.warns(UserWarning, match=r"not fused.*\(RuntimeError: Failed to find C compiler\.\)$") as warned:
        assert fused(model, SIZE) is model
    assert len(warned) == 1


def test_a_cpu_is_served_without_them(machine):
    assert not any(kinds(serve(small_classifier(), SIZE, machine), kind) for kind in (Depthwise, Pointwise))


KERNEL = """
import math, torch, torch.nn.functional as F
from methods.depthwise import depthwise
draw = torch.Generator().manual_seed(0)
everything = (-math.inf, math.inf)
for shape, kernel, stride, padding in (
    ((2, 40, 9, 13), 3, (1, 1), (1, 1, 1, 1)),
    ((1, 32, 12, 12), 3, (2, 2), (0, 1, 0, 1)),
    ((1, 64, 7, 7), 5, (2, 1), (2, 2, 2, 2)),
):
    images = torch.randn(shape, generator=draw) * 4
    weight = torch.randn(shape[1], 1, kernel, kernel, generator=draw)
    bias = torch.randn(shape[1], generator=draw)
    for repeated in (False, True):
        for added, before, after in ((bias, (0, 6), (0, 6)), (None, everything, everything), (bias, (1, 2), (0, 9))):
            found = depthwise(images, weight, added, stride, padding, repeated, before, after)
            padded = F.pad(images.clamp(*before), padding, mode="replicate" if repeated else "constant")
            expected = F.conv2d(padded, weight, added, stride, groups=shape[1]).clamp(*after)
            assert found.shape == expected.shape and found.is_contiguous(memory_format=torch.channels_last)
            assert float((found - expected).abs().max()) < 2e-5, (shape, repeated, before)
images[0, 0, 3, 3] = math.nan
assert depthwise(images, weight, bias, (1, 1), (2, 2, 2, 2), False, (0, 6), (0, 6)).isnan().sum() == 25
"""


def test_the_kernel_is_the_convolution():
    pytest.importorskip("triton", reason="Triton, which comes with torch for NVIDIA GPUs, is not here")
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run([sys.executable, "-c", KERNEL], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_kernel_on_a_gpu(precision, images, targets):
    gpu = start("cuda", precision)
    model = gpu.place(folded(lively(Student(served(), CLASSES, SIZE)), SIZE)).requires_grad_(False)
    other, inputs = fused(model, SIZE), (images.cuda(), targets.cuda())
    assert kinds(other, Depthwise) == 18
    with torch.inference_mode(), gpu.autocast():
        same(other(*inputs), model(*inputs), 1e-5 if precision == "fp32" else 0.1)


@pytest.mark.gpu
def test_a_network_is_fused_for_a_gpu():
    gpu = start("cuda")
    model = serve(create("mobilenetv2_035", CLASSES), SIZE, gpu)
    assert kinds(model, Depthwise) == 17
    assert kinds(serve(deepcopy(model), SIZE, gpu), Depthwise) == 17


@pytest.mark.gpu
def test_maps_of_a_fused_surrogate(images, targets, seeds):
    gpu, method = start("cuda"), Surrogate()
    model = folded(lively(Student(served(), CLASSES, SIZE)), SIZE).requires_grad_(False)
    expected = method.explain(model, images, targets, seeds)
    found = method.explain(serve(model, SIZE, gpu), images.cuda(), targets.cuda(), seeds)
    assert float((found.cpu() - expected).abs().max()) < 1e-3
