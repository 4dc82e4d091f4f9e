"""Score-CAM."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from methods.batch_size import chunk
from methods.classifier import Classifier
from methods.explainers.base import Explainer
from methods.masking import Masks, masked_probabilities, upsampled
from methods.resize import upsample


@dataclass(frozen=True)
class ScoreCam(Explainer):
    """Score-weighted class activation mapping, one forward pass per channel.

    Channel k of the last features, upsampled and min-max scaled, masks the normalised image; the
    softmax probability of the class is its weight, without subtraction of a baseline;
    `map = relu(sum_k w_k upsampled(A_k))` with the activations as they are. Constant channels are
    skipped, since their mask is undefined.

    Wang et al., CVPR workshops 2020, https://arxiv.org/abs/1910.01279. As in the authors' code,
    the mask multiplies the image after preprocessing.
    """

    def explain(self, model: nn.Module, images: Tensor, targets: Tensor, seeds: Tensor) -> Tensor:
        """See `Explainer.explain`; h x w is the size of the image."""
        assert isinstance(model, Classifier)
        with torch.inference_mode():
            features = model.features(images).float()
            maps = [
                self._one(model, image, activation, target)
                for image, activation, target in zip(images, features, targets, strict=True)
            ]
        return torch.stack(maps)

    def _one(self, model: Classifier, image: Tensor, activation: Tensor, target: Tensor) -> Tensor:
        size = (image.shape[-2], image.shape[-1])
        live = activation[activation.amax((1, 2)) > activation.amin((1, 2))]
        if not len(live):
            return image.new_zeros(size)
        weights = masked_probabilities(model, image, self.masks(live, size), target)
        # Upsampling is linear, so the weighted sum is taken at the features' size.
        return upsample((weights.view(-1, 1, 1) * live).sum(0), size).relu()

    def masks(self, live: Tensor, size: tuple[int, int]) -> Iterator[Masks]:
        """Yield masks of H x W pixels for channels [C, h, w], scaled by the extremes that they have there."""
        for some in live.split(chunk(live.device)):
            large = upsampled(some, size).dense()
            low, high = (extreme((1, 2)).view(-1, 1, 1) for extreme in (large.amin, large.amax))
            yield upsampled((some - low) / (high - low).where(high > low, 1.0), size)
