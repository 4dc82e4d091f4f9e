"""Our explainers against published implementations: as shipped, and inside our runtime.

Timed is what is done for each image or batch. What the others do once for a data set, RISE's masks and finding the
layer, is prepared before; our RISE draws masks for each image, and is timed with that.

*As shipped* is a fresh process that does nothing but import torch: stock allocator, the network as timm builds
it, contiguous memory, fp32. *Inside our runtime* is this process: the same code on the network as it is served to ours,
with our allocator settings and at our precision, if it can run at that. Calls of all take turns in changing order, so
that they share whatever else the machine does, and explain the same images: the next ones in every round.
"""

import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from multiprocessing.pool import Pool
from pathlib import Path
from statistics import median

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from scipy.stats import spearmanr
from torch import Tensor, nn

from bench import settings
from bench.loading import create_teacher, read_teacher, serve
from bench.throughput import peers
from bench.throughput.conftest import CLASSES, Batches, explains_evaluation_images
from bench.throughput.measuring import elapsed
from methods import runtime
from methods.classifier import Classifier
from methods.explainers.base import Explainer
from methods.explainers.grad_cam import GradCam
from methods.explainers.rise import Rise
from methods.explainers.score_cam import ScoreCam
from methods.replay import warm_up
from methods.runtime import Runtime

MASKS = 200  # of RISE
ROUNDS = 6  # each of the three is first in a third of them, or of two in half of them
OURS, HOSTED, SHIPPED = "ours", "theirs_in_our_runtime", "theirs_as_shipped"
Array = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
PAIRS: dict[str, tuple[Explainer, peers.Peer, str, int]] = {  # ours, theirs, package, batch
    "grad_cam, pytorch_grad_cam": (GradCam(), partial(peers.pytorch_grad_cam, name="GradCAM"), "pytorch_grad_cam", 8),
    "grad_cam, torchcam": (GradCam(), partial(peers.torchcam, name="GradCAM"), "torchcam", 8),
    "grad_cam, captum": (GradCam(), peers.captum_grad_cam, "captum", 8),
    "score_cam, pytorch_grad_cam": (
        ScoreCam(),
        partial(peers.pytorch_grad_cam, name="ScoreCAM"),
        "pytorch_grad_cam",
        1,
    ),
    "score_cam, torchcam": (ScoreCam(), partial(peers.torchcam, name="ScoreCAM"), "torchcam", 1),
    "rise, transcription": (Rise(masks=MASKS), partial(peers.rise_transcription, count=MASKS), "torch", 1),
}


def shipped(
    pair: str, chosen: settings.TeacherSettings, weights: Path | None, pixels: Tensor, classes: Tensor, device: str
) -> float:
    """Seconds of one call of the peer; runs in a process of its own, which keeps its network and what is prepared."""
    if not _teachers:
        teacher = read_teacher(weights, chosen) if weights else create_teacher(chosen, CLASSES, 0)
        _teachers.append(teacher.to(device).eval())
    size = (pixels.shape[-2], pixels.shape[-1])
    if (pair, size) not in _prepared:
        _prepared[pair, size] = PAIRS[pair][1](_teachers[0], size)
    explain, images, targets = _prepared[pair, size], pixels.to(device), classes.to(device)

    def call() -> None:
        explain(images, targets)
        if device != "cpu":
            torch.cuda.synchronize()

    return elapsed(call)


_teachers: list[Classifier] = []  # of that process
_prepared: dict[tuple[str, peers.Size], peers.Explain] = {}


@pytest.fixture(scope="session")
def process() -> Iterator[Pool]:
    """Return a fresh process, of as many threads, for what is timed as shipped."""
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(1, initializer=torch.set_num_threads, initargs=(torch.get_num_threads(),)) as pool:
        yield pool


