"""Packed convolutions: the same function as the network they come from, also when its weights change."""

import math
import os
import pickle
import subprocess
import sys
from copy import deepcopy

import pytest
import torch
from timm.layers import Conv2dSame
from torch import nn

from bench.loading import serve
from methods import packing
from methods.classifier import create
from methods.folding import folded
from methods.packing import KEPT, Packed, packed
from methods.padding import KernelPadded, pad_kernels
from methods.randomisation import reinitialise
from methods.surrogate.student import Student
from tests.conftest import CLASSES, SIZE, small_classifier
from tests.methods.test_fusing import ARCHITECTURES, flat, kinds, lively, same, served

pytestmark = pytest.mark.skipif(not packing.available(), reason="torch is built without oneDNN here")
PLAIN = (nn.Conv2d, Conv2dSame, KernelPadded)


def as_exact(found, expected, exact):
    """Assert that `found` is as near to what float64 gives as torch's own operators are.

    How near these are depends on the network and the processor: 1e-7 to 1e-5 of the largest value.
    """
    for one, other, truth in zip(flat(found), flat(expected), flat(exact), strict=True):
        allowed = 4 * float((other - truth).abs().max()) + 1e-6 * float(truth.abs().max())
        assert float((one - truth).abs().max()) <= allowed <= 1e-3 * float(truth.abs().max())


@pytest.mark.parametrize("architecture", [*ARCHITECTURES, "vgg11", "resnet18"])
def test_a_packed_network_is_the_same_function(architecture, images):
    model = pad_kernels(served(architecture, **ARCHITECTURES.get(architecture, {})))
    other, exact, doubled = packed(model, SIZE), deepcopy(model).double(), images.double()
    assert kinds(other, Packed) and not any(kinds(other, kind) for kind in PLAIN) and not kinds(model, Packed)
    with torch.inference_mode():
        as_exact(other(images), model(images), exact(doubled))
        as_exact(other.features(images), model.features(images), exact.features(doubled))


@pytest.mark.parametrize(("architecture", "taken", "left"), [("mobilenetv2_035", 35, 0), ("resnet18", 9, 8)])
def test_activations_are_taken_where_nothing_lies_between(architecture, taken, left):
    """In a residual block of ResNet the sum does; its second activation stays."""
    model = packed(pad_kernels(served(architecture)), SIZE)
    found = [module for module in model.modules() if isinstance(module, Packed)]
    assert sum(module.activation is not None for module in found) == taken
    free = {m for m in model.modules() if type(m) in packing.NAMES} - {m.activation for m in found}
    assert len(free) == left


def test_a_packed_student_is_the_same_function(images, targets):
    model = pad_kernels(folded(lively(Student(served(), CLASSES, SIZE)), SIZE).requires_grad_(False))
    other = packed(model, SIZE)
    assert not any(kinds(other, kind) for kind in PLAIN)
    with torch.inference_mode():
        as_exact(other(images, targets), model(images, targets), deepcopy(model).double()(images.double(), targets))


def test_in_bf16_too(images):
    model = pad_kernels(served())
    other = packed(model, SIZE)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        found = other(images)
        assert found.dtype == torch.bfloat16
        same(found.float(), model(images).float(), 1e-2)


def test_weights_keep_their_names_order_and_shapes():
    model = served()
    expected = {name: one.shape for name, one in model.named_parameters()}
    assert {name: one.shape for name, one in packed(model, SIZE).named_parameters()} == expected


def test_gradients_are_the_same(images):
    model = pad_kernels(served("mobilenetv2_050", pad_type="same"))
    gradients = []
    for network in (model, packed(model, SIZE)):
        leaf = images.clone().requires_grad_()
        gradients.append(torch.autograd.grad(network(leaf).square().sum(), leaf)[0])
    same(gradients[1], gradients[0])
    asked = packed(model, SIZE).requires_grad_(True)
    assert asked(images).requires_grad


def convolution(activation=None, **settings):
    torch.manual_seed(0)
    plain = nn.Conv2d(4, 8, 3, padding=1, **settings).requires_grad_(False)
    return plain, Packed(deepcopy(plain), activation)


@pytest.mark.parametrize("activation", [None, nn.ReLU(), nn.ReLU6()])
@pytest.mark.parametrize(
    "settings",
    [{}, {"stride": 2}, {"groups": 4}, {"padding_mode": "replicate"}, {"bias": False}, {"dilation": 2}],
)
def test_every_kind_of_convolution(activation, settings):
    plain, other = convolution(activation, **settings)
    for shape in [(1, 4, 9, 7), (5, 4, 16, 16)]:
        images = 20 * torch.randn(shape)
        expected = plain(images) if activation is None else activation(plain(images))
        same(other(images), expected)


@pytest.mark.parametrize("size", [(32, 32), (33, 31)])
def test_padding_that_is_not_the_same_on_both_sides(size):
    plain = Conv2dSame(4, 8, 3, 2).requires_grad_(False)
    images = torch.randn(2, 4, *size)
    same(Packed(KernelPadded(plain))(images), plain(images))


@pytest.mark.parametrize("change", ["copy", "data", "parameter", "addition"])
def test_weights_that_change_are_packed_again(change):
    plain, other = convolution()
    images, drawn = torch.randn(2, 4, 8, 8), torch.randn(plain.weight.shape)
    before = other(images)
    for network in (plain, other):
        if change == "copy":
            network.weight.copy_(drawn)
        elif change == "data":
            network.weight.data = drawn.clone()
        elif change == "parameter":
            network.weight = nn.Parameter(drawn.clone(), requires_grad=False)
        else:
            network.bias += 1
    assert not torch.allclose(other(images), before)
    same(other(images), plain(images))


