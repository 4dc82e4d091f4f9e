"""Frames per second of every explainer, the forward pass included."""

import time
from collections.abc import Callable
from statistics import median

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor, nn

from bench import settings
from bench.loading import build_explainer, create_teacher, load_model, load_teacher, serve
from methods import runtime
from methods.classifier import Classifier
from methods.explainers.base import Explainer
from methods.runtime import Runtime

CLASSES = 100  # of a teacher with random weights
SLOW = 0.25  # seconds per image beyond which a larger batch is not timed
Call = Callable[[], object]


@pytest.fixture(scope="session")
def machine(chosen: settings.Experiment) -> Runtime:
    """Return the runtime in which explaining is timed."""
    return runtime.start(chosen.device, chosen.precision)


@pytest.fixture(scope="session")
def teacher(request: pytest.FixtureRequest, chosen: settings.Experiment, machine: Runtime) -> Classifier:
    """Return the trained teacher, or one with random weights."""
    path = request.config.getoption("--teacher")
    if path:
        return load_teacher(path, chosen.teacher, machine)
    scratch = settings.TeacherSettings(chosen.teacher.architecture, arguments=chosen.teacher.arguments)
    return machine.place(create_teacher(scratch, CLASSES, chosen.seed)).requires_grad_(False)  # type: ignore[return-value]


def network(
    request: pytest.FixtureRequest, method: Explainer, teacher: Classifier, size: int, machine: Runtime
) -> nn.Module:
    """Return the network the explainer reads, trained if --fit names it."""
    path = request.config.getoption("--fit")
    if path:
        return load_model(method, teacher, path, size, machine)
    objective = method.objective(teacher, size)
    return serve(teacher if objective is None else objective.get_submodule("trained"), size, machine)


@pytest.mark.parametrize("batch", [1, 8])
def test_throughput(
    request: pytest.FixtureRequest,
    benchmark: BenchmarkFixture,
    chosen: settings.Experiment,
    machine: Runtime,
    teacher: Classifier,
    explainer: str,
    batch: int,
) -> None:
    """Time whole explanations of `batch` images, and bare forward passes of the same batch.

    Both are warmed up and the device is synchronised inside the timed call. The number of rounds
    follows from a first call, so that a measurement takes about --seconds.
    """
    method, size = build_explainer(chosen, explainer), chosen.timing_size or chosen.image_size
    model = network(request, method, teacher, size, machine)
    generator = torch.Generator().manual_seed(chosen.seed)
    pixels = torch.randint(256, (batch, 3, size, size), generator=generator)
    images = machine.images(pixels.to(torch.uint8))
    targets = torch.zeros(batch, dtype=torch.int64, device=machine.device)
    seeds = torch.arange(batch)

    def explain(count: int = batch) -> Tensor:
        with machine.autocast():
            saliency = method.explain(model, images[:count], targets[:count], seeds[:count])
        machine.synchronise()
        return saliency

    def forward() -> None:
        with torch.inference_mode(), machine.autocast():
            bare_teacher(images)
        machine.synchronise()

    seconds = request.config.getoption("--seconds")
    bare_teacher = serve(teacher, size, machine)
    bare = median(timings(forward, seconds / 4))
    single = elapsed(lambda: explain(1)) if batch > 1 else 0.0
    if single > SLOW:
        pytest.skip(f"one image takes {single:.1f} s: its masks are the batch, {batch} images gain nothing")
    rounds = rounds_for(explain, seconds, fewest=3)
    saliency = benchmark.pedantic(explain, rounds=rounds, iterations=1)
    assert saliency.shape[0] == batch and torch.isfinite(saliency).all()
    taken = benchmark.stats.stats.median
    benchmark.extra_info |= {
        "experiment": chosen.name,
        "explainer": explainer,
        "batch": batch,
        "image_size": size,
        "device": runtime.environment(machine)["device"],
        "precision": machine.precision,
        "fps": batch / taken,
        "forward_ratio": taken / bare,
    }


def rounds_for(call: Call, seconds: float, fewest: int) -> int:
    """Warm up and return how many calls fit into `seconds`: at least `fewest`, at most 200."""
    first = elapsed(call)
    if first < seconds / 4:
        first = elapsed(call)
    return max(fewest, min(200, int(seconds / first)))


def timings(call: Call, seconds: float) -> list[float]:
    """Seconds of each of several warmed-up calls."""
    return [elapsed(call) for _ in range(rounds_for(call, seconds, fewest=3))]


def elapsed(call: Call) -> float:
    """Seconds that one call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
