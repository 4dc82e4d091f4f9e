"""One fine-grained map from the attended features of all stages."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from methods.resize import upsample


class ExplanationHead(nn.Module):
    """Fuse all stages at the size of the finest and read the map of one class.

    `fused = sum_s upsample(BN(lateral_s(F_s)))`, refined by a depthwise 3x3 and a 1x1 convolution;
    `logit(x, y) = <query_c, refined(x, y)> / sqrt(width) + bias`, one learned query per class.
    """

    def __init__(self, channels: Sequence[int], classes: int, width: int = 64) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(
            nn.Sequential(nn.Conv2d(count, width, 1, bias=False), nn.BatchNorm2d(width)) for count in channels
        )
        self.refine = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 1),
        )
        self.queries = nn.Embedding(classes, width)
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, stages: Sequence[Tensor], targets: Tensor) -> Tensor:
        """[B, C_s, h_s, w_s] per stage, finest first, and [B] -> logits of the map, [B, h_0, w_0]."""
        size = (stages[0].shape[-2], stages[0].shape[-1])
        laterals = [lateral(stage) for lateral, stage in zip(self.laterals, stages, strict=True)]
        fused = sum((upsample(lateral, size) for lateral in laterals[1:]), laterals[0])
        refined = self.refine(fused)
        query = self.queries(targets) / refined.shape[1] ** 0.5
        return torch.einsum("bchw,bc->bhw", refined, query) + self.bias
