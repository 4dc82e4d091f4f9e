"""Every metric keeps the contract of `Metric`: one number per image, and degenerate maps never win."""

from dataclasses import replace

import pytest
import torch

from bench.metrics.base import Metric
from methods.registry import build, names
from tests import planted


@pytest.fixture(params=names(Metric))
def metric(request):
    return build(Metric, request.param, {})


def score(metric, saliency, batch=None):
    with torch.inference_mode():
        return metric.score(planted.model(), batch or planted.batch(), saliency)


def signed_means(metric, saliency):
    """Mean per column, signed so that larger is better."""
    sign = {name: 1 if column.better == "higher" else -1 for name, column in metric.columns.items()}
    return {name: sign[name] * float(values.mean()) for name, values in score(metric, saliency).items()}


def test_one_finite_number_per_image_and_column(metric):
    for saliency in planted.maps().values():
        values = score(metric, saliency)
        assert set(values) == set(metric.columns)
        for column in values.values():
            assert column.shape == (planted.COUNT,)
            assert torch.isfinite(column).all()


def test_planted_maps_come_in_the_right_order(metric):
    means = {name: signed_means(metric, saliency) for name, saliency in planted.maps().items()}
    for column in metric.columns:
        order = [means[name][column] for name in ("truth", "blurred", "uniform", "inverted")]
        assert order == sorted(order, reverse=True), f"{column}: {order}"
        if column not in ("increase_in_confidence", "average_gain"):  # which need room to rise
            assert order[0] > order[-1], column


@pytest.mark.parametrize("kind", ["zero", "flat", "negative", "single", "huge"])
def test_degenerate_maps_never_crash_and_never_win(metric, kind):
    best = signed_means(metric, planted.maps()["truth"])
    saliency = torch.zeros(planted.COUNT, planted.SIZE, planted.SIZE)
    saliency += {"zero": 0.0, "flat": 0.5, "negative": -3.0, "single": 0.0, "huge": 1e30}[kind]
    if kind == "single":
        saliency[:, 31, 31] = 1.0
    values = score(metric, saliency)
    assert all(torch.isfinite(column).all() for column in values.values())
    for name, mean in signed_means(metric, saliency).items():
        assert mean <= best[name], f"a {kind} map wins on {name}"


def test_inputs_and_model_are_left_as_found(metric):
    batch, saliency = planted.batch(), planted.maps()["blurred"]
    images, before = batch.images.clone(), saliency.clone()
    score(metric, saliency, batch)
    assert torch.equal(batch.images, images)
    assert torch.equal(saliency, before)


def test_images_are_scored_on_their_own(metric):
    batch, saliency = planted.batch(), planted.maps()["uniform"]
    whole = score(metric, saliency, batch)
    one = replace(
        batch, **{name: getattr(batch, name)[1:2] for name in vars(batch) if getattr(batch, name) is not None}
    )
    single = score(metric, saliency[1:2], one)
    for name in metric.columns:
        assert torch.allclose(whole[name][1:2], single[name], atol=1e-6)


def test_documentation(metric):
    assert type(metric).__doc__
    assert all(column.title and column.better in ("higher", "lower") for column in metric.columns.values())
