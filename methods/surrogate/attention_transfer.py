"""Attention transfer: a student whose stages are active where the teacher's are."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from methods.resize import upsample


def attention_transfer(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
    """How far the student's stages are from being active where the teacher's are; [B, C_s, h_s, w_s] each -> scalar.

    Networks of as many stages are compared stage by stage; else each stage of the student, at its own size, with the
    teacher's of the nearest size, the later of equals.

    Zagoruyko & Komodakis, ICLR 2017, https://arxiv.org/abs/1612.03928; with means over channels and images.
    """
    distances = []
    for features, original in zip(student, _counterparts(student, teacher), strict=True):
        aim = upsample(_activation(original), (features.shape[-2], features.shape[-1]))
        own, other = (F.normalize(activation.flatten(1), dim=1) for activation in (_activation(features), aim))
        distances.append((own - other).square().sum(1).mean())
    return torch.stack(distances).mean()


def _counterparts(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Sequence[Tensor]:
    if len(student) == len(teacher):
        return teacher
    return [min(reversed(teacher), key=lambda stage: abs(stage.shape[-1] - own.shape[-1])) for own in student]


def _activation(features: Tensor) -> Tensor:
    return features.float().square().mean(1)