def test_a_network_forgets_what_it_learned_layer_by_layer(images):
    """As the model parameter randomisation test does: each layer while its neighbours are packed."""
    model = pad_kernels(served())
    other = packed(model, SIZE)
    chosen = [(model.get_submodule(name), one) for name, one in other.named_modules() if isinstance(one, Packed)][::12]
    with torch.no_grad():
        for one, two in chosen:
            other(images)
            for layer in (one, two):
                reinitialise(layer, torch.Generator().manual_seed(3))
            same(other(images), model(images))


def test_few_layouts_are_kept():
    plain, other = convolution()
    for count in (1, 2, 3, 4, 2, 1):
        images = torch.randn(count, 4, 8, 8)
        same(other(images), plain(images))
    assert len(other._layouts.known) == KEPT


def test_one_layout_is_made_for_images_of_one_shape(monkeypatch):
    _, other = convolution()
    made, pack = [], Packed._packed
    monkeypatch.setattr(Packed, "_packed", lambda self, images: made.append(images.shape) or pack(self, images))
    for count in (1, 16, 16, 1, 16):
        other(torch.randn(count, 4, 8, 8))
    assert len(made) == 2


@pytest.mark.parametrize("where", ["weight", "bias"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_broken_weight_shows(where, value):
    """OneDNN's activations turn NaN into a number; a diverged network must not look like a sound one."""
    _, other = convolution(nn.ReLU())
    images = torch.randn(2, 4, 8, 8)
    other(images)
    getattr(other, where).view(-1)[0] = value
    assert not other(images).isfinite().all()


def test_a_network_that_is_broken_from_the_start_shows(machine, images):
    model = small_classifier()
    next(module for module in model.modules() if isinstance(module, nn.Conv2d)).weight.data[0] = math.nan
    assert not serve(model, SIZE, machine)(images).isfinite().all()


def test_copies_and_pickles_are_packed_anew():
    _, other = convolution(nn.ReLU())
    images = torch.randn(2, 4, 8, 8)
    expected = other(images)
    for twin in (deepcopy(other), pickle.loads(pickle.dumps(other))):
        assert twin._layouts is None
        assert torch.equal(twin(images), expected)
        twin.weight.mul_(2)
        assert torch.equal(other(images), expected) and not torch.equal(twin(images), expected)


PROCESSOR = """
import torch
from methods.classifier import create
from methods.folding import folded
from methods.packing import Packed, packed, types
assert types() == (torch.float32,)
torch.manual_seed(0)
model = packed(folded(create("test_resnet", 3), 32).requires_grad_(False), 32)
assert any(isinstance(module, Packed) for module in model.modules())
images = torch.rand(2, 3, 32, 32)
with torch.inference_mode():
    whole = model(images)
    with torch.autocast("cpu", torch.bfloat16):
        half = model(images)
assert half.dtype == torch.bfloat16 and not torch.equal(half.float(), whole)
assert float((half - whole).abs().max()) <= 0.05 * float(whole.abs().max())
"""


def test_a_processor_that_does_not_pack_bf16_runs_it_by_torchs_operators():
    """As most desktop processors: oneDNN's operators refuse it without AVX-512 or its like."""
    environment = {**os.environ, "ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"}
    done = subprocess.run([sys.executable, "-c", PROCESSOR], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_double_precision_takes_torchs_operators(images):
    model = pad_kernels(served())
    same(packed(model, SIZE).double()(images.double()), model.double()(images.double()), 1e-12)


def test_an_activation_called_twice_or_read_elsewhere_stays(images):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.third = (nn.Conv2d(n, 8, 1) for n in (3, 8, 8))
            self.act, self.own = nn.ReLU(), nn.ReLU()

        def forward(self, images):
            shown = self.act(self.second(self.act(self.first(images))))
            before = self.third(shown)
            return self.own(before) + before

    torch.manual_seed(0)
    model = Twice().eval().requires_grad_(False)
    other = packed(model, SIZE)
    assert kinds(other, nn.ReLU) == 2 and kinds(other, Packed) == 3
    same(other(images), model(images))


def test_without_the_operators_a_cpu_is_served_by_torchs_own(machine, images, monkeypatch):
    monkeypatch.setattr(packing, "available", lambda: False)
    model = serve(small_classifier(), SIZE, machine)
    assert not kinds(model, Packed)
    monkeypatch.undo()
    same(serve(small_classifier(), SIZE, machine)(images), model(images))


def test_an_operator_that_fails_leaves_the_model_and_warns_once(monkeypatch):
    def fail(self, images):
        raise RuntimeError("could not create a primitive.\nOn this processor.")

    monkeypatch.setattr(Packed, "_packed", fail)
    model = pad_kernels(served())
    with pytest.warns(UserWarning, match=r"not packed.*\(RuntimeError: could not create a primitive\.\)$") as warned:
        assert packed(model, SIZE) is model
    assert len(warned) == 1


def test_weights_made_in_inference_mode_serve(images):
    with torch.inference_mode():
        model = pad_kernels(served())
        same(packed(model, SIZE)(images), model(images))


@pytest.mark.parametrize("architecture", ["mobilenetv2_035", "resnet18"])
def test_a_cpu_serves_packed_networks_which_may_be_served_again(architecture, machine, images):
    model = create(architecture, CLASSES)
    once = serve(model, SIZE, machine)
    again = serve(once, SIZE, machine)
    assert kinds(model, Packed) == 0 < kinds(once, Packed) == kinds(again, Packed)
    assert torch.equal(again(images), once(images))
