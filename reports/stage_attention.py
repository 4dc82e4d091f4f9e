"""The surrogate from within: the attention of each stage, and the map as its stages are added."""

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bench.artifacts import read_tensors
from bench.loading import build_explainer, load_model, load_teacher
from bench.settings import Experiment
from methods import runtime
from methods.explainers.base import Explainer
from methods.surrogate.student import Student
from reports.glossary import SURROGATE


@dataclass(frozen=True)
class StageAttention:
    """What G images look like inside; S stages, coarsest first.

    attention: [S, G, H, W], the weight that multiplies the features, mean 1 over each image.
    maps: [S, G, h, w]; entry s fuses the s + 1 coarsest stages, so that the last is the surrogate's map.
    """

    attention: Tensor
    maps: Tensor


def look(explainer: Explainer, student: Student, images: Tensor, targets: Tensor) -> StageAttention:
    """Look into a trained student.

    Args:
        explainer: the one that reads the student.
        images: [G, 3, H, W] in [0, 1], on the student's device.
        targets: [G], the explained classes.
    """
    with torch.inference_mode():
        weights = [one.float() / one.float().mean((1, 2), keepdim=True) for one in student.attention_maps(images)]
    count = len(weights)
    maps = [_fused(explainer, student, count - 1 - s, images, targets) for s in range(count)]
    return StageAttention(torch.stack(weights[::-1]).cpu(), torch.stack(maps).cpu())


def _fused(explainer: Explainer, student: Student, silenced: int, images: Tensor, targets: Tensor) -> Tensor:
    """Return the maps of a copy whose explanation head hears nothing of the `silenced` finest stages."""
    partial = deepcopy(student)
    for lateral in list(partial.explanation_head.laterals)[:silenced]:
        for parameter in lateral.parameters():
            parameter.data.zero_()
    seeds = torch.zeros(len(images), dtype=torch.int64)
    return explainer.explain(partial, images, targets, seeds).float()


def read(work: Path, experiment: Experiment, images: Tensor, targets: Tensor) -> StageAttention | None:
    """Look into the experiment's surrogate; None if it is not compared or was not trained.

    Args:
        work: the experiment's folder of networks.
        images: uint8 [G, 3, S, S].
        targets: [G], the explained classes.
    """
    teacher, fit = work / "teacher.safetensors", work / "fits" / f"{SURROGATE}.safetensors"
    trained = SURROGATE in experiment.explainers and teacher.is_file() and fit.is_file()
    if not trained or not len(images) or not read_tensors(fit):
        return None
    machine = runtime.start(experiment.device, experiment.precision)
    explainer = build_explainer(experiment, SURROGATE)
    classifier = load_teacher(teacher, experiment, machine)
    student = load_model(explainer, classifier, fit, experiment.image_size, machine)
    assert isinstance(student, Student)
    with machine.autocast():
        return look(explainer, student, machine.images(images), targets.to(machine.device))
