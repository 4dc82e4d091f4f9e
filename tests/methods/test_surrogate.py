"""The student, its losses, and what they promise."""

import math

import pytest
import torch
from torch import nn

from bench.augmentation import augment
from bench.settings import Recipe
from bench.training import Examples, train
from methods.classifier import Classifier, create
from methods.errors import UserError
from methods.explainers.surrogate import Surrogate
from methods.explainers.surrogate_attention_only import SurrogateAttentionOnly
from methods.explainers.surrogate_last_stage import SurrogateLastStage
from methods.resize import upsample
from methods.runtime import Runtime
from methods.surrogate import losses
from methods.surrogate.attention import SpatialAttention, attend
from methods.surrogate.evidence import class_evidence, standardised
from methods.surrogate.stages import stage_features, stage_indices
from tests import planted
from tests.conftest import CLASSES, SIZE, small_classifier

CPU = Runtime(torch.device("cpu"))


def random(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def student(teacher):
    return Surrogate().objective(teacher, SIZE).trained


def test_student_starts_as_the_teacher(classifier, images):
    logits, _ = student(classifier).eval()(images)
    assert torch.allclose(logits, classifier(images), atol=1e-5)


def test_map_is_a_quarter_of_the_image_or_finer(classifier, images, targets):
    _, saliency = student(classifier).eval()(images, targets)
    assert saliency.shape == (4, SIZE // 4, SIZE // 4)


@pytest.mark.parametrize("size", [96, 98, 99])
def test_the_finest_stage_is_kept_at_every_image_size(size):
    """Strides round up: the stage of stride 4 of an image of 98 pixels is 25 wide, more than a quarter."""
    network = create("test_resnet", CLASSES, arguments={}).eval()
    finest = stage_features(network, stage_indices(network, size), torch.zeros(1, 3, size, size))[0]
    assert finest.shape[-1] == math.ceil(size / 4)


def test_evidence_is_the_class_activation_map(classifier, images, targets):
    features = classifier.features(images)
    layer = classifier.backbone.get_classifier()
    maps = torch.einsum("bchw,kc->bkhw", features, layer.weight) + layer.bias.view(1, -1, 1, 1)
    found = class_evidence(classifier, features, targets)
    for channel, expected in enumerate((maps, maps - maps.logsumexp(1, keepdim=True))):
        own = expected[torch.arange(len(images)), targets].detach().flatten(1)
        own = own - own.mean(1, keepdim=True)
        scaled = own / (own.square().mean(1, keepdim=True).sqrt() + 1e-3)
        assert torch.allclose(found[:, channel].flatten(1), scaled, atol=1e-4)


def test_evidence_without_any_spread_is_zero(classifier, targets):
    flat = classifier.features(torch.rand(4, 3, SIZE, SIZE)).mean((2, 3), keepdim=True).expand(-1, -1, 3, 5)
    assert class_evidence(classifier, flat, targets).abs().max() < 1e-2


def test_map_starts_as_the_class_activation_map_of_the_asked_class(classifier, images, targets):
    network = student(classifier).eval()
    evidence = class_evidence(classifier, classifier.features(images), targets)[:, 0]
    _, saliency = network(images, targets)
    expected = standardised(upsample(evidence, (SIZE // 4, SIZE // 4)))
    assert torch.allclose(saliency, expected, atol=1e-3)
    assert not torch.allclose(saliency, network(images, (targets + 1) % CLASSES)[1], atol=0.1)


def test_map_shows_as_much_of_the_image_whatever_the_scale_of_its_values(classifier, images, targets, seeds):
    network = student(classifier).eval()
    before = Surrogate().explain(network, images, targets, seeds)
    network.explanation_head.gain.data *= 1000
    after = Surrogate().explain(network, images, targets, seeds)
    assert torch.allclose(before, after, atol=2e-3)
    assert 0.4 < before.mean() < 0.6 and before.amax() < 0.99


@pytest.mark.parametrize("size", [(5, 7), (1, 1)])
def test_map_without_any_spread_is_flat_and_has_a_gradient(size):
    flat = torch.full((2, *size), 3.0, requires_grad=True)
    found, weights = standardised(flat), random(*size)
    (gradient,) = torch.autograd.grad((weights * found).sum(), flat)
    assert found.abs().max() == 0
    assert torch.allclose(gradient, ((weights - weights.mean()) / 1e-3).expand(2, *size))


def test_standardised_by_hand_to_the_last_bit():
    maps = random(3, 5, 7)
    centred = maps - maps.mean((1, 2), keepdim=True)
    assert standardised(maps).equal(centred / (centred.square().mean((1, 2), keepdim=True).sqrt() + 1e-3))


def test_every_stage_reaches_the_map_and_the_logits(classifier, images, targets):
    network = student(classifier).train().requires_grad_(True)
    nn.init.normal_(network.explanation_head.query)
    for reading in network.readings:
        nn.init.normal_(reading.weight)
    for attention in network.attentions:
        nn.init.normal_(attention.score.weight)
    logits, saliency = network(images, targets)
    for output in (logits[:, 0].sum(), saliency.square().sum()):
        network.zero_grad()
        output.backward(retain_graph=True)
        for attention in network.attentions:
            assert attention.score.weight.grad.abs().sum() > 0
    assert len(network.attentions) >= 3


def test_attention_starts_uniform_and_keeps_the_mean(images):
    features = torch.rand(2, 7, 5, 5)
    attention = SpatialAttention(7)(features)
    assert torch.equal(attention, torch.full((2, 1, 5, 5), 0.5))
    assert torch.allclose(attend(features, attention), features)
    weights = torch.rand(2, 1, 5, 5)
    mean = (features * weights).sum((2, 3)) / weights.sum((2, 3))
    assert torch.allclose(attend(features, weights).mean((2, 3)), mean, atol=1e-6)
    assert torch.allclose(attend(features, 1e-28 * weights).mean((2, 3)), mean, atol=1e-6)


@pytest.mark.parametrize("score", [-60.0, -68.0, -69.5, -80.0, -200.0])
def test_attention_that_vanishes_leaves_nothing_and_finite_gradients(score):
    features = (1000 * torch.rand(2, 320, 5, 5)).requires_grad_()
    scores = (score + 0.1 * torch.randn(2, 1, 5, 5)).requires_grad_()
    attended = attend(features, scores.sigmoid())
    attended.sum().backward()
    assert attended.isfinite().all() and features.grad.isfinite().all() and scores.grad.isfinite().all()
    mean = float(attended.detach().mean())
    assert mean == pytest.approx(500, rel=0.05) if score >= -68 else mean < 400
    assert (attended == 0).all() if score == -200 else attended.any()


def test_fidelity_by_hand():
    student_logits = torch.tensor([[1.0, 0.0]])
    teacher_logits = torch.tensor([[0.0, 0.0]])
    p = 1 / (1 + math.exp(-0.5))
    expected = 4 * (0.5 * math.log(0.5 / p) + 0.5 * math.log(0.5 / (1 - p)))
    assert abs(float(losses.fidelity(student_logits, teacher_logits, 2.0)) - expected) < 1e-6
    assert float(losses.fidelity(teacher_logits, teacher_logits, 2.0)) == 0


def test_without_explanation_losses_only_imitation_is_left_and_the_map_is_the_mean_attention(images, targets, seeds):
    teacher, method = small_classifier(), SurrogateAttentionOnly()
    objective = method.objective(teacher, SIZE)
    assert set(objective(images, targets)) == {"fidelity"}
    network = objective.trained.eval()
    for attention in network.attentions:
        nn.init.normal_(attention.score.weight)
    saliency = method.explain(network, images, targets, seeds)
    with torch.no_grad():
        assert torch.allclose(saliency, sum(network.attention_maps(images)) / len(network.attentions))
    assert saliency.shape == (4, SIZE, SIZE) and float(saliency.std()) > 0


def test_log_complement_is_exact_where_the_probability_rounds_to_one():
    logits = torch.tensor([[60.0, 0.0], [0.3, -0.2]])
    values = losses.log_complement(logits, torch.tensor([0, 1]))
    assert abs(float(values[0]) + 60.0) < 1e-4
    assert abs(float(values[1]) - math.log(1 - 1 / (1 + math.exp(0.5)))) < 1e-6


def test_total_variation_of_a_step():
    step = torch.zeros(1, 4, 4)
    step[:, :, 2:] = 1
    assert abs(float(losses.total_variation(step)) - 1 / 3) < 1e-6
    assert losses.total_variation(step[:, :1]) == losses.total_variation(step)
    assert losses.total_variation(step[:, :1, :1]) == 0


def test_cut_keeps_the_order_and_a_share():
    torch.manual_seed(0)
    logits = torch.randn(64, 16, 16)
    masks = losses.cut(logits)
    at_peak = masks.flatten(1).gather(1, logits.flatten(1).argmax(1)[:, None])[:, 0]
    assert torch.equal(at_peak, masks.amax((1, 2)))
    shares = (masks > 0.5).float().mean((1, 2))
    assert shares.min() < 0.1
    assert shares.max() > 0.9


def test_untrained_surrogate_is_refused(classifier):
    with pytest.raises(UserError, match="'fit' section"):
        Surrogate().prepare(classifier, {}, SIZE)


def test_network_without_stages_is_refused():
    teacher = Classifier(planted.SquareDetector(), [0.0] * 3, [1.0] * 3)
    with pytest.raises(UserError, match="forward_intermediates"):
        Surrogate().objective(teacher, SIZE)


def test_training_lowers_every_loss_and_leaves_the_teacher_alone():
    teacher = small_classifier(seed=3)
    before = {key: value.clone() for key, value in teacher.state_dict().items()}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        objective = Surrogate().objective(teacher, SIZE)
    objective.trained.requires_grad_(True)
    pixels = torch.randint(256, (48, 3, 8, 8), generator=torch.Generator().manual_seed(0)).float()
    examples = Examples(upsample(pixels, (SIZE, SIZE)).to(torch.uint8), torch.zeros(48, dtype=torch.int64))
    recipe = Recipe(epochs=8, batch_size=16, learning_rate=2e-3)
    curve = train(objective, examples, recipe, CPU, 0, dict, "test")
    totals = curve[["fidelity", "keep", "drop", "smooth"]].sum(axis=1)
    assert totals.iloc[-1] < totals.iloc[0]
    assert all(torch.equal(before[key], value) for key, value in teacher.state_dict().items())
    assert not teacher.training


@pytest.mark.parametrize("method", [Surrogate(), SurrogateLastStage()], ids=["all stages", "last stage"])
def test_last_features_of_one_position_leave_training_finite(method, images, targets):
    teacher = create("test_resnet", CLASSES, arguments={}).eval().requires_grad_(False)
    assert teacher.features(images).shape[-2:] == (1, 1)
    objective = method.objective(teacher, SIZE).train()
    parameters = list(objective.trained.requires_grad_(True).parameters())
    optimizer = torch.optim.Adam(parameters)
    for _ in range(2):
        optimizer.zero_grad()
        loss = sum(objective(images, targets).values())
        loss.backward()
        optimizer.step()
        assert loss.isfinite() and all(one.isfinite().all() for one in parameters)


def test_augmentation_follows_the_recipe(images):
    torch.manual_seed(0)
    same = augment(images, Recipe(epochs=1, crop=1.0, flip=False, jitter=0.0))
    assert same.shape == images.shape
    torch.manual_seed(0)
    changed = augment(images, Recipe(epochs=1, crop=0.3))
    assert augment(images, Recipe(epochs=1, image_size=20)).shape == (*images.shape[:2], 20, 20)
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert (changed - images).abs().mean() > 0.05
    bright = torch.full((64, 3, SIZE, SIZE), 0.5)
    bright[:, :, :, : SIZE // 2] = 0.0
    flipped = augment(bright, Recipe(epochs=1, crop=1.0, jitter=0.0))
    left_dark = (flipped[..., : SIZE // 4].mean((1, 2, 3)) < flipped[..., -SIZE // 4 :].mean((1, 2, 3))).float().mean()
    assert 0.2 < left_dark < 0.8


def test_prepared_student_is_the_trained_one(classifier, images, targets):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = student(classifier).eval()
    again = Surrogate().prepare(classifier, network.state_dict(), SIZE).eval()
    assert torch.equal(network(images, targets)[1], again(images, targets)[1])
    assert again(images, targets)[0].shape == (4, CLASSES)
