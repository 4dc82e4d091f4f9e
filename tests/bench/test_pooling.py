"""Accuracy on features that a map selects."""

from dataclasses import replace

import pytest
import torch

from bench.metrics.pooling import Pooling
from methods.classifier import create
from tests import planted
from tests.conftest import CLASSES, SIZE, small_classifier


def labelled(images, label):
    return replace(planted.batch(), images=images, labels=torch.full((len(images),), label))


def test_pooling_equals_the_head_on_a_weighted_mean_by_hand():
    model, images = small_classifier(seed=2), torch.rand(3, 3, SIZE, SIZE)
    saliency = torch.rand(3, SIZE, SIZE) ** 4 - 7
    with torch.inference_mode():
        features = model.features(images)
        cells = features.shape[-1]
        scaled = saliency - saliency.amin((1, 2), keepdim=True)
        scaled = scaled / scaled.amax((1, 2), keepdim=True)
        weights = scaled.view(3, cells, SIZE // cells, cells, SIZE // cells).mean((2, 4))
        pooled = torch.einsum("bchw,bhw->bc", features, weights) / weights.sum((1, 2))[:, None]
        expected = model.head(pooled[:, :, None, None]).argmax(1)
        for label in range(CLASSES):
            values = Pooling().score(model, labelled(images, label), saliency)["pooled_accuracy"]
            assert values.tolist() == (expected == label).tolist()


def test_nearly_equal_weights_classify_as_the_network_does():
    model, images = small_classifier(seed=2), torch.rand(8, 3, SIZE, SIZE)
    saliency = torch.ones(8, SIZE, SIZE)
    saliency[:, 0, 0] -= 0.999  # min-max scaling makes it 0 and the rest 1
    with torch.inference_mode():
        expected = model(images).argmax(1)
        hits = sum(Pooling().score(model, labelled(images, k), saliency)["pooled_accuracy"] * k for k in range(CLASSES))
    assert (hits.long() == expected).float().mean() > 0.7


def test_selecting_the_square_finds_it_and_selecting_the_rest_loses_it():
    maps = planted.maps()
    found = {kind: Pooling().score(planted.model(), planted.batch(), maps[kind]) for kind in ("truth", "inverted")}
    assert found["truth"]["pooled_accuracy"].tolist() == [1] * planted.COUNT
    assert found["inverted"]["pooled_accuracy"].tolist() == [0] * planted.COUNT


@pytest.mark.parametrize("architecture", ["mobilenetv3_small_050", "convnext_atto", "vit_tiny_patch16_224"])
def test_any_head_reads_one_position(architecture):
    arguments = {"img_size": 64, "global_pool": "avg"} if "vit" in architecture else {}
    model = create(architecture, 5, arguments=arguments).eval()
    batch = labelled(torch.rand(2, 3, 64, 64), 0)
    with torch.inference_mode():
        values = Pooling().score(model, batch, torch.rand(2, 64, 64))["pooled_accuracy"]
    assert values.shape == (2,) and set(values.tolist()) <= {0.0, 1.0}
