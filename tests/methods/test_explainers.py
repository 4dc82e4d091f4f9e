"""Closed forms and transcriptions of the published definitions, in float64."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter
from torch import nn

from methods.classifier import Classifier
from methods.errors import UserError
from methods.explainers.base import Explainer
from methods.explainers.centre import Centre
from methods.explainers.grad_cam import GradCam
from methods.explainers.meaningful_perturbation import MeaningfulPerturbation, gaussian_blur
from methods.explainers.rise import Rise
from methods.explainers.score_cam import ScoreCam
from methods.explainers.sobel import Sobel
from methods.random_masks import random_masks
from methods.registry import build
from methods.runtime import Runtime
from tests import planted
from tests.conftest import CLASSES, SIZE, small_classifier


class LinearBackbone(nn.Module):
    """Features are the image itself, the head a linear form of their means."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.weight = weight

    def forward_features(self, images):
        return images

    def forward_head(self, features):
        return features.mean((2, 3)) @ self.weight.T

    def forward(self, images):
        return self.forward_head(self.forward_features(images))


def test_grad_cam_of_a_linear_model_is_its_weighted_features(images, targets, seeds):
    weight = torch.randn(CLASSES, 3, generator=torch.Generator().manual_seed(0))
    model = Classifier(LinearBackbone(weight), [0.5] * 3, [0.5] * 3)
    saliency = GradCam().explain(model, images, targets, seeds)
    normalised = (images - 0.5) / 0.5
    expected = torch.einsum("bk,bkhw->bhw", weight[targets] / (SIZE * SIZE), normalised).relu()
    assert torch.allclose(saliency, expected, atol=1e-7)


def test_grad_cam_equals_gradient_through_the_whole_model(images, targets, seeds):
    model = small_classifier().double()
    kept = {}
    features = model.features

    def watched(x):
        kept["A"] = features(x).requires_grad_()
        return kept["A"]

    logits = model.head(watched(images.double()))
    logits.gather(1, targets[:, None]).sum().backward()
    weights = kept["A"].grad.mean((2, 3))
    expected = torch.einsum("bk,bkhw->bhw", weights, kept["A"].detach()).relu()
    saliency = GradCam().explain(model, images.double(), targets, seeds)
    assert torch.allclose(saliency.double(), expected, rtol=1e-5, atol=1e-9)
    assert expected.max() > 0


def test_score_cam_against_a_channel_by_channel_transcription(images, targets, seeds):
    model = small_classifier().double()
    image, target = images[:1].double(), targets[:1]
    normalised = model.normalise(image)
    activations = model.features(image)
    total = torch.zeros(SIZE, SIZE, dtype=torch.float64)
    for k in range(activations.shape[1]):
        upsampled = F.interpolate(activations[:, k : k + 1], size=(SIZE, SIZE), mode="bilinear", align_corners=False)
        if upsampled.max() == upsampled.min():
            continue
        mask = (upsampled - upsampled.min()) / (upsampled.max() - upsampled.min())
        score = model.logits_of_normalised(normalised * mask).softmax(1)[0, target[0]]
        total += score * upsampled[0, 0]
    saliency = ScoreCam().explain(model, image, target, seeds[:1])
    assert torch.allclose(saliency[0].double(), total.relu(), atol=1e-5 * float(total.abs().max()))


def test_score_cam_of_constant_channels_is_a_zero_map(targets, seeds, images):
    model = Classifier(LinearBackbone(torch.randn(CLASSES, 3)), [0.5] * 3, [0.5] * 3)
    saliency = ScoreCam().explain(model, torch.full((1, 3, SIZE, SIZE), 0.3), targets[:1], seeds[:1])
    assert torch.equal(saliency, torch.zeros(1, SIZE, SIZE))


def test_rise_against_a_direct_transcription(images, targets):
    model = small_classifier().double()
    rise = Rise(masks=45, cells=7, probability=0.4)
    drawn = random_masks(45, 7, 0.4, (SIZE, SIZE), 9, torch.device("cpu"))
    masks = torch.cat([some.dense() for some in drawn]).double()
    image = images[0].double()
    total = torch.zeros(SIZE, SIZE, dtype=torch.float64)
    for mask in masks:
        total += model.logits_of_normalised(model.normalise(image[None]) * mask).softmax(1)[0, targets[0]] * mask
    saliency = rise.explain(model, image[None], targets[:1], torch.tensor([9]))
    assert torch.allclose(saliency[0].double(), total / (45 * 0.4), rtol=1e-5, atol=1e-7)


