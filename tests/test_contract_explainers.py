"""Every explainer keeps the contract of `Explainer`; a new file is tested the moment it exists."""

import pytest
import torch

from methods.classifier import Classifier
from methods.explainers.base import Explainer
from methods.registry import build, names
from methods.runtime import Runtime
from tests.conftest import CLASSES, SIZE

QUICK = {"rise": {"masks": 40}, "meaningful_perturbation": {"iterations": 6}}  # settings that keep a test short
EXPLAINS_A_CLASS = set(names(Explainer)) - {"uniform", "centre", "sobel", "surrogate_attention_only"}


def explainer_and_model(name: str, teacher: Classifier) -> tuple[Explainer, torch.nn.Module]:
    explainer = build(Explainer, name, QUICK.get(name, {}))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        objective = explainer.objective(teacher, SIZE)
        weights = {} if objective is None else perturbed(objective.trained.state_dict())
    return explainer, explainer.prepare(teacher, weights, SIZE).eval().requires_grad_(False)


def perturbed(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """As if something had been learned: what starts at zero no longer is."""
    return {key: v + 0.02 * torch.randn(v.shape) if v.is_floating_point() else v for key, v in weights.items()}


@pytest.fixture(params=names(Explainer))
def pair(request, classifier):
    return (request.param, *explainer_and_model(request.param, classifier))


def test_one_finite_map_per_image(pair, images, targets, seeds):
    _, explainer, model = pair
    saliency = explainer.explain(model, images, targets, seeds)
    assert saliency.dim() == 3
    assert saliency.shape[0] == len(images)
    assert saliency.dtype == torch.float32
    assert not saliency.requires_grad
    assert torch.isfinite(saliency).all()
    assert (saliency.amax((1, 2)) > saliency.amin((1, 2))).any()


def test_same_seed_same_map(pair, images, targets, seeds):
    _, explainer, model = pair
    first, second = (explainer.explain(model, images, targets, seeds) for _ in range(2))
    assert torch.equal(first, second)


def test_bf16_gives_nearly_the_same_map(pair, images, targets, seeds):
    _, explainer, model = pair
    with Runtime(torch.device("cpu"), "bf16").autocast():
        half = explainer.explain(model, images, targets, seeds)
    whole = explainer.explain(model, images, targets, seeds)
    assert half.dtype == torch.float32
    assert float(torch.corrcoef(torch.stack([half.flatten(), whole.flatten()]))[0, 1]) > 0.95


def test_batch_split_does_not_matter(pair, images, targets, seeds):
    _, explainer, model = pair
    whole = explainer.explain(model, images, targets, seeds)
    single = torch.cat(
        [explainer.explain(model, images[i : i + 1], targets[i : i + 1], seeds[i : i + 1]) for i in range(4)]
    )
    assert torch.allclose(whole, single, atol=1e-5 * float(whole.abs().max()))


def test_global_randomness_is_neither_used_nor_moved(pair, images, targets, seeds):
    _, explainer, model = pair
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = explainer.explain(model, images, targets, seeds)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(6)
    assert torch.equal(first, explainer.explain(model, images, targets, seeds))


def test_the_explained_class_matters(pair, images, targets, seeds):
    name, explainer, model = pair
    other = explainer.explain(model, images, (targets + 1) % CLASSES, seeds)
    same = torch.equal(explainer.explain(model, images, targets, seeds), other)
    assert same == (name not in EXPLAINS_A_CLASS)


@pytest.mark.parametrize("fails", [False, True])
def test_model_is_left_as_found(pair, images, targets, seeds, fails):
    _, explainer, model = pair
    state = {key: value.clone() for key, value in model.state_dict().items()}
    asked = [parameter.requires_grad for parameter in model.parameters()]
    inputs = images.clone()
    if fails:
        broken = torch.full_like(targets, CLASSES + 7)  # no such class
        try:
            explainer.explain(model, inputs, broken, seeds)
        except (RuntimeError, IndexError):
            pass
        else:
            assert pair[0] not in EXPLAINS_A_CLASS
    else:
        explainer.explain(model, inputs, targets, seeds)
    assert torch.equal(inputs, images)
    assert not model.training
    assert all(torch.equal(state[key], value) for key, value in model.state_dict().items())
    assert asked == [parameter.requires_grad for parameter in model.parameters()]
    assert all(parameter.grad is None for parameter in model.parameters())
    hooks = [module for module in model.modules() if module._forward_hooks or module._backward_hooks]
    assert not hooks


def test_flat_image_gives_a_finite_map(pair, targets, seeds):
    _, explainer, model = pair
    saliency = explainer.explain(model, torch.zeros(4, 3, SIZE, SIZE), targets, seeds)
    assert torch.isfinite(saliency).all()


def test_documentation(pair):
    name, explainer, _ = pair
    text = type(explainer).__doc__
    assert text and len(text.split()) > 8
    if name not in ("uniform", "centre"):
        assert "https://" in text, "cite the source with a link"
