"""ROAD against brute force in float64."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from bench.metrics import road
from bench.metrics.base import Metric
from bench.metrics.road import Road
from methods import batch_size
from methods.errors import UserError
from methods.registry import build
from tests import planted
from tests.bench.test_imputation import brute_force_imputation
from tests.conftest import small_classifier


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
    monkeypatch.setattr(batch_size, "FIXED", 4)
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


@pytest.mark.parametrize(
    "settings", [{"percentages": []}, {"percentages": [0]}, {"percentages": [100]}, {"noise": -1}, {"tolerance": 0}]
)
def test_settings_are_checked(settings):
    with pytest.raises(UserError, match="road"):
        build(Metric, "road", settings)


def test_settings_are_read_from_plain_lists():
    assert build(Metric, "road", {"percentages": [20, 80]}) == Road((20, 80))
