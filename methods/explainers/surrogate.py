"""The attentive surrogate."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from methods.classifier import Classifier
from methods.errors import UserError
from methods.explainers.base import Explainer
from methods.folding import folded
from methods.surrogate.losses import LossWeights, SurrogateObjective
from methods.surrogate.student import Student


@dataclass(frozen=True)
class Surrogate(Explainer):
    """A student distilled from the classifier, with spatial attention at every stage.

    One forward pass of the student gives the map of the class that the classifier predicted.

    width: channels in which the stages are fused.
    losses: weights of the terms in `SurrogateObjective`.

    Lee & Kim, Sensors 21(4):1280, 2021, https://doi.org/10.3390/s21041280. The abstract fixes a
    surrogate network developed by knowledge distillation, attention, regional information from
    all layers, a fine-grained map of the predicted class, and speed. Assumed here, because only the
    abstract was at hand: the student has the teacher's architecture and starts from its weights;
    one attention channel per stage; stages fused by summed 1x1 laterals at stride 4; one query
    per class; and the explanation losses through the frozen teacher.
    """

    width: Annotated[int, Field(gt=0)] = 64
    losses: LossWeights = field(default_factory=LossWeights)

    def explain(self, model: nn.Module, images: Tensor, targets: Tensor, seeds: Tensor) -> Tensor:
        """See `Explainer.explain`; `model` is the student; h x w is a quarter of the image's size."""
        with torch.inference_mode():
            _, logits = model(images, targets)
        return logits.float().sigmoid()

    def objective(self, teacher: Classifier, image_size: int) -> nn.Module:
        """See `Explainer.objective`."""
        return SurrogateObjective(self._student(teacher, image_size), folded(teacher, image_size), self.losses)

    def prepare(self, teacher: Classifier, weights: Mapping[str, Tensor], image_size: int) -> nn.Module:
        """Return the trained student."""
        if not weights:
            raise UserError("the surrogate has no weights: give it a 'fit' section in params.yaml and run fit")
        student = self._student(teacher, image_size)
        student.load_state_dict(dict(weights))
        return student

    def _student(self, teacher: Classifier, image_size: int) -> Student:
        classifier = deepcopy(teacher).cpu()
        return Student(classifier, _classes(classifier, image_size), image_size, self.width)


def _classes(classifier: Classifier, image_size: int) -> int:
    with torch.no_grad():
        return classifier.eval()(torch.zeros(1, 3, image_size, image_size)).shape[1]
