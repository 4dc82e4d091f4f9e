"""What scoring costs beyond the forward passes that the metrics need."""

import time
from operator import truediv
from statistics import median

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from bench import settings
from bench.loading import create_teacher, serve
from bench.metrics.base import Batch, Method
from bench.scoring import build_metrics
from bench.throughput.conftest import CLASSES, random_images
from bench.throughput.measuring import counted, timings
from methods.classifier import Classifier
from methods.explainers.base import Explainer
from methods.explainers.grad_cam import GradCam
from methods.masking import class_probabilities
from methods.resize import upsample
from methods.runtime import Runtime

SIZE, IMAGES, PARTS = 224, 8, 15
BARE_BATCH = 32  # of the forward passes that scoring is measured against


@pytest.fixture(scope="session")
def scorer(machine: Runtime) -> Classifier:
    """Return a MobileNetV2 with random weights."""
    return serve(create_teacher(settings.TeacherSettings("mobilenetv2_100"), CLASSES, 0), SIZE, machine)


def batch_of(teacher: Classifier, method: Explainer, machine: Runtime) -> Batch:
    """Return random images with every annotation that a metric may ask for."""
    generator = torch.Generator().manual_seed(0)
    images, device = random_images(IMAGES, SIZE, machine), machine.device
    targets = torch.zeros(IMAGES, dtype=torch.int64, device=device)
    known = class_probabilities(teacher, images, targets)
    segments = torch.zeros(IMAGES, SIZE, SIZE, dtype=torch.uint8, device=device)
    for part in range(PARTS):
        segments[:, 10 * part + 20 : 10 * part + 40, 40:120] = part + 1
    return Batch(
        images=images,
        targets=targets,
        labels=targets,
        probabilities=known,
        seeds=torch.arange(IMAGES),
        boxes=torch.tensor([[20.0, 20.0, 180.0, 180.0]], device=device).expand(IMAGES, 4),
        keypoints=torch.rand(IMAGES, PARTS, 2, generator=generator).to(device) * SIZE,
        segments=segments,
        telling=torch.eye(PARTS, device=device)[:IMAGES].bool(),
        removed=torch.rand(IMAGES, PARTS, generator=generator).to(device),
        swapped=torch.rand(IMAGES, PARTS, generator=generator).to(device),
        part_names=tuple(f"part {i}" for i in range(PARTS)),
        method=Method(method, teacher),
    )


def test_scoring(
    benchmark: BenchmarkFixture, chosen: settings.Experiment, machine: Runtime, scorer: Classifier
) -> None:
    """Score Grad-CAM maps under all metrics; compare with bare forward passes, timed before each round.

    `overhead` is the time over that of the forward passes which the metrics ask for, counted, median of the
    rounds; the map is one of the explainer's own, smooth, which is the hard case for ROAD.
    """
    metrics, method = build_metrics(chosen), GradCam()
    batch = batch_of(scorer, method, machine)
    saliency = upsample(method.explain(scorer, batch.images, batch.targets, batch.seeds), (SIZE, SIZE))
    bare = batch.images.repeat(BARE_BATCH // IMAGES, 1, 1, 1).contiguous(memory_format=torch.channels_last)

    def forward() -> None:
        with torch.inference_mode(), machine.autocast():
            scorer(bare)
        machine.synchronise()

    def score() -> dict[str, tuple[float, int]]:
        spent = {}
        for metric in metrics:
            began = time.perf_counter()
            with counted(scorer) as passes, torch.no_grad(), machine.autocast():
                metric(scorer, batch, saliency)
            machine.synchronise()
            spent[type(metric).__name__] = (time.perf_counter() - began, sum(passes))
        return spent

    score()
    bare_seconds: list[float] = []
    spent = benchmark.pedantic(score, setup=lambda: bare_seconds.append(median(timings(forward, 1.0))), rounds=5)
    passed = sum(count for _, count in spent.values())
    needed = [passed * seconds / BARE_BATCH for seconds in bare_seconds]
    benchmark.extra_info |= {
        "forward_passes_per_image": passed / IMAGES,
        "overhead": median(map(truediv, benchmark.stats.stats.data, needed)),
        "per_metric": {
            name: {"ms_per_image": 1000 * seconds / IMAGES, "forward_passes": count / IMAGES}
            for name, (seconds, count) in spent.items()
        },
    }
