"""What an explainer is to the benchmark."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn

from methods.classifier import Classifier
from methods.errors import UserError


class Explainer(ABC):
    """A method that explains one class of each image by a saliency map.

    Subclasses are frozen dataclasses whose fields are the hyper-parameters in params.yaml. An
    explainer holds no tensors and no state, leaves every network as it found it, and draws
    randomness from the seeds alone.

    random: the maps depend on the seeds, so that the spread over seeds is worth measuring.
    """

    random: ClassVar[bool] = False

    @abstractmethod
    def explain(self, model: nn.Module, images: Tensor, targets: Tensor, seeds: Tensor) -> Tensor:
        """Return one map per image; larger means more important to the class.

        Args:
            model: what `prepare` returned; in evaluation mode.
            images: [B, 3, H, W], RGB in [0, 1].
            targets: [B], the explained classes.
            seeds: [B], int64 on the CPU, one seed per image.

        Returns:
            [B, h, w], float32, at the method's native size, neither upsampled nor normalised.
        """

    def objective(self, teacher: Classifier, image_size: int) -> nn.Module | None:
        """Return what must be trained before this explainer can explain, or None.

        Whoever overrides this needs a `fit` section.

        The module maps (images [B, 3, H, W] in [0, 1], labels [B]) to a dict of loss terms, each a scalar. Their sum
        is minimised over all parameters of its sub-module `trained`, which are what is kept. The whole module is set
        to training mode: hold the teacher outside of `trained`, and `folded`.

        If `trained` gives logits [B, K] like the teacher's for images alone, by themselves or first in a tuple, its
        agreement with the teacher and its fidelity are measured too; of anything else they are left out.
        """
        return None

    def prepare(self, teacher: Classifier, weights: Mapping[str, Tensor], image_size: int) -> nn.Module:
        """Return the network that `explain` reads: by default the explained classifier itself.

        An explainer that learns builds its network here and gives it `weights`, what its objective's `trained` learned.
        It is run once to be made faster: it takes images alone and returns a tensor or a tuple of tensors.
        """
        if weights:
            raise UserError(
                f"explainer '{type(self).__name__}' has learned weights and no use for them: define `prepare`"
            )
        return teacher
