"""The same seed gives the same map: whatever the copies per forward pass, the threads, the batch and the device.

To the last bit where nothing changes (see the contract tests); else to rounding, 1e-5 of the map's largest value in
float32, since convolutions of another size or device sum in another order.
"""

import pytest
import torch

from methods import batch_size
from methods.explainers.grad_cam import GradCam
from methods.explainers.grad_cam_plus_plus import GradCamPlusPlus
from methods.explainers.rise import Rise
from methods.explainers.score_cam import ScoreCam
from methods.explainers.surrogate import Surrogate
from methods.random_masks import random_masks
from methods.runtime import start
from tests.conftest import SIZE

METHODS = [GradCam(), GradCamPlusPlus(), ScoreCam(), Rise(masks=70), Surrogate()]
TOLERANCE, ON_A_GPU = 1e-5, 1e-3  # of the largest value; a GPU may multiply in TF32 or by another algorithm


@pytest.fixture(params=METHODS, ids=lambda method: type(method).__name__)
def method(request):
    return request.param


@pytest.fixture
def network(method, classifier):
    """What the method reads: the classifier, or a student that has learned nothing yet but explains already."""
    objective = method.objective(classifier, SIZE)
    return classifier if objective is None else objective.trained.eval().requires_grad_(False)


@pytest.mark.parametrize("size", [1, 9, 128])
def test_copies_per_forward_pass_do_not_matter(method, network, images, targets, seeds, monkeypatch, size):
    expected = method.explain(network, images, targets, seeds)
    monkeypatch.setattr(batch_size, "FIXED", size)
    close(method.explain(network, images, targets, seeds), expected, TOLERANCE)


@pytest.mark.parametrize("size", [1, 9, 128])
def test_random_masks_are_the_same_to_the_last_bit(monkeypatch, size):
    def masks():
        drawn = list(random_masks(70, 7, 0.5, (45, 32), 3, torch.device("cpu")))
        return torch.cat([some.rows for some in drawn]), torch.cat([some.columns for some in drawn])

    expected = masks()
    monkeypatch.setattr(batch_size, "FIXED", size)
    assert all(torch.equal(one, other) for one, other in zip(masks(), expected, strict=True))


def test_threads_do_not_matter(method, network, images, targets, seeds):
    expected, threads = method.explain(network, images, targets, seeds), torch.get_num_threads()
    torch.set_num_threads(1 if threads > 1 else 2)
    try:
        close(method.explain(network, images, targets, seeds), expected, TOLERANCE)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.gpu
def test_device_does_not_matter(method, network, images, targets, seeds):
    expected, gpu = method.explain(network, images, targets, seeds), start("cuda")
    try:
        model = gpu.place(network)
        found = method.explain(model, images.to(gpu.device), targets.to(gpu.device), seeds)
    finally:
        network.to("cpu")
    close(found.cpu(), expected, ON_A_GPU)


def close(found, expected, tolerance):
    assert float((found - expected).abs().max()) <= tolerance * float(expected.abs().max())
