"""A timm model as features and head, with its own preprocessing and source of weights."""

from collections.abc import Mapping, Sequence
from typing import Any

import timm
import torch
from timm.data import resolve_model_data_config
from torch import Tensor, nn

from methods.class_token import last_read, logits_after, reads_class_token
from methods.errors import UserError, one_of
from methods.network_settings import NetworkSettings
from methods.replay import replayed
from methods.token_maps import from_map, to_map
from methods.weights import head_prefixes, load_backbone, read_weights, unlike, weights_file


class Classifier(nn.Module):
    """A classifier of RGB images in [0, 1]: normalisation, features, head.

    timm guarantees that the head applied to the features is the whole model, so gradients with
    respect to the features need no hooks. A vision transformer that classifies by its class token has other features,
    see `class_token.py`, and no head that reads them alone.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.backbone = backbone
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(1, 3, 1, 1))

    def normalise(self, images: Tensor) -> Tensor:
        """RGB in [0, 1] to the network's own input space, [B, 3, H, W]."""
        return (images - self.mean) / self.std

    def features(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] in [0, 1] -> [B, C, h, w], the last convolutional stage or a transformer's last patches."""
        return replayed(self, self._features, images)

    @property
    def pools_features(self) -> bool:
        """Whether `head` makes the logits of the features alone."""
        return not reads_class_token(self.backbone)

    def head(self, features: Tensor) -> Tensor:
        """[B, C, h, w] -> [B, K] logits.

        Raises:
            UserError: the network classifies by its class token.
        """
        if not self.pools_features:
            raise UserError(
                f"'{type(self.backbone).__name__}' classifies by its class token, not by its last features: "
                "set arguments: {global_pool: avg}, or choose another network"
            )
        return self.backbone.forward_head(from_map(features, self.backbone))  # type: ignore[operator]

    def features_and_gradient(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features and the gradient of each target's logit at them, [B, C, h, w] each.

        The gradient goes through the head alone: one forward pass of the backbone, and almost nothing more.
        """
        with torch.inference_mode():
            return replayed(self, self._features_and_gradient, images, targets)

    def logits_of_normalised(self, normalised: Tensor) -> Tensor:
        """[B, 3, H, W] that `normalise` made -> [B, K] logits."""
        return replayed(self, self.backbone, normalised)

    def forward(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] in [0, 1] -> [B, K] logits."""
        return self.logits_of_normalised(self.normalise(images))

    def _features(self, images: Tensor) -> Tensor:
        return to_map(self._last(self.normalise(images))[0], self.backbone)

    def _last(self, normalised: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the last features as timm has them and, for a class token, what `last_read` returns beside."""
        if reads_class_token(self.backbone):
            return last_read(self.backbone, normalised)
        return self.backbone.forward_features(normalised), None  # type: ignore[operator]

    def _after(self, features: Tensor, last: Tensor, beside: Tensor | None) -> Tensor:
        """Return the logits of features [B, C, h, w] in the place of those in `_last`."""
        if beside is None:
            return self.head(features)
        return logits_after(self.backbone, from_map(features, self.backbone, last), beside)

    def _features_and_gradient(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        last, beside = self._last(self.normalise(images))
        features = to_map(last, self.backbone)
        with torch.inference_mode(False), torch.enable_grad():
            leaf = features.clone().requires_grad_()
            logits = self._after(leaf, last, beside)
            # Not by one_hot, which waits for the device; gather refuses a class that the network does not have.
            classes = torch.arange(logits.shape[1], device=targets.device)
            explained = classes == classes.gather(0, targets).unsqueeze(1)
            (gradient,) = torch.autograd.grad(logits, leaf, explained.to(logits.dtype))
        return features, gradient


def create(
    architecture: str,
    classes: int,
    weights: str = "scratch",
    arguments: Mapping[str, Any] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Classifier:
    """Build a classifier.

    Args:
        architecture: a timm model.
        classes: number of outputs; a head of another size in the weights is left out.
        weights: `scratch`, `pretrained` (downloaded by timm) or a safetensors file.
        arguments: further arguments of `timm.create_model`.
        mean, std: preprocessing; timm's for this model if None.

    Raises:
        UserError: unknown architecture or argument, or weights that cannot be had or do not fit.
    """
    backbone = _backbone(architecture, classes, weights == "pretrained", arguments or {})
    if weights not in ("scratch", "pretrained"):
        load_backbone(backbone, weights_file(weights), architecture)
    config = resolve_model_data_config(backbone)
    return Classifier(backbone, mean or config["mean"], std or config["std"])


def from_settings(settings: NetworkSettings, classes: int, weights: str | None = None) -> Classifier:
    """Build the classifier that `settings` describe; `weights` overrides theirs. See `create`."""
    return create(
        settings.architecture, classes, weights or settings.weights, settings.arguments, settings.mean, settings.std
    )


def check_source(settings: NetworkSettings) -> None:
    """Refuse what can be seen to be wrong without building the network.

    Raises:
        UserError: unknown architecture, or weights that are not there.
    """
    _check_architecture(settings.architecture, settings.weights == "pretrained")
    if settings.weights not in ("scratch", "pretrained"):
        weights_file(settings.weights)


def check_trained(settings: NetworkSettings, classes: int) -> None:
    """Refuse settings by which the network, untrained, would answer by chance.

    Raises:
        UserError: weights from scratch, or weights whose head has another number of outputs than `classes`.
    """
    name = settings.architecture
    if settings.weights == "scratch":
        found = "random weights"
    elif settings.weights == "pretrained":
        known = timm.get_pretrained_cfg(name)
        found = "" if known and known.num_classes == classes else "a random head: timm's has other classes"
    else:
        backbone = _backbone(name, classes, False, settings.arguments)
        loaded = read_weights(weights_file(settings.weights))
        absent = [k for k in unlike(backbone.state_dict(), loaded) if k.startswith(head_prefixes(backbone))]
        found = f"a random head: '{settings.weights}' has no '{absent[0]}' of that size" if absent else ""
    if found:
        raise UserError(
            f"the teacher '{name}' would explain {classes} classes by {found}. "
            f"Give it a 'fit' section, or weights of a head of {classes} outputs"
        )


def check_finite(logits: Tensor, what: str) -> Tensor:
    """Return `logits`, or raise a `UserError` if any is NaN or infinite."""
    if not torch.isfinite(logits).all():
        raise UserError(f"{what} returns NaN or infinite scores: check its weights and preprocessing, or retrain it")
    return logits


def _backbone(architecture: str, classes: int, pretrained: bool, arguments: Mapping[str, Any]) -> nn.Module:
    _check_architecture(architecture, pretrained)
    try:
        return timm.create_model(architecture, pretrained=pretrained, num_classes=classes, **arguments)
    except Exception as error:  # whatever timm's constructors raise; an AssertionError often says nothing
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        if not pretrained:
            raise UserError(f"architecture '{architecture}' cannot be built ({reason}): check its arguments") from None
        _backbone(architecture, classes, False, arguments)
        raise UserError(
            f"weights of '{architecture}' could not be downloaded ({reason}): "
            "connect to a network, or name a local safetensors file"
        ) from None


def _check_architecture(architecture: str, pretrained: bool) -> None:
    if not timm.is_model(architecture):
        raise one_of("architecture", architecture, timm.list_models())
    if pretrained and not timm.is_model_pretrained(architecture):
        raise UserError(f"timm has no weights of '{architecture}': name a local safetensors file, or another network")
