"""Frames per second of every explainer, the forward pass included."""

from collections.abc import Callable
from functools import partial
from statistics import mean, median

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor, nn

from bench import settings
from bench.loading import build_explainer, serve
from bench.throughput.conftest import Batches, Network, explains_evaluation_images, random_images
from bench.throughput.measuring import CANDIDATES, Call, Turns, counted, elapsed, peak_memory, rounds_for, timings
from methods import runtime
from methods.classifier import Classifier
from methods.replay import PATIENCE
from methods.runtime import Runtime

SLOW = 8.0  # seconds for the largest batch; beyond, batches are timed only if passes grow with them, and small ones
FEWEST = 5  # timed calls


@pytest.mark.parametrize("batch", ["one", "best"])
def test_throughput(
    request: pytest.FixtureRequest,
    benchmark: BenchmarkFixture,
    chosen: settings.Experiment,
    machine: Runtime,
    teacher: Classifier,
    network: Network,
    batches: Batches,
    explainer: str,
    batch: str,
) -> None:
    """Time whole explanations, one image at a time or at the fastest larger batch, and in turn bare forward passes.

    Both are warmed up and the device is synchronised inside the timed call. Every timed call explains the next
    images. The number of calls follows from a first one, so that a measurement takes about --seconds.
    `forward_ratio` is the time over one bare forward pass of the same batch, which takes `forward_seconds`; `overhead`
    is the time over that of the forward passes that the explainer asks for, counted, each at the batch where the bare
    teacher is fastest. Explainers that were timed in different processes compare by `forward_ratio`.
    """
    method, size = build_explainer(chosen, explainer), chosen.timing_size or chosen.image_size
    model, seconds = network(method, size), request.config.getoption("--seconds")
    candidates = tried = CANDIDATES.get(machine.device.type, (1, 8))

    def explain(images: Tensor, targets: Tensor) -> Tensor:
        with machine.autocast():
            saliency = method.explain(model, images, targets, torch.arange(len(images)))
        machine.synchronise()
        return saliency

    def explaining(count: int) -> Callable[[], Tensor]:
        return partial(explain, *next(batches(count, size)))

    if batch == "best":
        on_cpu = machine.device.type == "cpu"
        single, largest = seconds_and_pass(model, explaining(1), warming=0 if on_cpu else PATIENCE + 1)
        slow = single * max(candidates) > SLOW
        if slow and largest > 1:
            pytest.skip(f"one image takes {single:.3f} s, and more at a time gain nothing")
        if slow:  # passes of one image leave the device idle, but a larger batch than the next would take minutes
            tried = candidates[:2]
    count = 1 if batch == "one" else fastest({n: explaining(n) for n in tried if n > 1}, seconds / 4)
    first = explaining(count)
    first()  # a search for the copies per forward pass is not its memory
    memory = peak_memory(first, machine)
    served, stream, asked = serve(teacher, size, machine), batches(count, size), []
    bare = {n: bare_forward(served, random_images(n, size, machine), machine) for n in {*candidates, count}}
    best, rounds = fastest(bare, seconds / 4), rounds_for(first, seconds, fewest=FEWEST)
    turns = Turns({n: bare[n] for n in {count, best}}, rounds, seconds)

    def between() -> tuple[tuple[Tensor, Tensor], dict[str, object]]:
        turns.take()
        passes.clear()
        return next(stream), {}

    def timed(images: Tensor, targets: Tensor) -> Tensor:
        saliency = explain(images, targets)
        asked.append(sum(passes))
        return saliency

    with counted(model) as passes:
        saliency = benchmark.pedantic(timed, setup=between, rounds=rounds, iterations=1)
    assert saliency.ndim == 3 and len(saliency) == count, f"{list(saliency.shape)} for {count} images: return [B, h, w]"
    assert torch.isfinite(saliency).all()
    taken, spent = benchmark.stats.stats.median, benchmark.stats.stats.data
    least = turns.median(best) / best
    benchmark.extra_info |= {
        "experiment": chosen.name,
        "explainer": explainer,
        "batch": count,
        "image_size": size,
        "device": runtime.environment(machine)["device"],
        "precision": machine.precision,
        "fps": count / taken,
        "forward_ratio": taken / turns.median(count),
        "forward_seconds": turns.median(count),
        "images": "evaluation" if explains_evaluation_images(request.config) else "noise",
        "forward_passes": mean(asked) / count,
        "overhead": median(one / (n * least) for one, n in zip(spent, asked, strict=True)) if all(asked) else None,
        "peak_memory": memory,
    }


def seconds_and_pass(model: nn.Module, call: Call, warming: int) -> tuple[float, int]:
    """Return how long a call takes after `warming` others, and how many images its largest pass of `model`."""
    for _ in range(warming):
        call()
    with counted(model) as passes:
        return elapsed(call), max(passes, default=0)


def fastest(calls: dict[int, Call], seconds: float) -> int:
    """Return the batch whose call takes least per image, each timed for about `seconds`; a single one is not timed."""
    if len(calls) == 1:
        return next(iter(calls))
    return min(calls, key=lambda count: median(timings(calls[count], seconds)) / count)


def bare_forward(model: Classifier, images: Tensor, machine: Runtime) -> Call:
    """Return one forward pass of the images, which ends when the device has done it."""

    def forward() -> None:
        with torch.inference_mode(), machine.autocast():
            model(images)
        machine.synchronise()

    return forward
