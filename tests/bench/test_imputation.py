"""The imputation of missing pixels against a sparse solve in float64."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy.sparse import lil_matrix
from scipy.sparse.linalg import spsolve

from bench.metrics import _imputation, _imputation_tensors
from bench.metrics._imputation import impute


def brute_force_imputation(image, missing):
    """One equation per missing pixel, in float64, as the authors' code sets them up; [C, H, W], [H, W] -> [C, H, W]."""
    height, width = missing.shape
    number = {place: i for i, place in enumerate(zip(*np.nonzero(missing.numpy()), strict=True))}
    system, right = lil_matrix((len(number), len(number))), np.zeros((len(number), len(image)))
    for (y, x), i in number.items():
        for dy, dx in product((-1, 0, 1), repeat=2):
            near = (y + dy, x + dx)
            if (dy, dx) == (0, 0) or not (0 <= near[0] < height and 0 <= near[1] < width):
                continue
            weight = 1 / 6 if 0 in (dy, dx) else 1 / 12
            system[i, i] += weight
            if near in number:
                system[i, number[near]] -= weight
            else:
                right[i] += weight * image[:, near[0], near[1]].double().numpy()
    filled = image.double().clone()
    filled[:, missing] = torch.from_numpy(spsolve(system.tocsc(), right).reshape(right.shape)).T
    return filled


def picture(height=40, width=40):
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(5), dtype=torch.float64) * 4 - 2


def holes(height=40, width=40):
    """Missing pixels of many kinds, [n, H, W]."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    noise = torch.rand(height, width, generator=torch.Generator().manual_seed(6))
    return {
        "centre": (y - height / 2) ** 2 + (x - width / 2) ** 2 < (height / 3) ** 2,
        "border": (y < height * 0.7) & (x > width * 0.4),
        "corner": (y < 2) & (x < 2),
        "scattered": noise < 0.3,
        "mostly scattered": noise < 0.95,
        "mixed": noise + (y / height) > 0.8,
        "stripes": y % 3 > 0,
        "half": x >= width // 2,
        "two regions": (x // (width // 5)) % 2 == 0,
        "all but one": (y != 3) | (x != 7),
        "none": noise > 2,
    }


@pytest.mark.parametrize("kind", holes())
def test_imputation_equals_a_sparse_solve(kind):
    image, missing = picture(), holes()[kind]
    expected = brute_force_imputation(image, missing) if missing.any() else image
    filled = impute(image, missing.unsqueeze(0), 1e-8)[0]
    assert (filled - expected).abs().max() < 1e-6
    assert torch.equal(filled[:, ~missing], image[:, ~missing])


@pytest.mark.parametrize("size", [(37, 40), (41, 29), (17, 16), (9, 5), (2, 2), (1, 12), (12, 1), (64, 6)])
def test_imputation_of_any_size(size):
    image, missing = picture(*size), torch.rand(size, generator=torch.Generator().manual_seed(7)) < 0.6
    missing.view(-1)[0] = False
    filled = impute(image, missing.unsqueeze(0), 1e-8)[0]
    assert (filled - brute_force_imputation(image, missing)).abs().max() < 1e-6


def test_copies_together_equal_copies_alone():
    image, missing = picture(), torch.stack(list(holes().values()))
    together = impute(image, missing, 1e-9)
    for filled, one in zip(together, missing, strict=True):
        assert torch.allclose(filled, impute(image, one.unsqueeze(0), 1e-9)[0], atol=1e-7)


@pytest.mark.parametrize("kind", holes())
def test_error_at_a_coarse_tolerance_is_of_its_order(kind):
    image, missing = picture(), holes()[kind].unsqueeze(0)
    error = impute(image.float(), missing, 0.01).double() - impute(image, missing, 1e-9)
    assert error.abs().max() < 0.01
    assert error.square().mean().sqrt() < 0.003


@pytest.mark.parametrize("kind", holes())
def test_a_constant_image_is_imputed_exactly(kind):
    image = torch.tensor([0.3, -1.2, 2.0]).view(3, 1, 1).expand(3, 40, 40)
    assert torch.allclose(impute(image, holes()[kind].unsqueeze(0)), image.unsqueeze(0), atol=1e-5)


@pytest.mark.parametrize("kind", ["centre", "scattered"])
def test_a_ramp_is_reproduced_inside_the_image(kind):
    y, x = torch.meshgrid(torch.arange(40.0), torch.arange(40.0), indexing="ij")
    image = torch.stack([x, y, 2 * x - y]).double() / 10
    missing = holes()[kind]
    missing[0], missing[-1], missing[:, 0], missing[:, -1] = False, False, False, False
    assert torch.allclose(impute(image, missing.unsqueeze(0), 1e-9)[0], image, atol=1e-7)


@pytest.mark.parametrize("kind", holes())
def test_the_solver_of_other_devices_agrees(kind):
    image, missing = picture(), holes()[kind].unsqueeze(0)
    expected = impute(image, missing, 1e-9)
    for dtype, tolerance, bound in ((torch.float64, 1e-8, 1e-6), (torch.float32, 0.01, 0.01)):
        settings = (tolerance, _imputation.STEP, _imputation.PINNING, _imputation.ITERATIONS)
        filled = _imputation_tensors.impute(image.to(dtype), missing, settings)
        assert (filled.double() - expected).abs().max() < bound


@pytest.mark.gpu
def test_a_gpu_agrees():
    image, missing = picture(), torch.stack(list(holes().values()))
    filled = impute(image.cuda(), missing.cuda(), 1e-8)
    assert filled.is_cuda
    assert (filled.cpu() - impute(image, missing, 1e-9)).abs().max() < 1e-6


def test_a_copy_depends_on_neither_the_others_nor_the_threads():
    image, missing, threads = picture().float(), torch.stack(list(holes().values())), torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        together = impute(image, missing)
        torch.set_num_threads(1)
        alone = torch.cat([impute(image, one.unsqueeze(0)) for one in missing])
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(together, alone)


def test_a_nan_is_an_error_and_not_a_result():
    image, missing = picture(), holes()["scattered"].unsqueeze(0)
    image[1, ~missing[0]] = float("nan")
    with pytest.raises(RuntimeError, match="still changes"):
        impute(image, missing)


def test_nothing_known_is_an_error():
    with pytest.raises(ValueError, match="without a known pixel"):
        impute(picture(), torch.ones(2, 40, 40, dtype=torch.bool))


def test_no_convergence_is_an_error(monkeypatch):
    monkeypatch.setattr(_imputation, "ITERATIONS", 2)
    with pytest.raises(RuntimeError, match="after 2 iterations"):
        impute(picture(), holes()["centre"].unsqueeze(0), 1e-9)


def test_autocast_does_not_round_the_imputation():
    image, missing = picture().float(), holes()["centre"].unsqueeze(0)
    with torch.autocast("cpu", torch.bfloat16):
        inside = impute(image, missing)
    assert torch.equal(inside, impute(image, missing))