def test_rise_masks_are_crops_of_the_upsampled_grid():
    masks = torch.cat([some.dense() for some in random_masks(2000, 7, 0.3, (SIZE, SIZE), 3, torch.device("cpu"))])
    assert masks.shape == (2000, SIZE, SIZE)
    assert masks.min() >= 0
    assert masks.max() <= 1
    assert abs(float(masks.mean()) - 0.3) < 0.01
    # the first mask, drawn by hand from the same generator
    generator = torch.Generator().manual_seed(3)
    cell = math.ceil(SIZE / 7)
    grid = (torch.rand(2000, 7, 7, generator=generator) < 0.3).float()
    top, left = (int(torch.randint(cell, (2000, 1), generator=generator)[0]) for _ in range(2))
    large = F.interpolate(grid[:1, None], size=(8 * cell, 8 * cell), mode="bilinear", align_corners=False)[0, 0]
    assert torch.allclose(masks[0], large[top : top + SIZE, left : left + SIZE], atol=1e-6)


def test_rise_finds_the_only_pixels_that_matter(targets):
    class Corner(nn.Module):
        def forward(self, x):
            seen = x[:, :, :8, :8].mean((1, 2, 3))
            return torch.stack([6 * seen, torch.zeros_like(seen)], 1)

    model = Classifier(Corner(), [0.0] * 3, [1.0] * 3)
    saliency = Rise(masks=400).explain(model, torch.ones(1, 3, SIZE, SIZE), torch.tensor([0]), torch.tensor([0]))[0]
    assert saliency[:8, :8].mean() > saliency[16:, 16:].mean() + 2 * saliency[16:, 16:].std()


def test_centre_peaks_in_the_middle_and_is_symmetric(images, targets, seeds):
    saliency = Centre().explain(nn.Identity(), images, targets, seeds)[0]
    assert torch.allclose(saliency, saliency.flip(0), atol=1e-7)
    assert torch.allclose(saliency, saliency.T, atol=1e-7)
    assert saliency.argmax() in [SIZE * r + c for r in (15, 16) for c in (15, 16)]
    assert math.isclose(
        saliency[16, 0] / saliency[16, 16], math.exp(-((15.5 / 32) ** 2 - (0.5 / 32) ** 2) / 0.125), rel_tol=1e-5
    )


def test_sobel_of_a_vertical_edge(targets, seeds):
    image = torch.zeros(1, 3, SIZE, SIZE)
    image[..., 16:] = 1
    saliency = Sobel().explain(nn.Identity(), image, targets[:1], seeds[:1])[0]
    assert torch.allclose(saliency[:, 15:17], torch.full((SIZE, 2), 4.0))
    assert saliency[:, :15].abs().max() == 0
    assert saliency[:, 17:].abs().max() < 1e-6


def test_bf16_of_the_network_reaches_no_pixels(images, targets, seeds):
    edges, blurred = Sobel().explain(nn.Identity(), images, targets, seeds), gaussian_blur(images, 3.0)
    with Runtime(images.device, "bf16").autocast():
        assert torch.equal(Sobel().explain(nn.Identity(), images, targets, seeds), edges)
        assert torch.equal(gaussian_blur(images, 3.0), blurred) and blurred.dtype == torch.float32


def test_meaningful_perturbation_deletes_what_decides():
    """The map lies on the bright square that alone decides the class, for each image of a batch."""
    batch, method = planted.batch(), MeaningfulPerturbation(iterations=80, factor=4, jitter=0, smoothness=0.002)
    saliency = method.explain(planted.model(), batch.images, batch.targets, batch.seeds)
    assert saliency.shape == (planted.COUNT, planted.SIZE // 4, planted.SIZE // 4)
    assert float(saliency.min()) >= 0 and float(saliency.max()) <= 1
    inside = F.avg_pool2d(planted.truth().unsqueeze(1), 4).squeeze(1) > 0.5
    assert all(float(one[inside[0]].mean()) > 3 * float(one[~inside[0]].mean()) for one in saliency)
    assert method.explain(planted.model(), batch.images, batch.targets, batch.seeds).equal(saliency)


def test_meaningful_perturbation_is_finite_down_to_the_least_power(classifier, images, targets, seeds):
    method = MeaningfulPerturbation(iterations=3, power=1)
    assert method.explain(classifier, images, targets, seeds).isfinite().all()
    with pytest.raises(UserError, match="power"):
        build(Explainer, "meaningful_perturbation", {"power": 0.9})


def test_meaningful_perturbation_blurs_like_scipy():
    image = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = gaussian_filter(image[0].numpy(), (0, 3, 3), mode="nearest", truncate=3.0)
    assert np.allclose(gaussian_blur(image, 3.0)[0].numpy(), expected, atol=1e-12)
