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
from bench.throughput.measuring import CANDIDATES, Call, counted, elapsed, peak_memory, rounds_for, timings
from methods import runtime
from methods.classifier import Classifier
from methods.runtime import Runtime

SLOW = 0.25  # seconds per image beyond which a larger batch is not timed


@pytest.mark.parametrize("batch", ["one", "best"])
def test_throughput(
    request: pytest.FixtureRequest,
    benchmark: BenchmarkFixture,
    chosen: settings.Experiment,
    machine: Runtime,
    teacher: Classifier,
    network: Network,
    explainer: str,
    batch: str,
) -> None:
    """Time whole explanations, one image at a time or at the fastest larger batch, and bare forward passes.

    Both are warmed up and the device is synchronised inside the timed call. The number of rounds follows
    from a first call, so that a measurement takes about --seconds. `forward_ratio` is the time over one bare
    forward pass of the same batch; `overhead` is the time over that of the forward passes that the
    explainer asks for, counted, each at the batch where the bare teacher is fastest.
    """
    method, size = build_explainer(chosen, explainer), chosen.timing_size or chosen.image_size
    model, seconds = network(method, size), request.config.getoption("--seconds")
    candidates = CANDIDATES.get(machine.device.type, (1, 8))

    def explaining(count: int) -> Callable[[], Tensor]:
        images = random_images(count, size, machine, chosen.seed)
        targets = torch.zeros(count, dtype=torch.int64, device=machine.device)

        def explain() -> Tensor:
            with machine.autocast():
                saliency = method.explain(model, images, targets, torch.arange(count))
            machine.synchronise()
            return saliency

        return explain

    if batch == "best" and (single := elapsed(explaining(1))) > SLOW:
        pytest.skip(f"one image takes {single:.1f} s: its masks are the batch, more images gain nothing")
    count = 1 if batch == "one" else fastest({n: explaining(n) for n in candidates if n > 1}, seconds / 4)
    explain = explaining(count)
    explain()  # a search for the copies per forward pass is neither its memory nor its passes
    memory = peak_memory(explain, machine)
    with counted(model) as passes:
        explain()
    bare = bare_forward(serve(teacher, size, machine), size, machine, seconds / 4)
    best = min(bare(n) / n for n in candidates)
    saliency = benchmark.pedantic(explain, rounds=rounds_for(explain, seconds, fewest=3), iterations=1)
    assert saliency.shape[0] == count and torch.isfinite(saliency).all()
    taken = benchmark.stats.stats.median
    benchmark.extra_info |= {
        "experiment": chosen.name,
        "explainer": explainer,
        "batch": count,
        "image_size": size,
        "device": runtime.environment(machine)["device"],
        "precision": machine.precision,
        "fps": count / taken,
        "forward_ratio": taken / bare(count),
        "forward_passes": sum(passes) / count,
        "overhead": taken / (sum(passes) * best) if passes else None,
        "peak_memory": memory,
    }


def fastest(calls: dict[int, Call], seconds: float) -> int:
    """Return the batch whose call takes least per image, each timed for about `seconds`."""
    return min(calls, key=lambda count: median(timings(calls[count], seconds)) / count)


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
