"""ROAD."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from bench.metrics._curves import ranks
from bench.metrics._imputation import impute
from bench.metrics.base import Batch, Column, Curve, CurveMetric
from methods.batch_size import chunk
from methods.classifier import Classifier
from methods.masking import normalised_probabilities

Percentage = Annotated[int, Field(gt=0, lt=100)]


@dataclass(frozen=True)
class Road(CurveMetric):
    """Remove and debias: the class probability after pixels are replaced by what surrounds them.

    The most relevant (MoRF) or the least relevant (LeRF) p % of the pixels are imputed: each equals the
    weighted mean of its 8 neighbours, known or imputed, plus Gaussian noise. The value is the mean
    probability over the percentages. Unlike a constant colour, the imputed pixels are in distribution
    and show little of the mask's own shape.

    percentages: of the pixels that are removed.
    noise: standard deviation in the network's normalised space, 0.01 in the authors' code; drawn from
        each image's seed.
    tolerance: of the imputation's last correction, in the same unit, a fifth of the noise.

    Rong et al., ICML 2022, https://arxiv.org/abs/2202.00449. Deviations: the linear system is solved
    to the tolerance by multigrid instead of exactly by elimination; probability instead of accuracy.
    """

    columns: ClassVar[dict[str, Column]] = {
        "road_morf": Column("ROAD, most relevant first", "lower"),
        "road_lerf": Column("ROAD, least relevant first", "higher"),
    }
    choices: ClassVar[dict[str, str]] = {
        "baseline": "noisy linear imputation, weights 1/6 and 1/12",
        "masking": "normalised space",
    }
    percentages: Annotated[tuple[Percentage, ...], Field(min_length=1)] = (10, 20, 30, 40, 50, 60, 70, 80, 90)
    noise: Annotated[float, Field(ge=0)] = 0.01
    tolerance: Annotated[float, Field(gt=0)] = 2e-3

    def curves(self, model: Classifier, batch: Batch, saliency: Tensor) -> dict[str, Curve]:
        """See `CurveMetric.curves`."""
        images = zip(model.normalise(batch.images), batch.targets, ranks(saliency), batch.seeds, strict=True)
        both = torch.stack([self._one(model, *one) for one in images]).to(saliency.dtype)
        fractions = torch.tensor(self.percentages, device=saliency.device) / 100
        return {"road_morf": Curve(fractions, both[:, 0]), "road_lerf": Curve(fractions, both[:, 1])}

    def summary(self, curve: Curve) -> Tensor:
        """See `CurveMetric.summary`."""
        return curve.probabilities.mean(1)

    def _one(self, model: Classifier, image: Tensor, target: Tensor, position: Tensor, seed: Tensor) -> Tensor:
        """Probability at each percentage for both orders, [2, n]; position [H, W], see `ranks`."""
        total = position.numel()
        counts = torch.tensor([round(total * share / 100) for share in self.percentages], device=image.device)
        counts = counts.clamp(1, total - 1).view(-1, 1, 1)
        missing = torch.cat([position < counts, position >= total - counts])
        noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(int(seed))).to(image) * self.noise
        scores = []
        for some in missing.split(chunk(image.device)):
            copies = impute(image, some, self.tolerance).addcmul_(noise, some.to(noise.dtype).unsqueeze(1))
            copies = copies.contiguous(memory_format=torch.channels_last)
            scores.append(normalised_probabilities(model, copies, target.expand(len(copies))))
        return torch.cat(scores).view(2, -1)
