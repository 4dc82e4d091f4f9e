"""Brute-force and closed-form oracles of the metrics."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.integrate import trapezoid
from torch import nn

from bench.metrics._regions import hits
from bench.metrics.base import flat
from bench.metrics.confidence import Confidence
from bench.metrics.deletion import Deletion
from bench.metrics.insertion import Insertion
from bench.metrics.part_pointing import PartPointing
from bench.metrics.pointing import Pointing
from bench.metrics.telling_energy import TellingEnergy
from methods.classifier import Classifier
from methods.resize import upsample, upsample_maps
from tests import planted
from tests.conftest import small_classifier


def brute_force_curve(model, image, target, saliency, steps, start, fill, insert):
    """One pixel list at a time in numpy, float64, as the authors' loop does it."""
    order = np.argsort(-saliency.flatten().numpy(), kind="stable")
    step = math.ceil(len(order) / steps)
    current, other = (start.clone(), fill) if not insert else (fill.clone(), start)
    scores, counts = [], []
    for first in range(0, len(order) + step, step):
        done = min(first, len(order))
        state = current.clone().flatten(1)
        state[:, order[:done]] = other.flatten(1)[:, order[:done]]
        logits = model.logits_of_normalised(state.view(1, *start.shape))
        scores.append(float(logits.softmax(1)[0, target]))
        counts.append(done)
        if done == len(order):
            break
    return trapezoid(scores, np.array(counts) / len(order))


def double_batch():
    batch = planted.batch()
    return replace(batch, images=batch.images.double(), probabilities=batch.probabilities.double())


def test_deletion_equals_brute_force():
    model, batch = small_classifier().double(), double_batch()
    saliency = planted.maps()["blurred"].double()
    areas = Deletion(steps=10).score(model, batch, saliency)["deletion"]
    for i, area in enumerate(areas):
        normalised = model.normalise(batch.images[i : i + 1])[0]
        zeros = torch.zeros_like(normalised)
        expected = brute_force_curve(model, batch.images[i], 0, saliency[i], 10, normalised, zeros, insert=False)
        assert abs(float(area) - expected) < 1e-6


def test_insertion_equals_brute_force_with_the_authors_blur():
    model, batch = small_classifier().double(), double_batch()
    saliency = planted.maps()["uniform"].double()
    metric = Insertion(steps=7)
    areas = metric.score(model, batch, saliency)["insertion"]
    blurred = metric.blur(model.normalise(batch.images))
    for i, area in enumerate(areas):
        normalised = model.normalise(batch.images[i : i + 1])[0]
        expected = brute_force_curve(model, batch.images[i], 0, saliency[i], 7, normalised, blurred[i], insert=True)
        assert abs(float(area) - expected) < 1e-6


def test_blur_is_a_zero_padded_convolution_in_normalised_space():
    from scipy.ndimage import gaussian_filter

    impulse = np.zeros((11, 11))
    impulse[5, 5] = 1
    kernel = torch.from_numpy(gaussian_filter(impulse, 5.0))
    normalised = torch.randn(1, 3, 16, 16, dtype=torch.float64)
    weight = torch.zeros(3, 3, 11, 11, dtype=torch.float64)
    for c in range(3):
        weight[c, c] = kernel
    expected = F.conv2d(normalised, weight, padding=5)
    assert torch.allclose(Insertion().blur(normalised), expected, atol=1e-12)


class MeanBrightness(nn.Module):
    """Probability of class 0 is the image's mean brightness."""

    def forward(self, normalised):
        bright = normalised.mean((1, 2, 3)).clamp(1e-9, 1 - 1e-9)
        return torch.stack([bright.log(), (1 - bright).log()], 1)


def linear_world(brightness):
    model = Classifier(MeanBrightness(), [0.0] * 3, [1.0] * 3)
    batch = planted.batch()
    images = torch.full_like(batch.images, brightness)
    return model, replace(batch, images=images, probabilities=torch.full((planted.COUNT,), brightness))


def test_deletion_of_a_linear_model_by_hand():
    """Removing pixels of a constant image lowers its mean linearly: the area is half the start."""
    model, batch = linear_world(0.8)
    areas = Deletion(steps=28).score(model, batch, planted.maps()["uniform"])["deletion"]
    assert torch.allclose(areas, torch.full((planted.COUNT,), 0.4), atol=1e-6)


def test_confidence_by_hand():
    """A map that keeps a quarter of a constant image of brightness 0.8 leaves 0.2: a drop of 75 %."""
    model, batch = linear_world(0.8)
    saliency = torch.zeros(planted.COUNT, 32, 32)
    saliency[:, :16, :16] = 5.0
    values = Confidence().score(model, batch, saliency)
    assert torch.allclose(values["average_drop"], torch.full((3,), 75.0), atol=1e-4)
    assert values["increase_in_confidence"].tolist() == [0, 0, 0]
    assert values["average_gain"].tolist() == [0, 0, 0]
    lower = replace(batch, probabilities=torch.full((3,), 0.1))
    values = Confidence().score(model, lower, saliency)
    assert values["average_drop"].tolist() == [0, 0, 0]
    assert values["increase_in_confidence"].tolist() == [100, 100, 100]
    assert torch.allclose(values["average_gain"], torch.full((3,), 100 * 0.1 / 0.9), atol=1e-4)


