"""What the surrogate and its ablations share; the explainers beside it only choose the design."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from methods.classifier import Classifier, from_settings
from methods.errors import UserError
from methods.explainers.base import Explainer
from methods.folding import folded
from methods.network_settings import NetworkSettings
from methods.surrogate.losses import LossWeights, SurrogateObjective
from methods.surrogate.student import Student


@dataclass(frozen=True)
class AttentiveSurrogate(Explainer):
    """A student distilled from the classifier; one forward pass of it gives the map.

    student: the student's network; none takes the teacher's, with its weights.
    width: channels in which the stages are fused.
    losses: weights of the terms in `SurrogateObjective`.

    attentive, channels_too, last_stage_only, distil, explains: the design, see `Student` and `SurrogateObjective`.
    altered: of `losses`, whatever the settings say.
    """

    attentive: ClassVar[bool] = True
    channels_too: ClassVar[bool] = False
    last_stage_only: ClassVar[bool] = False
    distil: ClassVar[bool] = True
    explains: ClassVar[bool] = True
    altered: ClassVar[Mapping[str, float]] = {}
    student: NetworkSettings | None = None
    width: Annotated[int, Field(gt=0)] = 64
    losses: LossWeights = field(default_factory=LossWeights)

    def explain(self, model: nn.Module, images: Tensor, targets: Tensor, seeds: Tensor) -> Tensor:
        """See `Explainer.explain`; `model` is the student; h x w is the size of the finest stage it fuses."""
        with torch.inference_mode():
            _, logits = model(images, targets)
        return logits.float().sigmoid()

    def objective(self, teacher: Classifier, image_size: int) -> nn.Module:
        """See `Explainer.objective`."""
        original = folded(self.distilled(teacher, image_size), image_size)
        student = self._student(original, image_size)
        losses = replace(self.losses, **self.altered)
        return SurrogateObjective(student, original, losses, image_size, self.distil, self.explains)

    def prepare(self, teacher: Classifier, weights: Mapping[str, Tensor], image_size: int) -> nn.Module:
        """Return the trained student."""
        if not weights:
            raise UserError("the surrogate has no weights: give it a 'fit' section in params.yaml and run fit")
        student = self._student(folded(teacher, image_size), image_size, trained=True)
        student.load_state_dict(dict(weights))
        return student

    def distilled(self, teacher: Classifier, image_size: int) -> Classifier:
        """Return the network that the student is distilled from and explained through: the teacher."""
        return teacher

    def _student(self, original: Classifier, image_size: int, trained: bool = False) -> Student:
        """Build the student as training starts it, or of the same structure if `trained` weights follow."""
        original = deepcopy(original).cpu()
        classes = _classes(original, image_size)
        network = original if self.student is None else self._network(self.student, classes, image_size, trained)
        return Student(
            network, classes, image_size, self.width, self.attentive, self.channels_too, self.last_stage_only
        )

    def _network(self, settings: NetworkSettings, classes: int, image_size: int, trained: bool) -> Classifier:
        """Weights that exist are folded; a network from scratch keeps its batch norms, to learn with them."""
        network = from_settings(settings, classes, weights="scratch" if trained else None)
        return network.eval() if settings.weights == "scratch" else folded(network, image_size)


def _classes(classifier: Classifier, image_size: int) -> int:
    with torch.no_grad():
        return classifier.eval()(torch.zeros(1, 3, image_size, image_size)).shape[1]
