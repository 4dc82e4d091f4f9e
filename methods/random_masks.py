"""The random masks of RISE."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from methods.batch_size import chunk
from methods.masking import Masks, interpolation, spread
from methods.runtime import send


def random_masks(
    count: int, cells: int, probability: float, size: tuple[int, int], seed: int, device: torch.device
) -> Iterator[Masks]:
    """Yield masks of H x W pixels with values in [0, 1], one `chunk` at a time.

    A grid of `cells` x `cells` draws of Bernoulli(`probability`) is upsampled bilinearly to
    `(cells + 1) * ceil(H / cells)` pixels and cropped at random to H x W. All draws are made on the CPU and before the
    first chunk, so that they depend neither on its size nor on the device; only they are held and copied to the device.

    Petsiuk, Das, Saenko, BMVC 2018, https://arxiv.org/abs/1806.07421
    """
    generator = torch.Generator().manual_seed(seed)
    grids = torch.rand(count, cells, cells, generator=generator) < probability
    shifts = [torch.randint(math.ceil(side / cells), (count,), generator=generator) for side in size]
    parts = (send(drawn, device).split(chunk(device)) for drawn in (grids, *shifts))
    for some, top, left in zip(*parts, strict=True):
        down, across = (_shifted(cells, side, first) for side, first in zip(size, (top, left), strict=True))
        yield spread(some.to(torch.float32), down, across.transpose(1, 2))


def _shifted(cells: int, side: int, first: Tensor) -> Tensor:
    """What each pixel along one side takes from each cell, mask i shifted by `first[i]` pixels, [n, side, cells]."""
    table = interpolation(cells, (cells + 1) * math.ceil(side / cells)).to(first.device)
    return table[first.unsqueeze(1) + torch.arange(side, device=first.device)]