def test_pointing_within_the_tolerance():
    saliency = torch.zeros(4, 32, 32)
    region = torch.zeros(4, 32, 32, dtype=torch.bool)
    region[:, 10, 10] = True
    for i, (row, column) in enumerate([(10, 10), (13, 10), (14, 10), (13, 11)]):
        saliency[i, row, column] = 1
    assert hits(saliency, region, 3.0).tolist() == [1, 1, 0, 0]


def test_pointing_counts_a_tie_only_if_every_maximum_hits():
    saliency = torch.zeros(2, 32, 32)
    saliency[:, 10, 10] = 1
    saliency[0, 10, 11] = 1
    saliency[1, 30, 30] = 1
    region = torch.zeros(2, 32, 32, dtype=torch.bool)
    region[:, 8:12, 8:12] = True
    assert hits(saliency, region, 0.0).tolist() == [1, 0]


def test_flat_maps_and_empty_regions_are_misses():
    region = torch.ones(1, 32, 32, dtype=torch.bool)
    assert hits(torch.full((1, 32, 32), 0.7), region, 5.0).tolist() == [0]
    assert hits(torch.rand(1, 32, 32), ~region, 5.0).tolist() == [0]


@pytest.mark.parametrize(("coarse", "size"), [(1, 32), (7, 299), (3, 100)])
def test_a_flat_map_stays_flat_at_the_size_of_the_image(coarse, size):
    values = torch.linspace(0.01, 3, 50).view(-1, 1, 1)
    large = upsample_maps(values.expand(-1, coarse, coarse), (size, size))
    assert torch.equal(large, values.expand(-1, size, size)) and flat(large).all()
    steep = torch.rand(4, 7, 7)
    assert torch.equal(upsample_maps(steep, (size, size)), upsample(steep, (size, size)))


def test_energy_pointing_by_hand_and_rows_are_y():
    batch = replace(planted.batch(), segments=None)  # the box: x 6 to 14, y 12 to 20
    saliency = torch.zeros(planted.COUNT, 32, 32)
    saliency[:, 12, 6] = 3.0  # inside: row 12, column 6
    saliency[:, 6, 12] = 1.0  # outside: a transposed box would count this one instead
    values = Pointing().score(planted.model(), batch, saliency)
    assert torch.allclose(values["energy_pointing"], torch.full((3,), 0.75))
    assert values["pointing"].tolist() == [1, 1, 1]


def test_nothing_to_point_at_is_not_a_number():
    batch = planted.batch()
    everything = replace(batch, segments=None, boxes=torch.tensor([[0.0, 0.0, 32.0, 32.0]]).expand(3, 4))
    unknown = replace(batch, segments=None, boxes=torch.full((3, 4), float("nan")))
    for case in (everything, unknown):
        values = Pointing().score(planted.model(), case, planted.maps()["truth"])
        assert torch.isnan(values["pointing"]).all()
        assert torch.isnan(values["energy_pointing"]).all()


def test_part_pointing_takes_visible_parts_only():
    batch = planted.batch()
    saliency = torch.zeros(3, 32, 32)
    saliency[0, 16, 10] = 1  # on the part
    saliency[1, 10, 16] = 1  # transposed: 8.5 px away
    saliency[2, 0, 0] = 1  # where NaN would land
    assert PartPointing(tolerance=15).score(planted.model(), batch, saliency)["part_pointing"].tolist() == [1, 0, 0]
    hidden = replace(batch, keypoints=torch.full((3, 3, 2), float("nan")))
    assert torch.isnan(PartPointing().score(planted.model(), hidden, saliency)["part_pointing"]).all()


def test_telling_energy_counts_the_telling_part_alone():
    batch = planted.batch()
    segments = batch.segments.clone()
    segments[:, 16:20] = torch.where(segments[:, 16:20] > 0, 2, 0).to(torch.uint8)  # lower half: part 1, not telling
    saliency = planted.truth()
    values = TellingEnergy().score(planted.model(), replace(batch, segments=segments), saliency)
    assert torch.allclose(values["telling_energy"], torch.full((3,), 0.5))
    untold = replace(batch, telling=torch.zeros(3, 2, dtype=torch.bool))
    assert torch.isnan(TellingEnergy().score(planted.model(), untold, saliency)["telling_energy"]).all()
    without = replace(batch, segments=None)
    assert torch.isnan(TellingEnergy().score(planted.model(), without, saliency)["telling_energy"]).all()
