"""One fine-grained map from the attended features of all stages."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from methods.resize import upsample
from methods.surrogate.evidence import CHANNELS, standardised


class ExplanationHead(nn.Module):
    """Fuse all stages at the size of the finest, and correct the coarse evidence for the class by what they show.

    `fused = sum_s upsample(BN(lateral_s(F_s)) + [s is last] lateral_e(E))`, refined by a depthwise 3x3 convolution;
    `z(x, y) = <gain, upsample(E)> + <query + query_c, refined(x, y)>`, with E of `class_evidence`;
    `logit = (z - mean z) / std z`, over the positions of the image.

    Standardised logits fix how much of an image a map shows, so that training decides where, and neither everything
    nor nothing is a way out. Their sigmoid keeps grey values apart: it is far from 0 and 1, where pixels would tie.

    All queries start at zero and the gain at (1, 0): the map starts as the class activation map, and every
    departure from it is learned, for all classes together and for each one. Borders are padded by repetition,
    since zeros can be told from the image.
    """

    def __init__(self, channels: Sequence[int], classes: int, width: int = 64) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(
            nn.Sequential(nn.Conv2d(count, width, 1, bias=False), nn.BatchNorm2d(width)) for count in channels
        )
        self.of_evidence = nn.Conv2d(CHANNELS, width, 1, bias=False)
        self.refine = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, padding_mode="replicate", groups=width, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        )
        self.query = nn.Parameter(torch.zeros(width))
        self.queries = nn.Embedding(classes, width, _weight=torch.zeros(classes, width))
        self.gain = nn.Parameter(torch.eye(CHANNELS)[0])

    def forward(self, stages: Sequence[Tensor], evidence: Tensor, targets: Tensor) -> Tensor:
        """[B, C_s, h_s, w_s] per stage, finest first, [B, 2, h, w] and [B] -> logits of the map, [B, h_0, w_0]."""
        size = (stages[0].shape[-2], stages[0].shape[-1])
        laterals = [lateral(stage) for lateral, stage in zip(self.laterals, stages, strict=True)]
        laterals[-1] = laterals[-1] + self.of_evidence(evidence)
        fused = sum((upsample(lateral, size) for lateral in _by_size(laterals[1:])), laterals[0])
        coarse = (self.gain.view(1, -1, 1, 1) * evidence).sum(1)
        correction = torch.einsum("bchw,bc->bhw", self.refine(fused), self.query + self.queries(targets))
        total = upsample(coarse, size) + correction
        return standardised(total.to(torch.promote_types(total.dtype, torch.float32)))


def _by_size(maps: Sequence[Tensor]) -> list[Tensor]:
    """Add those of the same size, so that each size is enlarged once."""
    sums: dict[torch.Size, Tensor] = {}
    for one in maps:
        sums[one.shape] = sums[one.shape] + one if one.shape in sums else one
    return list(sums.values())
