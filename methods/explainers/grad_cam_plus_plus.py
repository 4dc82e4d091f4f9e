"""Grad-CAM++."""

from dataclasses import dataclass

from torch import Tensor, nn

from methods.classifier import Classifier
from methods.explainers.base import Explainer


@dataclass(frozen=True)
class GradCamPlusPlus(Explainer):
    """Grad-CAM with a weight per position instead of their mean.

    With A the features and g the gradient of the logit, `a_k = g_k^2 / (2 g_k^2 + sum(A_k) g_k^3)` where g is
    not 0, and `map = relu(sum_k A_k sum(a_k relu(g_k)))`: the score is the exponential of the logit, whose
    higher derivatives are powers of g; its common factor exp(logit) does not change the map's shape.

    Chattopadhay et al., WACV 2018, https://arxiv.org/abs/1710.11063, equations 10 and 19.
    Deviation: the authors' code also divides a_k by its sum over the positions where g is above 0; the paper does not.
    """

    def explain(self, model: nn.Module, images: Tensor, targets: Tensor, seeds: Tensor) -> Tensor:
        """See `Explainer.explain`; h x w is the size of the last feature map."""
        assert isinstance(model, Classifier)
        features, gradient = model.features_and_gradient(images, targets)
        denominator = 2 * gradient**2 + features.sum((2, 3), keepdim=True) * gradient**3
        share = (gradient**2 / denominator).where((gradient != 0) & (denominator != 0), 0.0)
        weights = (share * gradient.relu()).sum((2, 3), keepdim=True)
        return (weights * features).sum(1).relu().float()
