"""ROAD and its linear imputation against brute force in float64."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from scipy.sparse import lil_matrix
from scipy.sparse.linalg import spsolve

from bench.metrics import _imputation, road
from bench.metrics._imputation import impute
from bench.metrics.base import Metric
from bench.metrics.road import Road
from methods import masking
from methods.errors import UserError
from methods.registry import build
from tests import planted
from tests.conftest import small_classifier


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


def brute_force_road(model, image, target, saliency, percentages, noise):
    """Copy by copy; `noise` [3, H, W] is added to the imputed pixels; returns both means."""
    order, total = np.argsort(-saliency.flatten().numpy(), kind="stable"), saliency.numel()
    means = []
    for lerf in (False, True):
        scores = []
        for p in percentages:
            count = round(total * p / 100)
            missing = torch.zeros(total, dtype=torch.bool)
            missing[order[total - count :] if lerf else order[:count]] = True
            missing = missing.view_as(saliency)
            copy = brute_force_imputation(model.normalise(image.unsqueeze(0))[0], missing) + noise * missing
            scores.append(float(model.logits_of_normalised(copy.unsqueeze(0)).softmax(1)[0, target]))
        means.append(np.mean(scores))
    return means


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_road_equals_brute_force(noise):
    model, batch = small_classifier().double(), planted.batch()
    batch = replace(batch, images=batch.images.double(), targets=torch.tensor([0, 3, 4]))
    saliency, percentages = planted.maps()["blurred"], (10, 50, 90)
    values = Road(percentages, noise, 1e-9).score(model, batch, saliency)
    for i, seed in enumerate(batch.seeds.tolist()):
        generator = torch.Generator().manual_seed(seed)
        drawn = noise * torch.randn(3, planted.SIZE, planted.SIZE, generator=generator).double()
        expected = brute_force_road(model, batch.images[i], batch.targets[i], saliency[i], percentages, drawn)
        found = [float(values[name][i]) for name in ("road_morf", "road_lerf")]
        assert np.allclose(found, expected, atol=1e-6)


def test_memory_is_bounded_by_the_chunk_and_not_by_the_percentages(monkeypatch):
    model, batch, saliency, sizes = small_classifier(), planted.batch(), planted.maps()["blurred"], []
    metric = Road(tuple(range(10, 95, 5)), noise=0.0)
    whole = metric.score(model, batch, saliency)
    monkeypatch.setattr(masking, "CPU_CHUNK", 4)
    one = road.impute
    monkeypatch.setattr(road, "impute", lambda image, some, *rest: sizes.append(len(some)) or one(image, some, *rest))
    chunked = metric.score(model, batch, saliency)
    assert set(sizes) == {4, 2}
    for name, values in whole.items():
        assert torch.allclose(chunked[name], values, atol=metric.tolerance)


def test_noise_follows_the_seed_alone():
    model, batch, saliency = small_classifier(), planted.batch(), planted.maps()["uniform"]
    metric = Road(noise=0.5)
    whole, again = (metric.score(model, batch, saliency)["road_morf"] for _ in range(2))
    assert torch.equal(whole, again)
    last = slice(2, 3)
    alone = metric.score(model, batch.take(last), saliency[last])["road_morf"]
    assert torch.allclose(whole[last], alone, atol=1e-6)
    other = metric.score(model, replace(batch, seeds=batch.seeds + 1), saliency)["road_morf"]
    assert not torch.allclose(whole, other, atol=1e-6)


def test_planted_maps_come_in_order_in_both_directions():
    means = [Road().score(planted.model(), planted.batch(), saliency) for saliency in planted.maps().values()]
    morf, lerf = ([float(values[name].mean()) for values in means] for name in ("road_morf", "road_lerf"))
    assert morf == sorted(morf)
    assert lerf == sorted(lerf, reverse=True)
    assert morf[0] + 0.1 < morf[-1]
    assert lerf[0] > lerf[-1] + 0.1


@pytest.mark.parametrize("value", [0.0, 1e30, -3.0])
def test_flat_maps_are_scored_and_do_not_win(value):
    flat = torch.full((planted.COUNT, planted.SIZE, planted.SIZE), value)
    values, best = (Road()(planted.model(), planted.batch(), m) for m in (flat, planted.maps()["truth"]))
    assert torch.isfinite(torch.stack(list(values.values()))).all()
    assert values["road_morf"].mean() > best["road_morf"].mean()
    assert values["road_lerf"].mean() < best["road_lerf"].mean()


@pytest.mark.parametrize("settings", [{"percentages": [0]}, {"percentages": [100]}, {"noise": -1}, {"tolerance": 0}])
def test_settings_are_checked(settings):
    with pytest.raises(UserError, match="road"):
        build(Metric, "road", settings)


def test_settings_are_read_from_plain_lists():
    assert build(Metric, "road", {"percentages": [20, 80]}) == Road((20, 80))
