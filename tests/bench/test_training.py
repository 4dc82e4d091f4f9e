"""The training loop: which parameters learn how fast."""

import pytest
import torch
from torch import Tensor, nn

from bench.settings import Recipe
from bench.training import Examples, parameter_groups, train
from methods.classifier import create
from methods.errors import UserError
from methods.registry import validated
from methods.runtime import Runtime

CPU = Runtime(torch.device("cpu"))


class Network(nn.Module):
    """A trained part, with one of its own, and a new one."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
        self.stem2 = nn.Conv2d(4, 4, 1)
        self.head = nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, 2]."""
        return self.head(self.stem2(self.stem(images)).mean((2, 3)))


class Objective(nn.Module):
    """A loss that moves every parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.trained = Network()

    def forward(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """See `bench.training.train`."""
        return {"loss": nn.functional.cross_entropy(self.trained(images), labels)}


def rates_of(network: nn.Module, **rates: float) -> dict[str, tuple[float, float]]:
    """Share of the learning rate and weight decay of each parameter."""
    recipe = Recipe(epochs=1, weight_decay=0.3, rates=rates)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    found = {}
    for group in parameter_groups(network, recipe):
        for parameter in group["params"]:
            assert names[id(parameter)] not in found
            found[names[id(parameter)]] = (group["lr_scale"], group["weight_decay"])
    assert len(found) == len(names)
    return found


def test_named_parts_learn_slower_and_the_longest_name_counts():
    found = rates_of(Network(), **{"stem": 0.1, "stem.1": 0.5})
    assert found["stem.0.weight"] == (0.1, 0.3)
    assert found["stem.0.bias"] == (0.1, 0.0)
    assert found["stem.1.weight"] == (0.5, 0.0)
    assert found["stem2.weight"] == (1.0, 0.3)  # 'stem' is another part
    assert found["head.bias"] == (1.0, 0.0)


def test_without_rates_everything_learns_at_the_same():
    assert {share for share, _ in rates_of(Network()).values()} == {1.0}


def moved(**rates: float) -> dict[str, float]:
    """Largest change of each parameter after two steps, and the rate that the curve names."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        objective = Objective()
    before = {name: value.detach().clone() for name, value in objective.trained.named_parameters()}
    images = torch.randint(256, (8, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    examples = Examples(images, torch.arange(8) % 2)
    recipe = Recipe(epochs=1, batch_size=4, learning_rate=0.01, warmup=0.0, weight_decay=0.0, rates=rates)
    curve = train(objective, examples, recipe, CPU, 0, dict, "test")
    after = dict(objective.trained.named_parameters())
    changes = {name: float((after[name] - value).abs().max().detach()) for name, value in before.items()}
    return changes | {"rate": float(curve["learning_rate"].iloc[0])}


def test_training_follows_the_rates_and_reports_the_full_one():
    whole, slow, frozen = moved(), moved(stem=0.1), moved(stem=0.0)
    assert slow["stem.0.weight"] == pytest.approx(0.1 * whole["stem.0.weight"], rel=0.2)
    assert frozen["stem.0.weight"] == 0
    assert frozen["stem.1.weight"] == 0
    assert slow["head.weight"] == pytest.approx(whole["head.weight"], rel=0.2)
    assert slow["rate"] == frozen["rate"] == whole["rate"] > 0


def test_all_parts_may_be_slow():
    slow = moved(stem=0.1, stem2=0.1, head=0.1)
    assert slow["head.weight"] == pytest.approx(0.1 * moved()["head.weight"], rel=0.2)


def test_unknown_part_is_named_with_those_there_are():
    with pytest.raises(UserError, match="unknown part of the network under 'rates' 'hed': did you mean 'head'"):
        parameter_groups(Network(), Recipe(epochs=1, rates={"hed": 0.1}))


def test_parts_of_a_teacher_are_listed_below_its_backbone():
    teacher = create("mobilenetv2_035", 3)
    with pytest.raises(UserError, match=r"'classifier': did you mean 'backbone\.classifier'\? known are"):
        parameter_groups(teacher, Recipe(epochs=1, rates={"classifier": 0.05}))
    shares = {
        group["lr_scale"] for group in parameter_groups(teacher, Recipe(epochs=1, rates={"backbone.classifier": 0.05}))
    }
    assert shares == {0.05, 1.0}
    with pytest.raises(
        UserError, match=r"known are backbone, backbone\.conv_stem, backbone\.bn1, .*backbone\.classifier$"
    ):
        parameter_groups(teacher, Recipe(epochs=1, rates={"xyz": 0.05}))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (lambda loss: loss, "the objective returned Tensor: return a dict of loss terms"),
        (lambda loss: None, "the objective returned NoneType"),
        (lambda loss: {}, "the objective returned an empty dict"),
        (lambda loss: {"a": loss, "b": loss.expand(3)}, r"the objective returned \[3\] as its term 'b': return a dict"),
        (lambda loss: {"a": loss, "b": 1.0}, "the objective returned float as its term 'b'"),
        (lambda loss: {"a": loss.detach()}, "nothing that is trained has a part in the loss"),
    ],
)
def test_an_objective_that_returns_no_dict_of_scalars_is_refused(changed, named):
    class Wrong(Objective):
        def forward(self, images, labels):
            return changed(super().forward(images, labels)["loss"])

    examples = Examples(torch.zeros(4, 3, 8, 8, dtype=torch.uint8), torch.arange(4) % 2)
    with pytest.raises(UserError, match=f"^fit mine: {named}"):
        train(Wrong(), examples, Recipe(epochs=1), CPU, 0, dict, "fit mine")


def test_a_class_that_is_no_dataclass_is_named_with_the_remedy():
    named = r"class Network in tests/bench/test_training\.py is not a dataclass: decorate it with @dataclass"
    with pytest.raises(UserError, match=named):
        validated(Network, {}, "explainer 'mine'")


def test_rate_above_one_is_refused():
    with pytest.raises(UserError, match="rates"):
        validated(Recipe, {"epochs": 1, "rates": {"head": 2.0}}, "fit of the teacher")
