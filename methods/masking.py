"""Class scores of many masked copies of one image, streamed: the one hot path.

Copies are formed in the network's normalised space, where blending equals the same blend of RGB values, and
with the channels of a pixel side by side, as the convolutions want them: one write and one multiplication.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from methods.batch_size import FIXED, batch_size, searched
from methods.classifier import Classifier
from methods.runtime import exactly


@dataclass(frozen=True)
class Masks:
    """Smooth masks of H x W pixels as products of small matrices: mask i is `rows[i] @ columns[i]`.

    rows: [n, H, k].
    columns: [n, k, W], or [k, W] if all masks share it.
    """

    rows: Tensor
    columns: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    def split(self, size: int) -> Iterator["Masks"]:
        """Yield the masks in order, at most `size` at a time."""
        for first in range(0, len(self), size):
            yield self[first : first + size]

    def __getitem__(self, part: slice) -> "Masks":
        return Masks(self.rows[part], self.columns if self.columns.ndim == 2 else self.columns[part])

    def dense(self) -> Tensor:
        """Return the masks, [n, H, W]."""
        with exactly(self.rows):
            return self.rows @ self.columns

    def times(self, image: Tensor) -> Tensor:
        """Return the image under each mask; [C, H, W] -> [n, C, H, W], channels last."""
        depth, height = image.shape[:2]
        with exactly(image):
            copies = self.rows.to(image) @ self.columns.to(image).repeat_interleave(depth, -1)
        return _pixels(copies.mul_(_flat(image).view(height, -1)), image)

    def weighted_sum(self, weights: Tensor) -> Tensor:
        """Return `sum_i weights[i] mask_i`; [n] -> [H, W]."""
        weighted = weights.view(-1, 1, 1).to(self.rows) * self.rows
        with exactly(weighted):
            if self.columns.ndim == 2:
                return weighted.sum(0) @ self.columns
            return weighted.transpose(0, 1).flatten(1) @ self.columns.flatten(0, 1)


def upsampled(cells: Tensor, size: tuple[int, int]) -> Masks:
    """Return cells [n, h, w] resized as `resize.upsample` does it."""
    down, across = (interpolation(*pair).to(cells) for pair in zip(cells.shape[-2:], size, strict=True))
    return spread(cells, down, across.T)


def spread(cells: Tensor, down: Tensor, columns: Tensor) -> Masks:
    """Return the masks `down @ cells @ columns`; [n, h, w], [H, h] or [n, H, h], and `Masks.columns` with k = w."""
    with exactly(cells):
        return Masks(down @ cells, columns)


def interpolation(cells: int, size: int) -> Tensor:
    """Return what each of `size` pixels takes from each of `cells` cells, [size, cells]; see `resize.upsample`."""
    return F.interpolate(torch.eye(cells).unsqueeze(0), size=size, mode="linear", align_corners=False)[0].T


@torch.inference_mode()
def class_probabilities(model: Classifier, images: Tensor, targets: Tensor) -> Tensor:
    """Softmax probability of each image's own target: [B, 3, H, W], [B] -> [B]."""
    return _probabilities(model, model.normalise(images), targets)


def stream(model: Classifier, image: Tensor, masks: Iterable[Masks], target: Tensor) -> Iterator[tuple[Masks, Tensor]]:
    """Yield masks with the softmax probability of one class on the masked copies; behind a mask is the mean colour.

    Args:
        model: the classifier.
        image: [3, H, W], RGB in [0, 1].
        masks: with values in [0, 1]; each forward pass takes `batch_size` copies, so that memory is that of one.
        target: [] the class.

    Yields:
        n masks and their probabilities [n].
    """
    visible = model.normalise(image.unsqueeze(0))[0]
    size = batch_size(model, visible)
    for several in masks:
        for part in several.split(size):
            copies = rounded(part, size).times(visible)
            yield part, _probabilities(model, copies, target.expand(len(copies)))[: len(part)]


@torch.inference_mode()
def masked_probabilities(model: Classifier, image: Tensor, masks: Iterable[Masks], target: Tensor) -> Tensor:
    """Return the probabilities that `stream` yields, [n], in the order of the masks."""
    scores = [scored for _, scored in stream(model, image, masks, target)]
    return torch.cat(scores) if scores else image.new_zeros(0)


@torch.inference_mode()
def changing_probabilities(
    model: Classifier, before: Tensor, after: Tensor, position: Tensor, counts: Tensor, target: Tensor
) -> Tensor:
    """Softmax probability of one class while the pixels of one image give way to those of another.

    Args:
        model: the classifier.
        before: [3, H, W], in the network's normalised space.
        after: the same.
        position: [H, W], when each pixel changes, 0 first.
        counts: [n], how many pixels have changed.
        target: [] the class.

    Returns:
        [n].
    """
    old, new = _flat(before), _flat(after)
    turn = position.to(torch.int32).flatten().repeat_interleave(len(before))
    scores = []
    for some in counts.to(torch.int32).split(batch_size(model, before)):
        copies = _pixels(torch.where(turn < some.unsqueeze(1), new, old), before)
        scores.append(_probabilities(model, copies, target.expand(len(copies))))
    return torch.cat(scores)


@torch.inference_mode()
def normalised_probabilities(model: Classifier, normalised: Tensor, targets: Tensor) -> Tensor:
    """Like `class_probabilities`, for any number of images in the network's normalised space, some at a time."""
    size = batch_size(model, normalised)
    parts = zip(normalised.split(size), targets.split(size), strict=True)
    return torch.cat([_probabilities(model, images, classes) for images, classes in parts])


def rounded(part: Masks, size: int) -> Masks:
    """On a GPU, repeat masks up to a power of two or `size`: to plan for a new number takes seconds the first time.

    To `FIXED` at least, for fewer take no less time there.
    """
    count = len(part)
    if count == size or not searched(part.rows.device):
        return part
    turns = torch.arange(min(size, max(FIXED, 1 << (count - 1).bit_length())), device=part.rows.device) % count
    return Masks(part.rows[turns], part.columns if part.columns.ndim == 2 else part.columns[turns])


def _probabilities(model: Classifier, normalised: Tensor, targets: Tensor) -> Tensor:
    logits = model.logits_of_normalised(normalised)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return logits.softmax(1).gather(1, targets.unsqueeze(1)).squeeze(1)


def _flat(image: Tensor) -> Tensor:
    """[C, H, W] -> [H W C]."""
    return image.permute(1, 2, 0).flatten()


def _pixels(flat: Tensor, like: Tensor) -> Tensor:
    """Rows of values as `_flat` lays them out -> [n, C, H, W], channels last, without a copy."""
    depth, height, width = like.shape
    return flat.view(len(flat), height, width, depth).permute(0, 3, 1, 2)
