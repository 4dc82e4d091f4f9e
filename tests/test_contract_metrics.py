"""Every metric keeps the contract of `Metric`: one number per image, and degenerate maps never win."""

import pytest
import torch

from bench.metrics.base import Metric
from methods.registry import build, names
from tests import planted

# These need room to rise (the whole planted image is classified rightly), ...
WITHOUT_ROOM = {"increase_in_confidence", "average_gain", "zoom_joint_accuracy"}
# ... and these judge how a method answers, not where its map lies.
INDIFFERENT = WITHOUT_ROOM | {"coherency", "sensitivity_mean", "sensitivity_max"}


@pytest.fixture(params=names(Metric))
def metric(request):
    return build(Metric, request.param, {})


def score(metric, saliency, batch=None):
    with torch.no_grad():
        return metric(planted.model(), batch or planted.batch(), saliency)


def ranking(metric):
    """The columns that rank maps, with the sign that makes larger better."""
    return {name: {"higher": 1, "lower": -1}[c.better] for name, c in metric.columns.items() if c.better != "neither"}


def signed_means(metric, saliency, batch=None):
    """Mean of each ranking column, signed so that larger is better."""
    values = score(metric, saliency, batch)
    return {name: sign * float(values[name].mean()) for name, sign in ranking(metric).items()}


def test_one_finite_number_per_image_and_column(metric):
    for saliency in planted.maps().values():
        values = score(metric, saliency)
        assert set(values) == set(metric.columns_for(planted.batch().part_names))
        assert set(metric.columns) <= set(values)
        for name, column in values.items():
            assert column.shape == (planted.COUNT,)
            assert torch.isfinite(column).all() or name not in metric.columns


def test_planted_maps_come_in_the_right_order(metric):
    means = {name: signed_means(metric, saliency, planted.batch(name)) for name, saliency in planted.maps().items()}
    for column in ranking(metric):
        order = [means[name][column] for name in ("truth", "blurred", "uniform", "inverted")]
        assert order == sorted(order, reverse=True), f"{column}: {order}"
        if column not in INDIFFERENT:
            assert order[0] > order[-1], column


@pytest.mark.parametrize("kind", ["zero", "flat", "negative", "single", "huge", "nan", "one nan"])
def test_degenerate_maps_never_crash_and_never_win(metric, kind):
    best = signed_means(metric, planted.maps()["truth"])
    saliency = torch.zeros(planted.COUNT, planted.SIZE, planted.SIZE)
    saliency += {"zero": 0.0, "flat": 0.5, "negative": -3.0, "huge": 1e30, "nan": float("nan")}.get(kind, 0.0)
    if kind == "single":
        saliency[:, 31, 31] = 1.0
    if kind == "one nan":
        saliency += planted.truth()
        saliency[:, 0, 0] = float("nan")
    values = score(metric, saliency)
    assert all(torch.isfinite(values[name]).all() for name in metric.columns)
    fixed = planted.batch("fixed", saliency)
    for name, mean in signed_means(metric, saliency, fixed).items():
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
    single = score(metric, saliency[1:2], batch.take(slice(1, 2)))
    for name in metric.columns:
        assert torch.allclose(whole[name][1:2], single[name], atol=1e-6)


def test_documentation(metric):
    assert type(metric).__doc__
    assert all(column.title and column.better in ("higher", "lower", "neither") for column in metric.columns.values())
