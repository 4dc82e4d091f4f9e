"""Every explainer keeps the contract of `Explainer`; a new file is tested the moment it exists."""

from copy import deepcopy

import pytest
import torch

from bench.loading import serve
from bench.settings import Recipe
from bench.training import Examples, train
from methods.classifier import Classifier
from methods.errors import UserError
from methods.explainers.base import Explainer
from methods.registry import build, find, names
from methods.runtime import Runtime
from tests.conftest import CLASSES, SIZE

QUICK = {"rise": {"masks": 40}, "meaningful_perturbation": {"iterations": 6}}  # settings that keep a test short
SAME_FOR_EVERY_CLASS = {"uniform", "centre", "sobel", "surrogate_attention_only"}
LEARN = [name for name in names(Explainer) if find(Explainer, name).objective is not Explainer.objective]
HERE = "tests/test_contract_explainers.py"
CPU = Runtime(torch.device("cpu"))


def built(name: str) -> Explainer:
    try:
        return build(Explainer, name, QUICK.get(name, {}))
    except UserError as error:
        pytest.fail(f"{error}: give every field a default, or '{name}' an entry of QUICK in {HERE}")


def explainer_and_model(name: str, teacher: Classifier) -> tuple[Explainer, torch.nn.Module]:
    explainer = built(name)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        objective = explainer.objective(teacher, SIZE)
        weights = {} if objective is None else perturbed(objective.trained.state_dict())
    return explainer, explainer.prepare(teacher, weights, SIZE).eval().requires_grad_(False)


def perturbed(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """As if something had been learned: what starts at zero no longer is."""
    return {key: v + 0.02 * torch.randn(v.shape) if v.is_floating_point() else v for key, v in weights.items()}


def structure(model: torch.nn.Module) -> list[tuple]:
    """What explaining must not change, besides weights: sub-modules, their mode, attributes and hooks."""
    return [
        (name, module, type(module), module.training, sorted(vars(module)), hooks(module))
        for name, module in model.named_modules()
    ]


def hooks(module: torch.nn.Module) -> dict[str, list]:
    return {name: list(value.items()) for name, value in vars(module).items() if name.endswith("_hooks")}


@pytest.fixture(params=names(Explainer))
def pair(request, classifier):
    return (request.param, *explainer_and_model(request.param, deepcopy(classifier)))


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
    with Runtime(CPU.device, "bf16").autocast():
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
    if torch.equal(explainer.explain(model, images, targets, seeds), other):
        hint = f"the maps of '{name}' do not depend on the class: if that is meant, add it to"
        assert name in SAME_FOR_EVERY_CLASS, f"{hint} SAME_FOR_EVERY_CLASS in {HERE}"
    else:
        hint = f"the maps of '{name}' depend on the class: take it out of"
        assert name not in SAME_FOR_EVERY_CLASS, f"{hint} SAME_FOR_EVERY_CLASS in {HERE}"


def test_random_says_whether_the_seed_matters(pair, images, targets, seeds):
    name, explainer, model = pair
    other = explainer.explain(model, images, targets, seeds + 100)
    if torch.equal(explainer.explain(model, images, targets, seeds), other):
        assert not explainer.random, f"the maps of '{name}' are the same for all seeds: leave out `random`"
    else:
        assert explainer.random, f"the maps of '{name}' depend on the seeds: say `random: ClassVar[bool] = True`"


@pytest.mark.parametrize("fails", [False, True])
def test_model_is_left_as_found(pair, images, targets, seeds, fails):
    _, explainer, model = pair
    state = {key: value.clone() for key, value in model.state_dict().items()}
    asked = [parameter.requires_grad for parameter in model.parameters()]
    inputs, before = images.clone(), structure(model)
    if fails:
        broken = torch.full_like(targets, CLASSES + 7)  # no such class
        try:
            explainer.explain(model, inputs, broken, seeds)
        except (RuntimeError, IndexError):
            pass
        else:
            assert pair[0] in SAME_FOR_EVERY_CLASS, "explains a class that does not exist"
    else:
        explainer.explain(model, inputs, targets, seeds)
    assert torch.equal(inputs, images)
    assert structure(model) == before
    assert all(torch.equal(state[key], value) for key, value in model.state_dict().items())
    assert asked == [parameter.requires_grad for parameter in model.parameters()]
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize(
    "leak",
    [
        lambda model: model.backbone.conv1.register_forward_hook(print),
        lambda model: model.backbone.conv1.register_forward_pre_hook(print),
        lambda model: model.backbone.conv1.register_full_backward_hook(print),
        lambda model: model.backbone.conv1.register_full_backward_pre_hook(print),
        lambda model: setattr(model.backbone, "kept", 1),
        lambda model: setattr(model.backbone, "conv1", deepcopy(model.backbone.conv1)),
        lambda model: model.backbone.bn1.train(),
    ],
)
def test_every_leak_is_seen(classifier, leak):
    model = deepcopy(classifier)
    before = structure(model)
    assert structure(model) == before
    leak(model)
    assert structure(model) != before


def test_the_model_can_be_served(pair, images, targets, seeds):
    _, explainer, model = pair
    saliency = explainer.explain(serve(model, SIZE, CPU), images, targets, seeds)
    whole = explainer.explain(model, images, targets, seeds)
    assert saliency.shape == whole.shape and torch.isfinite(saliency).all()


@pytest.mark.parametrize("name", LEARN)
def test_the_objective_trains_what_is_learned_and_nothing_else(name, classifier, images, targets):
    teacher = deepcopy(classifier)
    objective = built(name).objective(teacher, SIZE)
    if objective is None:
        pytest.skip(f"'{name}' learns nothing by these settings")
    trained = dict(objective.named_children()).get("trained")
    assert trained is not None, f"the objective of '{name}' has no sub-module `trained`"
    trained.requires_grad_(True)  # as in stage fit
    before = {key: value.clone() for key, value in teacher.state_dict().items()}
    first = [parameter.detach().clone() for parameter in trained.parameters()]
    examples = Examples((images * 255).to(torch.uint8), targets)
    recipe = Recipe(epochs=1, batch_size=len(images), weight_decay=0.0, warmup=0.0)
    curve = train(objective, examples, recipe, CPU, 0, dict, name)
    assert not curve.isna().any(axis=None)
    moved = [not torch.equal(a, b) for a, b in zip(first, trained.parameters(), strict=True)]
    assert any(moved), f"no gradient reaches what '{name}' learns"
    same = all(torch.equal(before[key], value) for key, value in teacher.state_dict().items())
    frozen = not any(parameter.requires_grad for parameter in teacher.parameters())
    assert same and frozen, f"training '{name}' changes the teacher: hold it `folded`, outside of `trained`"


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
