"""Control: edges of the image."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.explainers.base import Explainer
from methods.runtime import exactly

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_KERNEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))


@dataclass(frozen=True)
class Sobel(Explainer):
    """Magnitude of the Sobel gradient of the grey image: knows the image, not the model.

    Recommended as a control by Adebayo et al., NeurIPS 2018, https://arxiv.org/abs/1810.03292
    """

    def explain(self, model: nn.Module, images: Tensor, targets: Tensor, seeds: Tensor) -> Tensor:
        """See `Explainer.explain`; h x w is the size of the image."""
        grey = (images * images.new_tensor(_LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
        kernel = images.new_tensor(_KERNEL)
        padded = F.pad(grey, (1, 1, 1, 1), mode="replicate")
        with exactly(images):
            gradients = F.conv2d(padded, torch.stack([kernel, kernel.T]).unsqueeze(1))
        return gradients.square().sum(1).sqrt().float()
