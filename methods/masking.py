"""Class scores of many masked copies of one image, streamed: the one hot path."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from methods.classifier import Classifier

CHUNK = 32  # masked copies per forward pass; bounds the memory whatever the number of masks


@torch.inference_mode()
def class_probabilities(model: Classifier, images: Tensor, targets: Tensor) -> Tensor:
    """Softmax probability of each image's own target: [B, 3, H, W], [B] -> [B]."""
    return _probabilities(model, model.normalise(images), targets)


def stream(
    model: Classifier, image: Tensor, masks: Iterable[Tensor], target: Tensor, baseline: Tensor | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield each chunk of masks with the softmax probability of one class on the masked copies.

    A copy is `baseline + mask * (image - baseline)`, formed in the network's normalised space,
    where it equals the same blend of RGB values.

    Args:
        model: the classifier.
        image: [3, H, W], RGB in [0, 1].
        masks: chunks [n, H, W] in [0, 1]; one forward pass each, so memory is that of a chunk.
        target: [] the class.
        baseline: [3, H, W], RGB in [0, 1]; None is zero in normalised space (the mean colour).

    Yields:
        the chunk [n, H, W] and its probabilities [n].
    """
    normalised = model.normalise(image.unsqueeze(0))
    ground = None if baseline is None else model.normalise(baseline.unsqueeze(0))
    visible = normalised if ground is None else normalised - ground
    for chunk in masks:
        copies = chunk.unsqueeze(1) * visible
        if ground is not None:
            copies += ground
        copies = copies.contiguous(memory_format=torch.channels_last)
        yield chunk, _probabilities(model, copies, target.expand(len(copies)))


@torch.inference_mode()
def masked_probabilities(
    model: Classifier, image: Tensor, masks: Iterable[Tensor], target: Tensor, baseline: Tensor | None = None
) -> Tensor:
    """Return the probabilities that `stream` yields, [sum of n], in the order of the masks."""
    scores = [scored for _, scored in stream(model, image, masks, target, baseline)]
    return torch.cat(scores) if scores else image.new_zeros(0)


@torch.inference_mode()
def normalised_probabilities(model: Classifier, normalised: Tensor, targets: Tensor) -> Tensor:
    """Like `class_probabilities`, for any number of images in the network's normalised space, a chunk at a time."""
    chunks = zip(normalised.split(CHUNK), targets.split(CHUNK), strict=True)
    return torch.cat([_probabilities(model, images, classes) for images, classes in chunks])


def _probabilities(model: Classifier, normalised: Tensor, targets: Tensor) -> Tensor:
    logits = model.logits_of_normalised(normalised).float()
    return logits.softmax(1).gather(1, targets.unsqueeze(1)).squeeze(1)
