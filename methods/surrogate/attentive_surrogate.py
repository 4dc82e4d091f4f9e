"""What the surrogate and its ablations share; the explainers beside it only choose the design."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

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
class AttentiveSurrogate(Explainer):
    """A student distilled from the classifier; one forward pass of it gives the map.

    width: channels in which the stages are fused.
    losses: weights of the terms in `SurrogateObjective`.

    attentive, last_stage_only, distil, explains: the design, see `Student` and `SurrogateObjective`.
    """

    attentive: ClassVar[bool] = True
    last_stage_only: ClassVar[bool] = False
    distil: ClassVar[bool] = True
    explains: ClassVar[bool] = True
    width: Annotated[int, Field(gt=0)] = 64
    losses: LossWeights = field(default_factory=LossWeights)

    def explain(self, model: nn.Module, images: Tensor, targets: Tensor, seeds: Tensor) -> Tensor:
        """See `Explainer.explain`; `model` is the student; h x w is the size of the finest stage it fuses."""
        with torch.inference_mode():
            _, logits = model(images, targets)
        return logits.float().sigmoid()

    def objective(self, teacher: Classifier, image_size: int) -> nn.Module:
        """See `Explainer.objective`."""
        student = self._student(teacher, image_size)
        return SurrogateObjective(student, folded(teacher, image_size), self.losses, self.distil, self.explains)

    def prepare(self, teacher: Classifier, weights: Mapping[str, Tensor], image_size: int) -> nn.Module:
        """Return the trained student."""
        if not weights:
            raise UserError("the surrogate has no weights: give it a 'fit' section in params.yaml and run fit")
        student = self._student(teacher, image_size)
        student.load_state_dict(dict(weights))
        return student

    def _student(self, teacher: Classifier, image_size: int) -> Student:
        classifier = folded(deepcopy(teacher).cpu(), image_size)
        classes = _classes(classifier, image_size)
        return Student(classifier, classes, image_size, self.width, self.attentive, self.last_stage_only)


def _classes(classifier: Classifier, image_size: int) -> int:
    with torch.no_grad():
        return classifier.eval()(torch.zeros(1, 3, image_size, image_size)).shape[1]
