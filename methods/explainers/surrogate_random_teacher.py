"""The surrogate of a teacher that has forgotten everything, a control of its sanity."""

from dataclasses import dataclass

import torch

from methods.classifier import Classifier
from methods.folding import folded
from methods.randomisation import reinitialise
from methods.surrogate.attentive_surrogate import AttentiveSurrogate


@dataclass(frozen=True)
class SurrogateRandomTeacher(AttentiveSurrogate):
    """The surrogate distilled from, and trained through, the teacher with redrawn weights.

    Everything else is that of `surrogate`. Maps that come from the images or from the training alone would be as good
    as the surrogate's; maps that follow the teacher must explain the real one badly.

    student, width, losses: as in `surrogate`.

    Control of Lee & Kim 2021, https://doi.org/10.3390/s21041280, in the sense of
    Adebayo et al., NeurIPS 2018, https://arxiv.org/abs/1810.03292
    """

    def distilled(self, teacher: Classifier, image_size: int) -> Classifier:
        """See `AttentiveSurrogate.distilled`; every layer is redrawn with its own mean and deviation, from seed 0."""
        forgotten = folded(teacher, image_size)  # a copy
        generator = torch.Generator().manual_seed(0)
        for layer in forgotten.modules():
            reinitialise(layer, generator)
        return forgotten
