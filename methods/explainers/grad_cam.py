"""Grad-CAM."""

from dataclasses import dataclass

from torch import Tensor, nn

from methods.classifier import Classifier
from methods.explainers.base import Explainer


@dataclass(frozen=True)
class GradCam(Explainer):
    """Gradient-weighted class activation mapping, from the last convolutional stage.

    `map = relu(sum_k w_k A_k)`, `w_k = mean over positions of d logit_c / d A_k`, A the features.
    The gradient goes through the head alone, so the cost is one forward pass and little more.

    Selvaraju et al., ICCV 2017, https://arxiv.org/abs/1610.02391
    """

    def explain(self, model: nn.Module, images: Tensor, targets: Tensor, seeds: Tensor) -> Tensor:
        """See `Explainer.explain`; h x w is the size of the last feature map."""
        assert isinstance(model, Classifier)
        features, gradient = model.features_and_gradient(images, targets)
        return (gradient.mean((2, 3), keepdim=True) * features).sum(1).relu().float()
