"""How the student is compared with its teacher."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from bench.fidelity import NOISE, fidelity, masked, noisy, rank_correlation
from methods.runtime import Runtime
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
