"""Planted maps on drawn birds, whose telling part is known: the one on that part comes first."""

import pandas as pd
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from bench.datasets.base import Sample
from bench.datasets.parts import Parts
from bench.metrics.base import Batch, Metric
from bench.metrics.part_effect import PartEffect
from bench.metrics.part_pointing import PartPointing
from bench.metrics.pointing import Pointing
from bench.metrics.telling_energy import TellingEnergy
from methods.classifier import Classifier
from methods.masking import class_probabilities
from tests import planted
from tests.bench.test_more_metrics import random_maps

NAN = float("nan")
SIZE = 64


class Templates(nn.Module):
    """Logits `-k |x - x_c|^2` for a drawn bird and for the same with its twin's telling part; 0.98 for itself."""

    def __init__(self, own: Tensor, twin: Tensor) -> None:
        super().__init__()
        self.templates, self.k = torch.stack([own, twin]), 4 / (own - twin).square().sum()

    def forward(self, normalised: Tensor) -> Tensor:
        return -self.k * (normalised.unsqueeze(1) - self.templates).square().sum((2, 3, 4))


def pixels(sample: Sample) -> Tensor:
    return torch.from_numpy(sample.image.transpose(2, 0, 1).copy()).double() / 255


def drawn(data: Parts, row: pd.Series) -> tuple[Classifier, Batch]:
    """One bird with the true effect of each of its parts on a classifier that knows the telling part alone."""
    sample, (telling,) = data.read(None, row, SIZE), row["telling"]
    images, target = pixels(sample).unsqueeze(0), torch.zeros(1, dtype=torch.int64)
    twin = pixels(data.intervene(row, SIZE, telling, "swap"))
    model = Classifier(Templates(images[0], twin), [0.0] * 3, [1.0] * 3)
    changed = {}
    for action in ("remove", "swap"):
        others = torch.stack([pixels(data.intervene(row, SIZE, part, action)) for part in data.part_names])
        changed[action] = class_probabilities(model, others, target.expand(len(others))).unsqueeze(0)
    keypoints = torch.tensor([[sample.keypoints.get(part, (NAN, NAN)) for part in data.part_names]])
    return model, Batch(
        images=images,
        targets=target,
        labels=target,
        probabilities=class_probabilities(model, images, target),
        seeds=torch.tensor([int(row.name)]),
        boxes=torch.tensor([sample.box]),
        keypoints=keypoints,
        segments=torch.from_numpy(sample.segments).unsqueeze(0),
        telling=torch.tensor([[part == telling for part in data.part_names]]),
        removed=changed["remove"],
        swapped=changed["swap"],
        part_names=data.part_names,
        method=planted.batch().method,
    )


def plant(batch: Batch) -> dict[str, Tensor]:
    """Maps of one drawn bird, the best first; the truth is highest on the telling part's key point."""
    (part,) = batch.telling[0].nonzero().flatten().tolist()
    truth = (batch.segments == part + 1).double()
    x, y = batch.keypoints[0, part].long().tolist()
    peaked = truth.clone()
    peaked[0, y, x] += 0.01
    blurred = torch.from_numpy(gaussian_filter(truth.numpy(), (0, 3, 3)))
    noise = random_maps(1, SIZE, SIZE, seed=int(batch.seeds))
    return {"truth": peaked, "blurred": blurred, "uniform": noise, "inverted": 1 - truth}


@pytest.fixture(scope="module")
def birds() -> pd.DataFrame:
    """Return every column of planted maps on three birds of each of 14 classes, a row per bird and map."""
    data, rows = Parts(classes=14, images_per_class=3), []
    metrics: list[Metric] = [PartEffect(), PartPointing(), Pointing(), TellingEnergy()]
    for _, row in data.index(None).iterrows():
        model, batch = drawn(data, row)
        for name, saliency in plant(batch).items():
            values = [metric(model, batch, saliency) for metric in metrics]
            rows.append({"map": name} | {k: float(v) for found in values for k, v in found.items()})
    return pd.DataFrame(rows)


COLUMNS = (*PartEffect.columns, *PartPointing.columns, *Pointing.columns, *TellingEnergy.columns)


@pytest.mark.parametrize("column", COLUMNS)
def test_on_drawn_birds_the_map_on_the_telling_part_is_ranked_first(birds, column):
    means = birds.groupby("map")[column].mean()
    order = [means[name] for name in ("truth", "blurred", "uniform", "inverted")]
    assert order == sorted(order, reverse=True)
    assert order[0] > order[2]
    assert order[0] > order[1] or column in ("pointing", "part_pointing")  # a blurred map has the same maximum
    assert birds[column].isna().mean() < 0.1


def test_on_drawn_birds_a_swap_tells_by_the_telling_part_alone(birds):
    truth = birds[birds["map"] == "truth"]
    assert truth["swap_correlation"].to_numpy() == pytest.approx(1)
    assert truth["effect_mass"].mean() > 0.98
