"""A world in which the true explanation is known: one bright square decides the class."""

import torch
from torch import Tensor, nn

from bench.metrics.base import Batch
from methods.classifier import Classifier
from methods.masking import class_probabilities
from methods.resize import upsample

SIZE, SIDE, COUNT = 32, 8, 3


class SquareDetector(nn.Module):
    """Two classes; the logit of class 0 grows with the brightness of a small square."""

    def __init__(self) -> None:
        super().__init__()
        self.corner = (12, 6)

    def forward(self, normalised: Tensor) -> Tensor:
        y, x = self.corner
        seen = normalised[:, :, y : y + SIDE, x : x + SIDE].mean((1, 2, 3))
        return torch.stack([8 * seen - 3, torch.zeros_like(seen)], 1)


def model() -> Classifier:
    return Classifier(SquareDetector(), [0.0] * 3, [1.0] * 3)


def truth() -> Tensor:
    """1 on the square that decides, [COUNT, SIZE, SIZE]."""
    region = torch.zeros(COUNT, SIZE, SIZE)
    region[:, 12 : 12 + SIDE, 6 : 6 + SIDE] = 1
    return region


def batch() -> Batch:
    """Images whose square is bright; the square is the object, its box and its telling part."""
    images = torch.rand(COUNT, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0)) * 0.3
    images[truth().bool().unsqueeze(1).expand_as(images)] = 0.95
    targets = torch.zeros(COUNT, dtype=torch.int64)
    return Batch(
        images=images,
        targets=targets,
        probabilities=class_probabilities(model(), images, targets),
        boxes=torch.tensor([[6.0, 12.0, 14.0, 20.0]]).expand(COUNT, 4),
        keypoints=torch.tensor([[[10.0, 16.0], [float("nan"), float("nan")]]]).expand(COUNT, 2, 2),
        segments=truth().to(torch.uint8),
        telling=torch.tensor([[True, False]]).expand(COUNT, 2),
    )


def maps() -> dict[str, Tensor]:
    """Planted maps, the best first, each without ties."""
    noise = torch.rand(COUNT, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    blurred = upsample(torch.nn.functional.avg_pool2d(truth().unsqueeze(1), 4).squeeze(1), (SIZE, SIZE))
    peak = torch.zeros(COUNT, SIZE, SIZE)
    peak[:, 16, 10] = 0.01
    return {
        "truth": truth() + peak + 1e-3 * noise,
        "blurred": blurred + 0.3 * noise,
        "uniform": noise,
        "inverted": 1 - truth() - 1e-3 * noise,
    }
