"""How faithfully a student stands for its teacher."""

from collections.abc import Callable
from inspect import signature

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.training import predict
from methods.random_masks import random_masks
from methods.runtime import Runtime

CELLS, PROBABILITY = 7, 0.5  # of the masks, as in RISE
NOISE = 0.1  # standard deviation, of RGB in [0, 1]
Change = Callable[[Tensor], Tensor]


def fidelity(student: nn.Module, teacher: nn.Module, images: Tensor, machine: Runtime) -> dict[str, dict[str, float]]:
    """Compare the networks on images as they are, under one RISE mask each, and under Gaussian noise.

    Explanations are read from the student on whole images, but the metrics mask them and photographs are noisy.

    Args:
        student: maps [B, 3, H, W] to logits, or to logits and a map.
        teacher: maps [B, 3, H, W] to logits.
        images: uint8 [N, 3, H, W].

    Returns:
        `plain`, `masked` and `noisy`, each with `agreement` (share of equal top classes), `kl` (of the student's
        from the teacher's probabilities, mean in nats) and `rank_correlation` (Spearman's over the classes, mean).
    """
    changes: dict[str, Change] = {"plain": lambda image: image, "masked": masked, "noisy": noisy}
    found = {}
    for name, change in changes.items():
        changed = change(images)
        own, truth = (predict(network, changed, machine) for network in (student, teacher))
        found[name] = {
            "agreement": float((own.argmax(1) == truth.argmax(1)).float().mean()),
            "kl": float(F.kl_div(own.log_softmax(1), truth.log_softmax(1), reduction="batchmean", log_target=True)),
            "rank_correlation": float(rank_correlation(own, truth).mean()),
        }
    return found


def classifies(network: nn.Module, teacher: nn.Module, images: Tensor, machine: Runtime) -> bool:
    """Whether a network, both in evaluation mode, takes images alone and gives logits of the teacher's shape.

    Args:
        network: any; of a tuple that it returns the first member counts.
        teacher: maps [B, 3, H, W] to logits.
        images: uint8 [N, 3, H, W].
    """
    if type(network).forward is nn.Module.forward:  # a container, such as nn.ModuleDict
        return False
    try:
        signature(network.forward).bind(images)
    except TypeError:
        return False
    with torch.inference_mode(), machine.autocast():
        own, truth = (one(machine.images(images)) for one in (network, teacher))
    own = own[0] if isinstance(own, tuple) else own
    return isinstance(own, Tensor) and own.shape == truth.shape


def masked(images: Tensor) -> Tensor:
    """Blacken what a random mask of RISE hides, another one for each image; uint8 [N, 3, H, W] -> same."""
    size = (images.shape[-2], images.shape[-1])
    drawn = random_masks(len(images), CELLS, PROBABILITY, size, 0, images.device)
    masks = (one.dense()[0] for some in drawn for one in some.split(1))
    return torch.stack([(image * mask).to(torch.uint8) for image, mask in zip(images, masks, strict=True)])


def noisy(images: Tensor) -> Tensor:
    """Add Gaussian noise, the same in every run; uint8 [N, 3, H, W] -> same."""
    generator = torch.Generator().manual_seed(0)
    noise = [torch.randn(image.shape, generator=generator) * 255 * NOISE for image in images]
    return torch.stack([(image + one).round().clamp(0, 255) for image, one in zip(images, noise, strict=True)]).byte()


def rank_correlation(one: Tensor, other: Tensor) -> Tensor:
    """Spearman's correlation of rows without ties, [N, K] twice -> [N]."""
    ranks = torch.stack([values.argsort(1).argsort(1).double() for values in (one, other)])
    centred = ranks - ranks.mean(2, keepdim=True)
    return F.cosine_similarity(centred[0], centred[1], dim=1)
