"""How the cost of every explainer grows with image size, batch, masks, channels and classes."""

from dataclasses import fields, replace
from statistics import median
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from scipy.stats import linregress

from bench import settings
from bench.loading import build_explainer
from bench.settings import Experiment
from bench.throughput.conftest import CLASSES, random_images, scratch, untrained
from bench.throughput.measuring import elapsed, rounds_for
from methods import runtime
from methods.explainers.base import Explainer
from methods.runtime import Runtime

AXES: dict[str, tuple[int, ...]] = {
    "image_size": (96, 128, 192, 256),
    "batch": (1, 2, 4, 8),
    "masks": (64, 128, 256, 512),
    "channels": (64, 128, 256, 512),
    "classes": (10, 100, 1000, 10000),
}
FEWEST = 5  # rounds
SIZE, BATCH, MASKS, ITERATIONS = 128, 2, 32, 10  # where they do not vary; of methods with masks or iterations
NARROW = {"architecture": "resnet18", "arguments": {"channels": [16, 32, 64]}}  # of which the last stage varies


@pytest.mark.parametrize("axis", AXES)
def test_growth(
    request: pytest.FixtureRequest,
    benchmark: BenchmarkFixture,
    chosen: Experiment,
    machine: Runtime,
    explainer: str,
    axis: str,
) -> None:
    """Time explanations along one axis; `slope` is that of log seconds over log size: 1 is proportional.

    Sizes take turns, since a machine's speed drifts; the largest is what pytest-benchmark sees.
    """
    method = build_explainer(chosen, explainer)
    if axis == "masks" and axis not in settings_of(method):
        pytest.skip(f"{explainer} has no setting 'masks'")
    sizes = AXES[axis]
    *smaller, largest = [explanation(chosen, method, machine, axis, size) for size in sizes]
    spent: list[list[float]] = [[] for _ in smaller]

    def others() -> None:
        for call, seconds in zip(smaller, spent, strict=True):
            seconds.append(elapsed(call))

    def everything() -> None:
        others()
        largest()

    rounds = rounds_for(everything, request.config.getoption("--seconds"), fewest=FEWEST)
    for seconds in spent:
        seconds.clear()
    benchmark.pedantic(largest, setup=others, rounds=rounds, iterations=1)
    medians = [*map(median, spent), benchmark.stats.stats.median]
    benchmark.extra_info |= {
        "experiment": chosen.name,
        "explainer": explainer,
        "axis": axis,
        "sizes": list(sizes),
        "seconds": medians,
        "slope": float(linregress(torch.tensor(sizes).log2(), torch.tensor(medians).log2()).slope),
        "device": runtime.environment(machine)["device"],
        "precision": machine.precision,
    }


def explanation(chosen: Experiment, method: Explainer, machine: Runtime, axis: str, value: int) -> Any:
    """Return a call that explains random images, everything small but what `axis` names."""
    size = value if axis == "image_size" else SIZE
    batch = value if axis == "batch" else BATCH
    if "masks" in settings_of(method):
        method = replace(method, masks=value if axis == "masks" else MASKS)  # type: ignore[type-var]
    if "iterations" in settings_of(method):
        method = replace(method, iterations=ITERATIONS)  # type: ignore[type-var]
    teacher = scratch(_of(chosen, axis, value), machine, value if axis == "classes" else CLASSES)
    model = untrained(method, teacher, size, machine)
    images, seeds = random_images(batch, size, machine), torch.arange(batch)
    targets = torch.zeros(batch, dtype=torch.int64, device=machine.device)

    def explain() -> None:
        with machine.autocast():
            method.explain(model, images, targets, seeds)
        machine.synchronise()

    return explain


def settings_of(method: Explainer) -> set[str]:
    """Names of the explainer's settings."""
    return {field.name for field in fields(method)}  # type: ignore[arg-type]


def _of(chosen: Experiment, axis: str, value: int) -> Experiment:
    """The experiment with its own teacher, or with a ResNet whose last stage has so many channels."""
    if axis != "channels":
        return chosen
    arguments = {"channels": [*NARROW["arguments"]["channels"], value]}  # type: ignore[index]
    return replace(chosen, teacher=settings.TeacherSettings(str(NARROW["architecture"]), arguments=arguments))
