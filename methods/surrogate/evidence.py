"""What the student's own classification says about each position."""

import torch
from torch import Tensor

from methods.classifier import Classifier

CHANNELS = 2
_LEAST_SPREAD = 1e-3  # of logits over positions; below it a map is taken as flat


def class_evidence(classifier: Classifier, features: Tensor, targets: Tensor) -> Tensor:
    """Return how much each position of the last features speaks for a class, by the head of the network itself.

    The head reads each position as if it filled the image, which gives logits z(x, y). For a head that pools and
    is linear, z_c is the class activation map (Zhou et al., CVPR 2016, https://arxiv.org/abs/1512.04150). Its
    channels are z_c and log softmax_c(z), which asks for what speaks for this class more than for others; each
    is standardised over the positions of its image.

    Args:
        classifier: whose head reads.
        features: its last features, [B, C, h, w].
        targets: [B], the classes.

    Returns:
        [B, 2, h, w].
    """
    count, depth, height, width = features.shape
    positions = features.permute(0, 2, 3, 1).reshape(-1, depth, 1, 1)
    logits = classifier.head(positions).view(count, height * width, -1)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    chosen = targets.view(-1, 1, 1).expand(-1, height * width, 1)
    both = torch.cat([logits.gather(2, chosen), logits.log_softmax(2).gather(2, chosen)], 2).transpose(1, 2)
    return standardised(both.reshape(count, -1, height, width))


def standardised(maps: Tensor) -> Tensor:
    """Subtract each map's mean over positions and divide by its standard deviation; [..., h, w] -> same.

    A flat map becomes zeros, its gradient that of a division by the least spread: the root's own is infinite at 0.
    """
    centred = maps - maps.mean((-2, -1), keepdim=True)
    variance = centred.square().mean((-2, -1), keepdim=True)
    spreads = variance > 0
    return centred / (variance.where(spreads, 1.0).sqrt().where(spreads, 0.0) + _LEAST_SPREAD)
