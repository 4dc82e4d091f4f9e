"""What scoring costs beyond the forward passes that the metrics need."""

import time
from statistics import median

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from bench import settings
from bench.loading import create_teacher, serve
from bench.metrics.base import Batch, Method
from bench.stages.score import build_metrics
from bench.throughput.test_explainers import CLASSES, timings
from methods import runtime
from methods.classifier import Classifier
from methods.explainers.base import Explainer
from methods.explainers.grad_cam import GradCam
from methods.masking import class_probabilities
from methods.resize import upsample
from methods.runtime import Runtime

SIZE, IMAGES, PARTS = 224, 8, 15
BARE_BATCH = 32  # of the forward passes that scoring is measured against


class Counted(Classifier):
    """A classifier that counts the images that pass through it."""

    passed = 0

    def logits_of_normalised(self, normalised: Tensor) -> Tensor:
        """See `Classifier.logits_of_normalised`."""
        Counted.passed += len(normalised)
        return super().logits_of_normalised(normalised)

    def features(self, images: Tensor) -> Tensor:
        """See `Classifier.features`."""
        Counted.passed += len(images)
        return super().features(images)


@pytest.fixture(scope="session")
def teacher(machine: Runtime) -> Classifier:
    """Return a MobileNetV2 with random weights that counts its forward passes."""
    scratch = create_teacher(settings.TeacherSettings("mobilenetv2_100"), CLASSES, 0)
    quick = serve(scratch, SIZE, machine)
    counted = Counted(quick.backbone, quick.mean.flatten().tolist(), quick.std.flatten().tolist())
    return machine.place(counted).requires_grad_(False)  # type: ignore[return-value]


@pytest.fixture(scope="session")
def machine(chosen: settings.Experiment) -> Runtime:
    """Return the runtime in which scoring is timed."""
    return runtime.start(chosen.device, chosen.precision)


def batch_of(teacher: Classifier, method: Explainer, machine: Runtime) -> Batch:
    """Return random images with every annotation that a metric may ask for."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (IMAGES, 3, SIZE, SIZE), generator=generator).to(torch.uint8)
    images, device = machine.images(pixels), machine.device
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
    benchmark: BenchmarkFixture, chosen: settings.Experiment, machine: Runtime, teacher: Classifier
) -> None:
    """Score Grad-CAM maps under all metrics; compare with bare forward passes, taken in the same run.

    `overhead` is the time over that of the forward passes which the metrics ask for, counted; the
    map is one of the explainer's own, smooth, which is the hard case for ROAD.
    """
    metrics, method = build_metrics(chosen), GradCam()
    batch = batch_of(teacher, method, machine)
    saliency = upsample(method.explain(teacher, batch.images, batch.targets, batch.seeds), (SIZE, SIZE))
    bare = batch.images.repeat(BARE_BATCH // IMAGES, 1, 1, 1).contiguous(memory_format=torch.channels_last)

    def forward() -> None:
        with torch.inference_mode(), machine.autocast():
            teacher(bare)
        machine.synchronise()

    def score() -> dict[str, tuple[float, int]]:
        spent = {}
        for metric in metrics:
            Counted.passed, began = 0, time.perf_counter()
            with torch.no_grad(), machine.autocast():
                metric(teacher, batch, saliency)
            machine.synchronise()
            spent[type(metric).__name__] = (time.perf_counter() - began, Counted.passed)
        return spent

    score()
    per_image = median(timings(forward, 3.0)) / BARE_BATCH
    spent = benchmark.pedantic(score, rounds=3, iterations=1)
    passed = sum(count for _, count in spent.values())
    benchmark.extra_info |= {
        "forward_passes_per_image": passed / IMAGES,
        "overhead": benchmark.stats.stats.median / (passed * per_image),
        "per_metric": {
            name: {"ms_per_image": 1000 * seconds / IMAGES, "forward_passes": count / IMAGES}
            for name, (seconds, count) in spent.items()
        },
    }
