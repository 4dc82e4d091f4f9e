"""Oracles of sparseness, part pointing, zoom and part effect."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import entropy, spearmanr
from torch import Tensor, nn

from bench.metrics._regions import hits
from bench.metrics.base import Batch
from bench.metrics.part_effect import PartEffect
from bench.metrics.part_pointing import PartPointing
from bench.metrics.sparseness import Sparseness
from bench.metrics.zoom import Zoom, heaviest_windows
from methods.classifier import Classifier
from tests import planted
from tests.conftest import CLASSES, small_classifier

NAN = float("nan")


def random_maps(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_sparseness_equals_brute_force():
    saliency = random_maps(3, 9, 11) ** 4 - 0.3
    values = Sparseness().score(planted.model(), planted.batch(), saliency)
    for i, one in enumerate(saliency.numpy()):
        x = (one.ravel() - one.min()) / (one.max() - one.min())
        gini = np.abs(x[:, None] - x).sum() / (2 * len(x) ** 2 * x.mean())
        assert float(values["gini"][i]) == pytest.approx(gini, abs=1e-12)
        assert float(values["entropy"][i]) == pytest.approx(entropy(x / x.sum()) / np.log(len(x)), abs=1e-12)


def test_sparseness_by_hand():
    saliency = torch.zeros(3, 4, 4, dtype=torch.float64)
    saliency[0, 1, 2] = 7  # one pixel has everything
    saliency[1, :2] = -2  # half of them have it, all alike
    values = Sparseness().score(planted.model(), planted.batch(), saliency)
    assert values["gini"].tolist() == pytest.approx([15 / 16, 0.5, 0], abs=1e-12)
    assert values["entropy"].tolist() == pytest.approx([0, np.log(8) / np.log(16), 1], abs=1e-12)


@pytest.mark.parametrize("tolerance", [0, 3, 5, 7.1, 15])
def test_part_pointing_equals_the_distance_transform(tolerance):
    """Levels of 0.1 give ties; parts are at every distance, the boundary of 3-4-5 triangles among them."""
    count, side, parts = 40, 24, 4
    saliency = (random_maps(count, side, side) * 10).floor() / 10
    saliency[10:] = 0
    for i, (row, column) in enumerate(random_maps(30, 2, seed=1).mul(side).long().tolist()):
        saliency[10 + i, row, column] = 1  # one maximum
    keypoints = (random_maps(count, parts, 2, seed=2) * side).floor() + 0.5
    keypoints[::3, 1] = NAN
    batch = replace(planted.batch(), keypoints=keypoints, part_names=("a", "b", "c", "d"))
    values = PartPointing(tolerance * 224 / side).score(planted.model(), batch, saliency)
    union = torch.zeros(count, side, side, dtype=torch.bool)
    for part, name in enumerate(batch.part_names):
        region = torch.zeros_like(union)
        for i in range(count):
            if keypoints[i, part].isfinite().all():
                region[i, int(keypoints[i, part, 1]), int(keypoints[i, part, 0])] = True
        union |= region
        expected = hits(saliency, region, tolerance * 224 / side * side / 224)
        expected[keypoints[:, part, 0].isnan()] = NAN
        torch.testing.assert_close(values[f"part_pointing:{name}"], expected, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(values["part_pointing"], hits(saliency, union, tolerance * 224 / side * side / 224))


def test_parts_pointed_at_are_described_and_not_ranked():
    columns = PartPointing().columns_for(("beak", "left eye"))
    assert list(columns) == ["part_pointing", "part_pointing:beak", "part_pointing:left eye"]
    assert columns["part_pointing:beak"].title == "Points at beak"
    assert [column.better for column in columns.values()] == ["higher", "neither", "neither"]
    assert list(PartPointing().columns_for(())) == ["part_pointing"]


def test_zoom_takes_the_heaviest_of_all_windows():
    saliency = random_maps(4, 13, 17) ** 3 - 5
    corners = heaviest_windows(saliency, 5, 7, slack=0)
    for one, corner in zip(saliency - saliency.amin((1, 2), keepdim=True), corners.tolist(), strict=True):
        sums = {(r, c): float(one[r : r + 5, c : c + 7].sum()) for r in range(9) for c in range(11)}
        assert tuple(corner) == max(sums, key=sums.get)


@pytest.mark.parametrize("noise", [0, 1e-3])
def test_zoom_centres_what_many_windows_hold(noise):
    saliency = noise * random_maps(3, 32, 32)
    saliency[0, 10:14, 18:22] += 1  # held by the windows whose corners are in rows 0 to 10, columns 6 to 16
    saliency[1, 31, 0] += 1  # held by one window
    saliency[2, 8, 4:28] += 1  # wider than a window: rows 0 to 8, columns 4 to 12 hold the most
    assert heaviest_windows(saliency, 16, 16, slack=0.01).tolist() == [[5, 11], [16, 0], [4, 8]]


def test_zoom_equals_brute_force():
    model, images = small_classifier().double(), random_maps(3, 3, 32, 32, seed=3)
    saliency = random_maps(3, 32, 32, seed=4) ** 2
    found: dict[str, list[Tensor]] = {"zoom_accuracy": [], "zoom_joint_accuracy": []}
    for label in range(CLASSES):
        batch = replace(planted.batch(), images=images, labels=torch.full((3,), label))
        with torch.inference_mode():
            for name, column in Zoom(side=0.4, slack=0).score(model, batch, saliency).items():
                found[name].append(column)
    side = 13  # 0.4 of 32 pixels
    for i, (image, one) in enumerate(zip(images, saliency, strict=True)):
        sums = {(r, c): float(one[r : r + side, c : c + side].sum()) for r in range(20) for c in range(20)}
        top, left = max(sums, key=sums.get)
        crop = F.interpolate(image[None, :, top : top + side, left : left + side], (32, 32), mode="bilinear")
        crop, whole = (model(x).softmax(1)[0] for x in (crop, image[None]))
        for name, expected in {"zoom_accuracy": crop, "zoom_joint_accuracy": (whole + crop) / 2}.items():
            assert torch.stack(found[name])[:, i].tolist() == F.one_hot(expected.argmax(), CLASSES).tolist()


class Brightness(nn.Module):
    """Probability of class 0 is the mean brightness, of class 1 the rest."""

    def forward(self, normalised: Tensor) -> Tensor:
        bright = normalised.mean((1, 2, 3))
        return torch.stack([bright, 1 - bright], 1).log()


def test_zoom_by_hand_asks_for_the_label_and_flat_maps_fail():
    """A quarter is bright (0.9), the rest 0.1, in all 0.3: with the crop 0.6 if bright and 0.2 if dark."""
    images = torch.full((3, 3, 32, 32), 0.1)
    images[:, :, 16:, :16] = 0.9
    labels, targets = torch.zeros(3, dtype=torch.int64), torch.ones(3, dtype=torch.int64)
    batch = replace(planted.batch(), images=images, labels=labels, targets=targets)
    saliency = torch.zeros(3, 32, 32)
    saliency[0, 16:, :16] = 1  # bright; the second map is dark, the third flat
    saliency[1, :16, 16:] = 1
    values = Zoom().score(Classifier(Brightness(), [0.0] * 3, [1.0] * 3), batch, saliency)
    assert values["zoom_accuracy"].tolist() == [1, 0, 0]
    assert values["zoom_joint_accuracy"].tolist() == [1, 0, 0]


def parts_world() -> tuple[Batch, Tensor]:
    """Eight images of 5 parts with hidden ones, unknown effects and ties, and a map for each."""
    generator = torch.Generator().manual_seed(5)
    segments = torch.randint(0, 6, (8, 16, 16), generator=generator, dtype=torch.uint8)
    segments[::2][segments[::2] == 3] = 0
    removed, swapped = ((random_maps(8, 5, seed=seed) * 5).round() / 5 for seed in (6, 7))
    removed[1, 0], swapped[2:4, 4] = NAN, NAN
    names, known = ("a", "b", "c", "d", "e"), random_maps(8, seed=8) / 2 + 0.5
    batch = replace(
        planted.batch(), segments=segments, removed=removed, swapped=swapped, probabilities=known, part_names=names
    )
    return batch, (random_maps(8, 16, 16, seed=9) * 4).round() / 4 - 1


@pytest.mark.filterwarnings("ignore:An input array is constant")  # SciPy's NaN is ours
@pytest.mark.parametrize("resolution", [0, 0.01, 0.3])
def test_part_effect_equals_brute_force(resolution):
    batch, saliency = parts_world()
    values = PartEffect(resolution).score(planted.model(), batch, saliency)
    for i, (segments, one) in enumerate(zip(batch.segments.numpy(), saliency.numpy(), strict=True)):
        scaled = (one - one.min()) / (one.max() - one.min())
        expected = {}
        for name, changed in (("removal", batch.removed), ("swap", batch.swapped)):
            effects = [float(batch.probabilities[i] - o) for o in changed[i]]
            effects = [0.0 if abs(effect) < resolution else effect for effect in effects]
            parts = [p for p in range(5) if (segments == p + 1).any() and not np.isnan(effects[p])]
            masses, effects = [scaled[segments == p + 1].sum() for p in parts], [effects[p] for p in parts]
            expected[f"{name}_correlation"] = spearmanr(masses, effects).statistic
            if name == "removal":
                helps = [max(0.0, effect) for effect in effects]
                shares = [mass / scaled.sum() for mass in masses]
                expected["effect_mass"] = sum(a * b for a, b in zip(shares, helps, strict=True)) / max(helps)
        for name, value in expected.items():
            assert float(values[name][i]) == pytest.approx(value, abs=1e-12, nan_ok=True), name
    assert all(values[name].isfinite().sum() > 4 for name in values)


def two_parts(removed: list[float], saliency: Tensor) -> dict[str, float]:
    """Score one 4 x 4 image whose left quarter is part a and whose next is part b; y is 0.9."""
    segments = torch.zeros(1, 4, 4, dtype=torch.uint8)
    segments[:, :, 0], segments[:, :, 1] = 1, 2
    effects = torch.tensor([removed], dtype=torch.float64)
    batch = replace(
        planted.batch(), segments=segments, removed=effects, swapped=effects, part_names=("a", "b"),
        probabilities=torch.tensor([0.9], dtype=torch.float64),
    )  # fmt: skip
    return {k: float(v) for k, v in PartEffect().score(planted.model(), batch, saliency.view(1, 4, 4)).items()}


def test_part_effect_by_hand():
    saliency = torch.zeros(4, 4, dtype=torch.float64)
    saliency[:, 0], saliency[0, 1], saliency[0, 3] = 1.0, 0.5, 0.5  # masses 4 and 0.5 of 5
    values = two_parts([0.1, 0.7], saliency)  # effects 0.8 and 0.2
    assert values["removal_correlation"] == values["swap_correlation"] == pytest.approx(1)
    assert values["effect_mass"] == pytest.approx((4 * 0.8 + 0.5 * 0.2) / 5 / 0.8)
    assert two_parts([0.8, 0.1], saliency)["removal_correlation"] == pytest.approx(-1)
    assert two_parts([0.9, 1.0], saliency)["removal_correlation"] == pytest.approx(1)


def test_part_effect_where_nothing_can_be_ranked():
    saliency = torch.eye(4, dtype=torch.float64)
    saliency[0, 0] = 0.5
    flat = torch.full((4, 4), 0.3, dtype=torch.float64)
    assert two_parts([0.1, 0.7], flat) == {"removal_correlation": 0, "swap_correlation": 0, "effect_mass": 0}
    for removed in ([0.895, 0.9], [NAN, 0.5]):  # no effect beyond the resolution; one part alone
        assert np.isnan(two_parts(removed, saliency)["removal_correlation"])
    assert np.isnan(two_parts([0.95, 1.0], saliency)["effect_mass"])  # removal helps the class
    batch = replace(planted.batch(), segments=None)
    assert all(v.isnan().all() for v in PartEffect().score(planted.model(), batch, planted.truth()).values())
