"""Stage fit: train an explainer that has something to learn.

An explainer without a `fit` section learns nothing: its weights file holds no tensors, and the
stage does not even import torch.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench import artifacts, settings
from bench.stages.command import run, say

if TYPE_CHECKING:
    from torch import nn

    from bench.settings import Experiment, Recipe


def main(
    params: Path, experiment: str, explainer: str, data: Path, teacher: Path, weights: Path, summary: Path, curve: Path
) -> None:
    """Read prepared --data and the --teacher; write --weights, --summary and the first network's training --curve."""
    chosen = settings.experiment(params, experiment)
    recipe = chosen.recipe(explainer)
    if recipe is None:
        _write_nothing(weights)
        report: dict[str, Any] = {}
        rows = pd.DataFrame({"epoch": []})
    else:
        fits = [fit(chosen, explainer, recipe, data, teacher, seed) for seed in range(recipe.seeds)]
        tensors = [artifacts.of_network(one.network.state_dict(), seed) for seed, one in enumerate(fits)]
        merged = {name: tensor for some in tensors for name, tensor in some.items()}
        artifacts.write_tensors(weights, merged, **fits[0].origin)
        report = fits[0].summary | ({"seeds": [one.summary for one in fits]} if len(fits) > 1 else {})
        rows = fits[0].curve
    artifacts.write_rows(curve, rows)
    artifacts.write_json(summary, report)
    say(f"fit {explainer}", data if recipe else "settings", weights if recipe else "nothing to learn")


@dataclass(frozen=True)
class Fit:
    """A trained network, one row per epoch, what it came to, and whose it is, see `bench.loading.origin`."""

    network: "nn.Module"
    curve: pd.DataFrame
    summary: dict[str, Any]
    origin: dict[str, Any]


def fit(chosen: "Experiment", name: str, recipe: "Recipe", data: Path, teacher: Path, seed: int = 0) -> Fit:
    """Train one explainer from the run's seed plus `seed`.

    What is no classifier, see `bench.fidelity.classifies`, has neither agreement nor fidelity.

    Raises:
        UserError: the explainer has nothing to learn, or its objective no sub-module `trained`.
    """
    import torch

    from bench import prepared
    from bench.fidelity import classifies, fidelity
    from bench.loading import build_explainer, load_teacher, origin
    from bench.stages.teacher import examples
    from bench.training import predict, train
    from methods import runtime
    from methods.errors import UserError
    from methods.runtime import Runtime

    machine = runtime.start(chosen.device)
    images = prepared.read(data, chosen.image_size)
    model = load_teacher(teacher, chosen, machine, images.class_names)
    whose = origin(name, model)
    with torch.random.fork_rng():
        torch.manual_seed(chosen.seed + seed)
        objective = build_explainer(chosen, name).objective(model, chosen.image_size)
    if objective is None:
        raise UserError(f"explainer '{name}' has nothing to learn: remove its 'fit' section")
    trained: nn.Module | None = dict(objective.named_children()).get("trained")
    if trained is None:
        raise UserError(f"explainer '{name}': its objective has no sub-module `trained`: name what it learns so")
    machine.place(trained.requires_grad_(True))
    comparable = classifies(trained, model, images.images[:2], machine)
    trainer = Runtime(machine.device, recipe.precision)

    def agreement(split: str, where: Runtime) -> float:
        rows = torch.from_numpy(images.split(split))
        if not len(rows):
            return float("nan")
        own, truth = (predict(network, images.images[rows], where) for network in (trained, model))
        return float((own.argmax(1) == truth.argmax(1)).float().mean())

    began = time.perf_counter()
    rows = train(
        objective, examples(images), recipe, trainer, chosen.seed + seed,
        lambda: {"val_agreement": agreement("val", trainer)} if comparable else {}, f"fit {name}",
    )  # fmt: skip
    seconds = time.perf_counter() - began
    machine.place(trained)
    evaluated = torch.from_numpy(images.split(chosen.evaluation_split))
    compared = {} if not comparable else {
        "agreement": {split: agreement(split, machine) for split in ("val", chosen.evaluation_split)},
        "fidelity": fidelity(trained, model, images.images[evaluated], machine),
    }  # fmt: skip
    parameters = sum(parameter.numel() for parameter in trained.parameters())
    summary = {"parameters": parameters, **compared, "seconds": round(seconds, 1)}
    return Fit(trained, rows, summary, whose)


def _write_nothing(path: Path) -> None:
    from safetensors.numpy import save_file

    artifacts.write_atomically(path, lambda temporary: save_file({}, temporary))


if __name__ == "__main__":
    run(main)