@pytest.mark.parametrize("pair", PAIRS)
def test_peer(
    request: pytest.FixtureRequest,
    benchmark: BenchmarkFixture,
    chosen: settings.Experiment,
    machine: Runtime,
    teacher: Classifier,
    batches: Batches,
    process: Pool,
    pair: str,
) -> None:
    """Time ours, theirs as shipped and theirs inside our runtime, in turn; the ratios are of medians."""
    ours, peer, package, batch = PAIRS[pair]
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed: make peers")
    size = chosen.timing_size or chosen.image_size
    weights, raw = request.config.getoption("--teacher"), chosen.teacher
    if not weights:
        raw = settings.TeacherSettings(raw.architecture, arguments=raw.arguments)
    model = serve(teacher, size, machine)
    adopted = serve(teacher, size, machine).requires_grad_(True)  # hooks on frozen features get no gradient
    try:
        theirs = peer(adopted, (size, size))
    except peers.NoLayerError as error:
        pytest.skip(f"{package} explains no maps of tokens: {error}")
    stream, seeds = batches(batch, size), torch.arange(batch)

    def us(images: Tensor, targets: Tensor) -> None:
        with machine.autocast():
            ours.explain(model, images, targets, seeds)
        machine.synchronise()

    def hosted(images: Tensor, targets: Tensor) -> float:
        def call() -> None:
            with machine.autocast():
                theirs(images, targets)
            machine.synchronise()

        return elapsed(call)

    def stock(images: Tensor, targets: Tensor) -> float:
        pixels = images.cpu().contiguous()
        return process.apply(shipped, (pair, raw, weights, pixels, targets.cpu(), machine.device.type))

    others, first, refused = {HOSTED: hosted, SHIPPED: stock}, next(stream), ""
    warm_up(partial(us, *first), machine.device)
    for name in list(others):
        try:
            others[name](*first)
        except TypeError as error:  # NumPy, by which some read activations, has no bf16
            if name == SHIPPED or machine.precision == "fp32":
                raise
            del others[name]
            refused = str(error)
    names = [OURS, *others]
    spent: dict[str, list[float]] = {name: [] for name in others}
    explained = [next(stream) for _ in range(ROUNDS)]
    starts = (i % len(names) for i in range(ROUNDS))
    turns = ((name, one) for i, one in zip(starts, explained, strict=True) for name in names[i:] + names[:i])

    def until_ours() -> tuple[tuple[Tensor, ...], dict[str, object]]:
        for name, images in turns:
            if name == OURS:
                return images, {}
            spent[name].append(others[name](*images))
        return (), {}

    benchmark.pedantic(us, setup=until_ours, rounds=ROUNDS, iterations=1)
    until_ours()
    mine = benchmark.stats.stats.median
    medians = {name: median(seconds) for name, seconds in spent.items()}
    benchmark.extra_info |= {
        "experiment": chosen.name,
        "pair": pair,
        "batch": batch,
        "image_size": size,
        "device": runtime.environment(machine)["device"],
        "precision": machine.precision,
        "images": "evaluation" if explains_evaluation_images(request.config) else "noise",
        "seconds": {OURS: mine} | medians,
        "timings": spent,
        "speedup_as_shipped": medians[SHIPPED] / mine,
        "speedup_in_our_runtime": medians[HOSTED] / mine if HOSTED in medians else None,
        "refused_in_our_runtime": refused or None,
    }
    if machine.precision != "fp32":
        at = [ours_at(ours, model, explained, replace(machine, precision=one)) for one in ("fp32", machine.precision)]
        benchmark.extra_info["rank_correlation_with_fp32"] = rank_correlation(*at)


def ours_at(
    ours: Explainer, model: nn.Module, explained: Sequence[tuple[Tensor, Tensor]], runtime: Runtime
) -> list[Array]:
    """Return each image's map, flat, at the precision of `runtime`."""
    with runtime.autocast():
        maps = [ours.explain(model, images, targets, torch.arange(len(images))) for images, targets in explained]
    return list(torch.cat(maps).detach().float().flatten(1).cpu().numpy())


def rank_correlation(ones: Sequence[Array], others: Sequence[Array]) -> dict[str, float] | None:
    """Return Spearman's correlation of each two maps, the least and the median; None if all of `ones` are flat.

    A map that is flat in `others` alone counts as 0.
    """
    pairs = [(one, other) for one, other in zip(ones, others, strict=True) if np.ptp(one)]
    found = [float(spearmanr(one, other).statistic) if np.ptp(other) else 0.0 for one, other in pairs]
    return {"least": min(found), "median": median(found)} if found else None
