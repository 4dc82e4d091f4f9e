"""Oracles of the metrics that ask the explainer again: ADCC, stability, model randomisation."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr
from torch import Tensor, nn

from bench.metrics.adcc import Adcc
from bench.metrics.base import Method
from bench.metrics.model_randomisation import ModelRandomisation
from bench.metrics.stability import Stability
from methods.explainers.base import Explainer
from methods.explainers.grad_cam import GradCam
from tests import planted
from tests.conftest import small_classifier


@dataclass(frozen=True)
class Grey(Explainer):
    """The image's own brightness."""

    def explain(self, model: nn.Module, images: Tensor, targets: Tensor, seeds: Tensor) -> Tensor:
        return images.mean(1)


@dataclass(frozen=True)
class Readout(Explainer):
    """The network's template, whatever the image."""

    def explain(self, model: nn.Module, images: Tensor, targets: Tensor, seeds: Tensor) -> Tensor:
        return model.backbone.template.expand(len(images), -1, -1)


def with_method(explainer, network=None, batch=None):
    return replace(batch or planted.batch(), method=Method(explainer, network or planted.model()))


def scaled(saliency):
    return (saliency - saliency.min()) / (saliency.max() - saliency.min())


def test_adcc_equals_its_formula():
    model = small_classifier().double()
    batch = planted.batch()
    batch = replace(batch, images=batch.images.double())
    probabilities = model(batch.images).softmax(1)[:, 0].detach()
    batch = with_method(Grey(), model, replace(batch, probabilities=probabilities))
    saliency = planted.maps()["blurred"].double()
    found = Adcc()(model, batch, saliency)
    for i in range(planted.COUNT):
        shown = batch.images[i] * scaled(saliency[i])
        after = float(model(shown[None]).softmax(1)[0, 0])
        again = batch.method.explain(shown[None], batch.targets[:1], batch.seeds[:1])[0]
        coherency = (pearsonr(saliency[i].flatten(), again.flatten()).statistic + 1) / 2
        complexity = float(scaled(saliency[i]).mean())
        drop = max(0.0, float(probabilities[i]) - after) / float(probabilities[i])
        assert float(found["coherency"][i]) == pytest.approx(coherency, abs=1e-6)
        assert float(found["complexity"][i]) == pytest.approx(complexity, abs=1e-6)
        expected = 3 / (1 / coherency + 1 / (1 - complexity) + 1 / (1 - drop))
        assert float(found["adcc"][i]) == pytest.approx(expected, abs=1e-6)


def test_adcc_worked_by_hand():
    """A map that is 1 on the deciding quarter: coherency 1, complexity 1/4, drop 0: 3 / (1 + 4/3 + 1) = 0.9."""
    saliency = torch.zeros(planted.COUNT, planted.SIZE, planted.SIZE)
    saliency[:, 8:24, 4:20] = 1
    found = Adcc()(planted.model(), planted.batch("fixed", saliency), saliency)
    assert found["adcc"].tolist() == pytest.approx([0.9] * planted.COUNT, abs=1e-6)


def test_adcc_of_a_map_that_removes_the_class_is_zero():
    saliency = 1 - planted.truth()
    batch = replace(planted.batch("fixed", saliency), probabilities=torch.ones(planted.COUNT))
    found = Adcc()(planted.model(), batch, saliency)
    assert float(found["adcc"].max()) < 0.2
    assert Adcc()(planted.model(), batch, torch.zeros_like(saliency))["adcc"].tolist() == [0.0] * planted.COUNT


def test_stability_equals_its_formula():
    batch, metric = with_method(Grey()), Stability(radius=0.1, draws=4)
    found = metric(planted.model(), batch, batch.images.mean(1))
    for i, seed in enumerate(batch.seeds):
        before = scaled(batch.images[i].double().mean(0))
        changes = []
        for delta in metric.noise(int(seed), batch.images.shape[1:]):
            assert float(delta.abs().max()) <= 0.1
            after = scaled((batch.images[i] + delta).clamp(0, 1).double().mean(0))
            changes.append(float((after - before).norm() / before.norm()))
        assert float(found["sensitivity_mean"][i]) == pytest.approx(np.mean(changes), abs=1e-6)
        assert float(found["sensitivity_max"][i]) == pytest.approx(max(changes), abs=1e-6)


def test_stability_of_a_method_that_ignores_the_image_is_perfect_and_of_a_flat_map_it_is_not():
    saliency = planted.maps()["uniform"]
    assert not Stability()(planted.model(), planted.batch("uniform"), saliency)["sensitivity_max"].any()
    flat = torch.ones_like(saliency)
    assert Stability()(planted.model(), planted.batch("fixed", flat), flat)["sensitivity_max"].tolist() == [1.0] * 3


def test_randomisation_equals_its_formula():
    batch, metric = with_method(Readout()), ModelRandomisation(levels=1, seed=7)
    template = planted.model().backbone.template
    found = metric(planted.model(), batch, template.expand(planted.COUNT, -1, -1))
    drawn = torch.randn(template.shape, generator=torch.Generator().manual_seed(7)) * template.std() + template.mean()
    expected = abs(spearmanr(template.flatten(), drawn.flatten()).statistic)
    assert found["randomisation_full"].tolist() == pytest.approx([expected] * planted.COUNT, abs=1e-6)
    assert expected < 0.2


def test_a_map_that_turns_into_its_negative_fails_randomisation():
    class Contrary(Readout):
        def explain(self, model: nn.Module, images: Tensor, targets: Tensor, seeds: Tensor) -> Tensor:
            return -template.expand(len(images), -1, -1)

    template = planted.model().backbone.template
    found = ModelRandomisation(levels=1)(
        planted.model(), with_method(Contrary()), template.expand(planted.COUNT, -1, -1)
    )
    assert found["randomisation_full"].tolist() == pytest.approx([1.0] * planted.COUNT)


def test_randomisation_goes_from_the_output_to_the_input_and_leaves_the_network():
    network = small_classifier()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    order = [name for name, _ in network.named_parameters()]
    changed = []
    for forgotten in ModelRandomisation(levels=3).cascade(network):
        now = dict(forgotten.named_parameters())
        changed.append({name for name in order if not torch.equal(now[name], before[name])})
    assert changed[0] < changed[1] < changed[2]
    assert order[-1] in changed[0] and order[0] not in changed[1]
    assert changed[2] >= {name for name in order if before[name].numel() > 1 and before[name].std() > 0}
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_a_method_that_ignores_the_network_fails_randomisation():
    saliency = planted.maps()["uniform"]
    found = ModelRandomisation()(planted.model(), planted.batch("uniform"), saliency)
    assert found["randomisation_full"].tolist() == pytest.approx([1.0] * planted.COUNT)


def test_a_method_is_asked_outside_inference_mode():
    batch = with_method(GradCam(), small_classifier())
    with torch.inference_mode():
        again = batch.method.explain(batch.images, batch.targets, batch.seeds)
    assert again.shape == batch.images[:, 0].shape
