"""A world in which the true explanation is known: one bright square decides the class."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.metrics.base import Batch, Method
from methods.classifier import Classifier
from methods.explainers.base import Explainer
from methods.masking import class_probabilities
from methods.resize import upsample

SIZE, SIDE, COUNT = 32, 8, 3


class SquareDetector(nn.Module):
    """Two classes; the logit of class 0 grows with the brightness of a small square."""

    def __init__(self) -> None:
        super().__init__()
        self.template = nn.Parameter(truth()[0] / (3 * SIDE**2), requires_grad=False)

    def forward_features(self, normalised: Tensor) -> Tensor:
        return torch.nn.functional.avg_pool2d((normalised * self.template).sum(1, keepdim=True) * SIZE**2, 4)

    def forward_head(self, features: Tensor) -> Tensor:
        seen = features.mean((1, 2, 3))
        return torch.stack([8 * seen - 3, torch.zeros_like(seen)], 1)

    def forward(self, normalised: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(normalised))


@dataclass(frozen=True)
class Planted(Explainer):
    """Gives the same maps whatever the image; `truth` alone reads the network.

    kind: of planted maps, or `fixed` for those in `saliency`.
    """

    kind: str
    saliency: Tensor | None = None

    def explain(self, model: nn.Module, images: Tensor, targets: Tensor, seeds: Tensor) -> Tensor:
        saliency = (maps()[self.kind] if self.saliency is None else self.saliency)[seeds]
        if self.kind != "truth":
            return saliency
        learned = model.backbone.template - truth()[0] / (3 * SIDE**2)  # zero until it is forgotten
        return saliency + 3 * SIDE**2 * learned.to(saliency)


def model() -> Classifier:
    return Classifier(SquareDetector(), [0.0] * 3, [1.0] * 3)


def truth() -> Tensor:
    """1 on the square that decides, [COUNT, SIZE, SIZE]."""
    region = torch.zeros(COUNT, SIZE, SIZE)
    region[:, 12 : 12 + SIDE, 6 : 6 + SIDE] = 1
    return region


def batch(kind: str = "truth", saliency: Tensor | None = None) -> Batch:
    """Images whose square is bright; the square is the object, its box and its telling part.

    The second part is a square of background of which nothing depends, the third is hidden.
    """
    images = torch.rand(COUNT, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0)) * 0.3
    images[truth().bool().unsqueeze(1).expand_as(images)] = 0.95
    targets = torch.zeros(COUNT, dtype=torch.int64)
    nan, known = float("nan"), class_probabilities(model(), images, targets)
    gone = class_probabilities(model(), images * (1 - truth().unsqueeze(1)), targets)
    segments = truth().to(torch.uint8)
    segments[:, 22:30, 20:28] = 2
    return Batch(
        images=images,
        targets=targets,
        labels=targets,
        probabilities=known,
        seeds=torch.arange(COUNT),
        boxes=torch.tensor([[6.0, 12.0, 14.0, 20.0]]).expand(COUNT, 4),
        keypoints=torch.tensor([[[10.0, 16.0], [24.0, 26.0], [nan, nan]]]).expand(COUNT, 3, 2),
        segments=segments,
        telling=torch.tensor([[True, False, False]]).expand(COUNT, 3),
        removed=torch.stack([gone, known, torch.full_like(known, nan)], 1),
        swapped=torch.stack([gone, known, torch.full_like(known, nan)], 1),
        part_names=("square", "ground", "hidden"),
        method=Method(Planted(kind, saliency), model()),
    )


def maps() -> dict[str, Tensor]:
    """Planted maps, the best first; without ties, but for a few that rounding makes in the last."""
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
