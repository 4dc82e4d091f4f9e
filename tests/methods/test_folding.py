"""A folded network is the same function without batch norms, and the original is untouched."""

import pytest
import timm
import torch
from torch import nn

from methods.classifier import create
from methods.folding import folded
from methods.surrogate.student import Student


def settled(model: nn.Module) -> nn.Module:
    """Give every batch norm statistics and an affine part of its own."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for norm in model.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.running_mean.normal_(0, 0.3, generator=generator)
                norm.running_var.uniform_(0.5, 2, generator=generator)
                norm.weight.uniform_(0.5, 2, generator=generator)
                norm.bias.normal_(0, 0.3, generator=generator)
    return model.eval()


def norms(model: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())


@pytest.mark.parametrize("architecture", ["mobilenetv2_100", "resnet18", "test_efficientnet", "test_vit"])
def test_same_function_and_gradient_without_batch_norm(architecture):
    arguments = {"global_pool": "avg"} if "vit" in architecture else {}
    model = settled(create(architecture, 5, arguments=arguments)).double()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    size = timm.get_pretrained_cfg(architecture).input_size[-1] if "vit" in architecture else 64
    quick = folded(model, size)
    assert norms(quick) == 0
    images = torch.rand(2, 3, size, size, dtype=torch.float64).requires_grad_()
    outcomes = [(m(images), *torch.autograd.grad(m(images).logsumexp(1).sum(), images)) for m in (model, quick)]
    for before, after in zip(*outcomes, strict=True):
        assert torch.allclose(before, after, atol=1e-9 * float(before.detach().abs().max()))
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    assert torch.allclose(quick.head(quick.features(images)), quick(images))


def test_a_student_keeps_both_outputs():
    student = settled(Student(create("test_resnet", 5), 5, 64, width=8))
    quick = folded(student, 64)
    assert norms(quick) < norms(student)
    images = torch.rand(3, 3, 64, 64)
    for before, after in zip(student(images), quick(images), strict=True):
        assert torch.allclose(before, after, atol=1e-4)


class Fork(nn.Module):
    """A convolution whose output is used twice cannot take in the batch norm that reads it."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        shared = self.convolution(images)
        return self.norm(shared) + shared


def test_a_network_that_cannot_be_folded_is_returned_as_it_is():
    model = settled(Fork())
    quick = folded(model, 16)
    images = torch.rand(2, 3, 16, 16)
    assert norms(quick) == 1
    assert torch.equal(quick(images), model(images))
