"""The random masks of RISE."""

import math

import torch
from torch import Tensor

from methods.masking import Masks, interpolation, spread


def random_masks(
    count: int, cells: int, probability: float, size: tuple[int, int], seed: int, device: torch.device
) -> Masks:
    """Return masks of H x W pixels with values in [0, 1].

    A grid of `cells` x `cells` draws of Bernoulli(`probability`) is upsampled bilinearly to
    `(cells + 1) * ceil(H / cells)` pixels and cropped at random to H x W. All draws are made on the CPU.

    Petsiuk, Das, Saenko, BMVC 2018, https://arxiv.org/abs/1806.07421
    """
    generator = torch.Generator().manual_seed(seed)
    grids = torch.rand(count, cells, cells, generator=generator) < probability
    down, across = (_shifted(count, cells, side, generator).to(device) for side in size)
    return spread(grids.to(device, torch.float32), down, across.transpose(1, 2))


def _shifted(count: int, cells: int, side: int, generator: torch.Generator) -> Tensor:
    """What each pixel along one side takes from each cell, at a random shift per mask, [count, side, cells]."""
    cell = math.ceil(side / cells)
    first = torch.randint(cell, (count, 1), generator=generator)
    return interpolation(cells, (cells + 1) * cell)[first + torch.arange(side)]
