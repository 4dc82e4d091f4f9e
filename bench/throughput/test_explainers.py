"""Frames per second of every explainer, the forward pass included."""

from collections.abc import Callable
from functools import cache
from statistics import median

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from bench import settings
from bench.loading import build_explainer, serve
from bench.throughput.conftest import Network, random_images
from bench.throughput.measuring import CANDIDATES, counted, elapsed, peak_memory, rounds_for, timings
from methods import runtime
from methods.classifier import Classifier
from methods.runtime import Runtime

SLOW = 0.25  # seconds per image beyond which a larger batch is not timed


@pytest.mark.parametrize("batch", [1, 8])
def test_throughput(
    request: pytest.FixtureRequest,
    benchmark: BenchmarkFixture,
    chosen: settings.Experiment,
    machine: Runtime,
    teacher: Classifier,
    network: Network,
    explainer: str,
    batch: int,
) -> None:
    """Time whole explanations of `batch` images, and bare forward passes in the same process.

    Both are warmed up and the device is synchronised inside the timed call. The number of rounds follows
    from a first call, so that a measurement takes about --seconds. `forward_ratio` is the time over one bare
    forward pass of the same batch; `overhead` is the time over that of the forward passes that the
    explainer asks for, counted, each at the batch where the bare teacher is fastest.
    """
    method, size = build_explainer(chosen, explainer), chosen.timing_size or chosen.image_size
    model, seconds = network(method, size), request.config.getoption("--seconds")
    images = random_images(batch, size, machine, chosen.seed)
    targets = torch.zeros(batch, dtype=torch.int64, device=machine.device)
    seeds = torch.arange(batch)

    def explain(count: int = batch) -> Tensor:
        with machine.autocast():
            saliency = method.explain(model, images[:count], targets[:count], seeds[:count])
        machine.synchronise()
        return saliency

    if batch > 1 and (single := elapsed(lambda: explain(1))) > SLOW:
        pytest.skip(f"one image takes {single:.1f} s: its masks are the batch, {batch} images gain nothing")
    memory = peak_memory(explain, machine)
    with counted(model) as passes:
        explain()
    bare = bare_forward(serve(teacher, size, machine), size, machine, seconds / 4)
    best = min(bare(count) / count for count in CANDIDATES.get(machine.device.type, (1, 8)))
    saliency = benchmark.pedantic(explain, rounds=rounds_for(explain, seconds, fewest=3), iterations=1)
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
        "forward_ratio": taken / bare(batch),
        "forward_passes": sum(passes) / batch,
        "overhead": taken / (sum(passes) * best) if passes else None,
        "peak_memory": memory,
    }


def bare_forward(model: Classifier, size: int, machine: Runtime, seconds: float) -> Callable[[int], float]:
    """Return a function from a batch to the median seconds of one forward pass, measured when first asked for."""

    @cache
    def bare(batch: int) -> float:
        images = random_images(batch, size, machine)

        def forward() -> None:
            with torch.inference_mode(), machine.autocast():
                model(images)
            machine.synchronise()

        return median(timings(forward, seconds))

    return bare
