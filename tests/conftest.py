"""Small networks and images that the tests share."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from methods import runtime
from methods.classifier import Classifier, create

SIZE, CLASSES = 32, 5
ROOT = Path(__file__).parents[1]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Draw the same numbers whatever ran before; `pytest -m gpu` runs what needs a GPU."""
    torch.manual_seed(0)
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("no GPU here")


@pytest.fixture(scope="session", autouse=True)
def machine() -> runtime.Runtime:
    """Return the CPU runtime; the allocator is set up as in the stages."""
    return runtime.start("cpu")


def small_classifier(seed: int = 0) -> Classifier:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = create("test_resnet", CLASSES, arguments={"output_stride": 8}).eval()
        for module in model.modules():  # random statistics: features differ between channels and places
            if isinstance(module, torch.nn.BatchNorm2d):
                torch.nn.init.uniform_(module.weight, 0.5, 1.5)
                torch.nn.init.uniform_(module.bias, -0.5, 0.5)
        torch.nn.init.normal_(model.backbone.get_classifier().weight, std=0.5)
    return model.requires_grad_(False)


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    return small_classifier()


@pytest.fixture
def images() -> Tensor:
    return torch.rand(4, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def targets() -> Tensor:
    return torch.tensor([0, 3, 1, 4])


@pytest.fixture
def seeds() -> Tensor:
    return torch.tensor([11, 12, 13, 14])
