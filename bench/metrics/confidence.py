"""Average drop, increase in confidence and average gain."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from bench.metrics.base import Batch, Column, Metric
from methods.classifier import Classifier
from methods.masking import class_probabilities
from methods.resize import min_max


@dataclass(frozen=True)
class Confidence(Metric):
    """What happens to the class when only the salient part of the image is shown, in percent.

    With y the probability on the image and o on the image times its min-max scaled map, in RGB
    before preprocessing: `average_drop = 100 max(0, y - o) / y`,
    `increase_in_confidence = 100 [o > y]`, `average_gain = 100 max(0, o - y) / (1 - y)`.

    Chattopadhay et al., WACV 2018, https://arxiv.org/abs/1710.11063; average gain: Zhang et al.
    2023 (Opti-CAM), https://arxiv.org/abs/2301.07002. Masking before preprocessing as in L-CAM
    and TAME.
    """

    columns: ClassVar[dict[str, Column]] = {
        "average_drop": Column("Average drop (%)", "lower"),
        "increase_in_confidence": Column("Increase in confidence (%)", "higher"),
        "average_gain": Column("Average gain (%)", "higher"),
    }
    choices: ClassVar[dict[str, str]] = {
        "masking": "RGB before preprocessing",
        "baseline": "black",
        "mask": "min-max scaled map",
    }

    def score(self, model: Classifier, batch: Batch, saliency: Tensor) -> dict[str, Tensor]:
        """See `Metric.score`."""
        shown = batch.images * min_max(saliency).unsqueeze(1)
        before, after = batch.probabilities, class_probabilities(model, shown, batch.targets)
        tiny = 1e-12
        return {
            "average_drop": 100 * (before - after).clamp(min=0) / before.clamp(min=tiny),
            "increase_in_confidence": 100 * (after > before).float(),
            "average_gain": 100 * (after - before).clamp(min=0) / (1 - before).clamp(min=tiny),
        }
