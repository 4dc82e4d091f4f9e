"""How the student is compared with its teacher."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from bench import artifacts
from bench.fidelity import NOISE, classifies, fidelity, masked, noisy, rank_correlation
from methods.explainers.grad_cam import GradCam
from methods.runtime import Runtime
from tests import miniature
from tests.bench.running import error_of
from tests.conftest import CLASSES, SIZE, small_classifier

CPU = Runtime(torch.device("cpu"))


@pytest.fixture
def pixels():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (20, 3, SIZE, SIZE), generator=generator).byte()


def test_a_network_agrees_with_itself(pixels):
    model = small_classifier()
    for found in fidelity(model, model, pixels, CPU).values():
        assert found == {"agreement": 1, "kl": pytest.approx(0, abs=1e-6), "rank_correlation": pytest.approx(1)}


def test_by_hand(pixels):
    class Fixed(nn.Module):
        def __init__(self, logits):
            super().__init__()
            self.logits = torch.tensor(logits)

        def forward(self, images):
            return self.logits.expand(len(images), -1)

    student, teacher = Fixed([0.0, 1.0, 2.0]), Fixed([3.0, 1.0, 2.0])
    found = fidelity(student, teacher, pixels, CPU)
    p, q = teacher.logits.softmax(0), student.logits.softmax(0)
    expected = {"agreement": 0, "kl": pytest.approx(float((p * (p / q).log()).sum()), rel=1e-5)}
    assert found["noisy"] == expected | {"rank_correlation": pytest.approx(-0.5)}
    assert found["plain"] == found["masked"] == found["noisy"]


def test_masks_darken_and_noise_has_its_strength(pixels):
    dark = masked(pixels)
    assert dark.dtype == torch.uint8 and (dark <= pixels).all()
    assert 0.4 < float(dark.float().mean() / pixels.float().mean()) < 0.6
    assert not torch.equal(dark[0] * 1.0 / pixels[0].clamp(min=1), dark[1] * 1.0 / pixels[1].clamp(min=1))
    grey = torch.full((4, 3, 64, 64), 128, dtype=torch.uint8)
    assert abs(float((noisy(grey) - 128.0).std()) / 255 - NOISE) < 0.005
    assert torch.equal(noisy(pixels), noisy(pixels)) and torch.equal(dark, masked(pixels))


def test_rank_correlation_is_spearmans():
    one, other = torch.randn(5, CLASSES * 3), torch.randn(5, CLASSES * 3)
    expected = [spearmanr(a, b).statistic for a, b in zip(one, other, strict=True)]
    assert np.allclose(rank_correlation(one, other), expected)


class MaskGenerator(nn.Module):
    """A mask for each class, as of Dabkowski and Gal 2017."""

    def __init__(self):
        super().__init__()
        self.masks = nn.Conv2d(3, 4, 3)

    def forward(self, images):
        return self.masks(images).sigmoid()


class MaskOfAClass(MaskGenerator):
    def forward(self, images, classes):
        return super().forward(images)[torch.arange(len(images)), classes]


class Parts(nn.ModuleDict):
    def __init__(self):
        super().__init__({"generator": MaskGenerator()})


class MaskObjective(nn.Module):
    def __init__(self, trained):
        super().__init__()
        self.trained = trained

    def forward(self, images, labels):
        generator = self.trained["generator"] if isinstance(self.trained, Parts) else self.trained
        masks = generator(images, labels) if isinstance(generator, MaskOfAClass) else generator(images)
        return {"area": masks.mean()}


def test_what_classifies_gives_logits_of_the_teachers_shape(pixels):
    class Tupled(nn.Module):
        def __init__(self, *outputs):
            super().__init__()
            self.outputs = outputs

        def forward(self, images):
            return self.outputs

    model, logits = small_classifier(), torch.zeros(20, CLASSES)
    assert classifies(model, model, pixels, CPU)
    assert classifies(Tupled(logits, None), model, pixels, CPU)
    for other in (Tupled(logits[:, 1:]), Tupled(logits[..., None]), Tupled(None, logits)):
        assert not classifies(other, model, pixels, CPU)


@pytest.mark.parametrize("kind", [MaskGenerator, MaskOfAClass, Parts])
def test_what_does_not_classify_is_trained_without_a_comparison(trained, monkeypatch, kind):
    monkeypatch.setattr(GradCam, "objective", lambda self, teacher, size: MaskObjective(kind()))
    params = miniature.settings(explainers={"grad_cam": {"fit": {"epochs": 2, "batch_size": 8}}})
    trained.run("fit", params=miniature.write(trained.root / "masks.yaml", params))
    assert set(artifacts.read_json(trained.results / "grad_cam.json")) == {"parameters", "seconds"}
    curve = artifacts.read_rows(trained.results / "grad_cam.csv")
    assert list(curve) == ["epoch", "learning_rate", "area"] and curve["area"].is_monotonic_decreasing


def test_an_objective_without_trained_is_refused(trained, capsys, monkeypatch):
    monkeypatch.setattr(GradCam, "objective", lambda self, teacher, size: MaskGenerator())
    params = miniature.settings(explainers={"grad_cam": {"fit": {"epochs": 1}}})
    other = miniature.write(trained.root / "untrained.yaml", params)
    assert "its objective has no sub-module `trained`" in error_of(trained, capsys, monkeypatch, "fit", params=other)
