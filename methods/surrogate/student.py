"""The student: a timm network with spatial attention at every stage and an explanation head."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from methods.classifier import Classifier
from methods.errors import UserError
from methods.replay import replayed
from methods.resize import upsample
from methods.surrogate.attention import ChannelAttention, Everywhere, SpatialAttention, attend
from methods.surrogate.evidence import class_evidence
from methods.surrogate.explanation_head import ExplanationHead
from methods.surrogate.stages import stage_features, stage_indices


class Student(nn.Module):
    """A distilled classifier that explains itself in one forward pass.

    The stages are those of `stages.py`. Each is weighted by its own spatial attention. The class logits are the head
    on the attended last features plus a linear reading of the attended mean of every other stage,
    so that distillation trains every attention; the map fuses all attended stages with the evidence for
    the class, see `ExplanationHead`.

    All departures from the bare classifier start at zero: with the teacher's weights inside, the student
    starts as the teacher, and its map as the teacher's class activation map.

    width: channels in which the stages are fused.
    attentive: weight the stages by attention; False leaves all features as they are (an ablation).
    channels_too: weight each stage's channels before its positions (an ablation).
    last_stage_only: read the map from the last features alone, at their size (an ablation).

    Raises:
        UserError: the network does not offer its stages, or does not classify by the last of them.
    """

    def __init__(
        self,
        classifier: Classifier,
        classes: int,
        image_size: int,
        width: int = 64,
        attentive: bool = True,
        channels_too: bool = False,
        last_stage_only: bool = False,
    ) -> None:
        super().__init__()
        if not classifier.pools_features:
            raise UserError(
                f"'{type(classifier.backbone).__name__}' classifies by its class token, which attention to its stages "
                "does not change: give the surrogate a 'student' of another architecture, or one with "
                "arguments: {global_pool: avg}"
            )
        self.last_stage_only = last_stage_only
        self.classifier = classifier
        self.stages = stage_indices(classifier, image_size)
        with torch.no_grad():
            features = stage_features(classifier, self.stages, torch.zeros(1, 3, image_size, image_size))
        channels = [stage.shape[1] for stage in features]
        self.gates = nn.ModuleList(ChannelAttention(count) if channels_too else nn.Identity() for count in channels)
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
        return replayed(self, self._forward, images, *(() if targets is None else (targets,)))

    def _forward(self, images: Tensor, targets: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.read(self.attended(images), targets)

    def attended(self, images: Tensor) -> list[Tensor]:
        """Return the stages, weighted by their attention, finest first, [B, C_s, h_s, w_s] each."""
        return [attend(stage, attention(stage)) for stage, attention in self._gated(images)]

    def read(self, attended: Sequence[Tensor], targets: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Classify and explain by attended stages; see `forward`."""
        logits = self.classifier.head(attended[-1])
        for reading, stage in zip(self.readings, attended, strict=False):
            logits = logits + reading(stage.mean((2, 3)))
        chosen = logits.argmax(1) if targets is None else targets
        evidence = class_evidence(self.classifier, attended[-1], chosen)
        return logits, self.explanation_head(attended[-1:] if self.last_stage_only else attended, evidence, chosen)

    def attention_maps(self, images: Tensor) -> list[Tensor]:
        """Return the attention of each stage, finest first, [B, H, W] in (0, 1)."""
        size = (images.shape[-2], images.shape[-1])
        return [upsample(attention(stage).squeeze(1), size) for stage, attention in self._gated(images)]

    def _gated(self, images: Tensor) -> list[tuple[Tensor, nn.Module]]:
        stages = stage_features(self.classifier, self.stages, images)
        return [(gate(stage), a) for stage, gate, a in zip(stages, self.gates, self.attentions, strict=True)]
