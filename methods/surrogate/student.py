"""The student: a timm network with spatial attention at every stage and an explanation head."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from methods.classifier import Classifier
from methods.errors import UserError
from methods.resize import upsample
from methods.surrogate.attention import Everywhere, SpatialAttention, attend
from methods.surrogate.evidence import class_evidence
from methods.surrogate.explanation_head import ExplanationHead


class Student(nn.Module):
    """A distilled classifier that explains itself in one forward pass.

    The stages are timm's intermediate features of stride 4 and coarser, and the last features
    before the head. Each is weighted by its own spatial attention. The class logits are the head
    on the attended last features plus a linear reading of the attended mean of every other stage,
    so that distillation trains every attention; the map fuses all attended stages with the evidence for
    the class, see `ExplanationHead`.

    All departures from the bare classifier start at zero: with the teacher's weights inside, the student
    starts as the teacher, and its map as the teacher's class activation map.

    width: channels in which the stages are fused.
    attentive: weight the stages by attention; False leaves all features as they are (an ablation).
    last_stage_only: read the map from the last features alone, at their size (an ablation).
    """

    def __init__(
        self,
        classifier: Classifier,
        classes: int,
        image_size: int,
        width: int = 64,
        attentive: bool = True,
        last_stage_only: bool = False,
    ) -> None:
        super().__init__()
        self.last_stage_only = last_stage_only
        self.classifier = classifier
        self.stages = _stages(classifier, image_size)
        with torch.no_grad():
            features = self._features(torch.zeros(1, 3, image_size, image_size))
        channels = [stage.shape[1] for stage in features]
        self.attentions = nn.ModuleList(SpatialAttention(count) if attentive else Everywhere() for count in channels)
        self.readings = nn.ModuleList(nn.Linear(count, classes) for count in channels[:-1])
        for reading in self.readings:
            nn.init.zeros_(reading.weight)  # type: ignore[arg-type]
            nn.init.zeros_(reading.bias)  # type: ignore[arg-type]
        self.explanation_head = ExplanationHead(channels[-1:] if last_stage_only else channels, classes, width)

    def forward(self, images: Tensor, targets: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Classify and explain.

        Args:
            images: [B, 3, H, W], RGB in [0, 1].
            targets: [B], the classes to explain; None takes the student's own predictions.

        Returns:
            class logits [B, K] and map logits [B, h, w] at the size of the finest stage.
        """
        features = self._features(images)
        attended = [attend(f, attention(f)) for f, attention in zip(features, self.attentions, strict=True)]
        logits = self.classifier.head(attended[-1])
        for reading, stage in zip(self.readings, attended, strict=False):
            logits = logits + reading(stage.mean((2, 3)))
        chosen = logits.argmax(1) if targets is None else targets
        evidence = class_evidence(self.classifier, attended[-1], chosen)
        return logits, self.explanation_head(attended[-1:] if self.last_stage_only else attended, evidence, chosen)

    def attention_maps(self, images: Tensor) -> list[Tensor]:
        """Return the attention of each stage, finest first, [B, H, W] in (0, 1)."""
        size = (images.shape[-2], images.shape[-1])
        features = self._features(images)
        return [upsample(a(f).squeeze(1), size) for f, a in zip(features, self.attentions, strict=True)]

    def _features(self, images: Tensor) -> list[Tensor]:
        last, inner = self.classifier.backbone.forward_intermediates(  # type: ignore[operator]
            self.classifier.normalise(images), indices=self.stages
        )
        return [*inner, last] if inner[-1] is not last else list(inner)


def _stages(classifier: Classifier, image_size: int) -> Sequence[int]:
    """Indices of the intermediate features at most a quarter of the image wide."""
    backbone = classifier.backbone
    if not hasattr(backbone, "forward_intermediates"):
        raise UserError(
            f"architecture '{type(backbone).__name__}' does not offer its stages (forward_intermediates): "
            "choose another one for the student"
        )
    with torch.no_grad():
        zeros = torch.zeros(1, 3, image_size, image_size)
        inner = backbone.forward_intermediates(zeros, intermediates_only=True)  # type: ignore[operator]
    return [i for i, stage in enumerate(inner) if stage.dim() == 4 and stage.shape[-1] * 4 <= image_size]
