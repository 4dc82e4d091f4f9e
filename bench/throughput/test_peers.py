"""Our explainers against published implementations: as shipped, and inside our runtime.

*As shipped* is a fresh process that does nothing but import torch: stock allocator, the network as timm builds
it, contiguous memory. *Inside our runtime* is this process: the same code on the folded network, channels last, with
our allocator settings. Calls of all three alternate, so that they share whatever else the machine does.
"""

import multiprocessing
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from multiprocessing.pool import Pool
from statistics import median

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from bench import settings
from bench.loading import create_teacher, serve
from bench.throughput import peers
from bench.throughput.conftest import CLASSES, random_images, scratch
from bench.throughput.measuring import elapsed
from methods import runtime
from methods.classifier import Classifier
from methods.explainers.base import Explainer
from methods.explainers.grad_cam import GradCam
from methods.explainers.rise import Rise
from methods.explainers.score_cam import ScoreCam
from methods.runtime import Runtime

MASKS = 200  # of RISE
ROUNDS = 5
PAIRS: dict[str, tuple[Explainer, peers.Peer, str, int]] = {  # ours, theirs, package, batch
    "grad_cam, pytorch_grad_cam": (GradCam(), peers.pytorch_grad_cam("GradCAM"), "pytorch_grad_cam", 8),
    "grad_cam, torchcam": (GradCam(), peers.torchcam("GradCAM"), "torchcam", 8),
    "grad_cam, captum": (GradCam(), peers.captum_grad_cam, "captum", 8),
    "score_cam, pytorch_grad_cam": (ScoreCam(), peers.pytorch_grad_cam("ScoreCAM"), "pytorch_grad_cam", 1),
    "score_cam, torchcam": (ScoreCam(), peers.torchcam("ScoreCAM"), "torchcam", 1),
    "rise, transcription": (Rise(masks=MASKS), partial(peers.rise_transcription, count=MASKS), "torch", 1),
}


def shipped(pair: str, chosen: settings.TeacherSettings, pixels: Tensor, device: str, threads: int) -> float:
    """Seconds of one call of the peer; runs in a process of its own, which keeps its network between calls."""
    torch.set_num_threads(threads)
    if not _teachers:
        _teachers.append(create_teacher(chosen, CLASSES, 0).to(device).eval())
    images = pixels.to(device)
    targets = torch.zeros(len(images), dtype=torch.int64, device=device)

    def call() -> None:
        PAIRS[pair][1](_teachers[0], images, targets)
        if device != "cpu":
            torch.cuda.synchronize()

    return elapsed(call)


_teachers: list[Classifier] = []  # of that process


@pytest.fixture(scope="session")
def process() -> Iterator[Pool]:
    """Return a fresh process for what is timed as shipped."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        yield pool


@pytest.mark.parametrize("pair", PAIRS)
def test_peer(
    benchmark: BenchmarkFixture, chosen: settings.Experiment, machine: Runtime, process: Pool, pair: str
) -> None:
    """Time ours, theirs as shipped and theirs inside our runtime, in turn; the ratios are of medians."""
    ours, theirs, package, batch = PAIRS[pair]
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed: make peers")
    size = chosen.timing_size or chosen.image_size
    raw = settings.TeacherSettings(chosen.teacher.architecture, arguments=chosen.teacher.arguments)
    teacher = scratch(chosen, machine)
    model = serve(teacher, size, machine)
    adopted = serve(teacher, size, machine).requires_grad_(True)  # hooks on frozen features get no gradient
    images, seeds = random_images(batch, size, machine), torch.arange(batch)
    targets = torch.zeros(batch, dtype=torch.int64, device=machine.device)
    pixels = images.cpu().contiguous()

    def us() -> None:
        ours.explain(model, images, targets, seeds)
        machine.synchronise()

    def inside() -> None:
        theirs(adopted, images, targets)
        machine.synchronise()

    def outside() -> float:
        return process.apply(shipped, (pair, raw, pixels, machine.device.type, torch.get_num_threads()))

    for warm_up in (us, inside, outside):
        warm_up()
    rounds = [(elapsed(us), elapsed(inside), outside()) for _ in range(ROUNDS - 1)]
    benchmark.pedantic(us, rounds=1, iterations=1)
    rounds.append((benchmark.stats.stats.median, elapsed(inside), outside()))
    mine, hosted, stock = (median(column) for column in zip(*rounds, strict=True))
    benchmark.extra_info |= {
        "experiment": chosen.name,
        "pair": pair,
        "batch": batch,
        "image_size": size,
        "device": runtime.environment(machine)["device"],
        "seconds": {"ours": mine, "theirs_as_shipped": stock, "theirs_in_our_runtime": hosted},
        "speedup_as_shipped": stock / mine,
        "speedup_in_our_runtime": hosted / mine,
    }
