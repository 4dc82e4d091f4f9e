"""The stages of a classifier: timm's intermediate features of stride 4 and coarser, and the last features."""

from collections.abc import Sequence

import torch
from torch import Tensor

from methods.classifier import Classifier
from methods.errors import UserError
from methods.token_maps import to_map


def stage_indices(classifier: Classifier, image_size: int) -> Sequence[int]:
    """Return the indices of timm's intermediate features of stride 4 or coarser.

    Raises:
        UserError: the network does not offer its stages.
    """
    backbone = classifier.backbone
    if not hasattr(backbone, "forward_intermediates"):
        raise UserError(
            f"architecture '{type(backbone).__name__}' does not offer its stages (forward_intermediates): "
            "choose another one for the student"
        )
    with torch.no_grad():
        zeros = torch.zeros(1, 3, image_size, image_size).to(classifier.mean)
        inner = backbone.forward_intermediates(zeros, intermediates_only=True)  # type: ignore[operator]
    finest = -(-image_size // 4)  # strided convolutions round up
    return [i for i, stage in enumerate(inner) if stage.dim() == 4 and stage.shape[-1] <= finest]


def stage_features(classifier: Classifier, indices: Sequence[int], images: Tensor) -> list[Tensor]:
    """Return the stages, finest first and the last features at the end, [B, C_s, h_s, w_s] each."""
    last, inner = classifier.backbone.forward_intermediates(  # type: ignore[operator]
        classifier.normalise(images), indices=indices
    )
    return [*inner, to_map(last, classifier.backbone)] if inner[-1] is not last else list(inner)
