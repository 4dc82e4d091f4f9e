"""Attention over one stage of the student."""

import torch.nn.functional as F
from torch import Tensor, nn

FAINTEST = 1e-30  # mean attention that is still made 1; gradients, divided by it, stay finite


class SpatialAttention(nn.Module):
    """One weight per position: a bottleneck, a 3x3 convolution and a sigmoid.

    The last layer starts at zero, so that attention starts uniform and every departure from
    uniformity is learned. In the spirit of CBAM's spatial branch (Woo et al., ECCV 2018,
    https://arxiv.org/abs/1807.06521), with learned instead of pooled channels.
    """

    def __init__(self, channels: int, width: int = 32) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, width, 1)
        self.act = nn.ReLU()
        self.score = nn.Conv2d(width, 1, 3, padding=1, padding_mode="replicate")
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        """[B, C, h, w] -> [B, 1, h, w] in (0, 1)."""
        return self.score(self.act(self.reduce(features))).sigmoid()


class Everywhere(nn.Module):
    """No attention: the same weight at every position."""

    def forward(self, features: Tensor) -> Tensor:
        """[B, C, h, w] -> ones [B, 1, h, w]."""
        return features.new_ones(len(features), 1, *features.shape[-2:])


class ChannelAttention(nn.Module):
    """Features weighted by one factor in (0, 2) per channel, read from their spatial means.

    Squeeze and excitation (Hu et al., CVPR 2018, https://arxiv.org/abs/1709.01507), which is the channel branch of
    CBAM with mean pooling. The last layer starts at zero and all factors at 1.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        width = max(channels // reduction, 8)
        self.squeeze = nn.Linear(channels, width)
        self.excite = nn.Linear(width, channels)
        nn.init.zeros_(self.excite.weight)
        nn.init.zeros_(self.excite.bias)

    def forward(self, features: Tensor) -> Tensor:
        """[B, C, h, w] -> same."""
        factors = 2 * self.excite(F.relu(self.squeeze(features.mean((2, 3))))).sigmoid()
        return features * factors[..., None, None]


def attend(features: Tensor, attention: Tensor) -> Tensor:
    """Weight features by attention of mean 1: [B, C, h, w], [B, 1, h, w] -> [B, C, h, w].

    The spatial mean of the result is the attention-weighted mean of the features. Attention that is 0 everywhere, as a
    sigmoid far below 0 is by underflow, leaves nothing of them.
    """
    return features * (attention / attention.mean((2, 3), keepdim=True).clamp_min(FAINTEST))
