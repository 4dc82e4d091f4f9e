"""The order of a map's pixels on the processor: a radix sort, several maps at a time."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from bench.metrics._compiled import compiled, side_by_side

Array = np.ndarray
DIGIT = 11  # bits that one pass sorts by: counts of 2048 digits stay in the cache


def falling_places(maps: Tensor) -> Tensor:
    """Place of each value in its row's falling order, equal ones from left to right; [B, n] -> int64 [B, n]."""
    keys = ~_keys(maps)
    places = np.empty(keys.shape, np.int64)

    def work(turns: Iterable[int]) -> None:
        for i in turns:
            _place(keys[i], places[i])

    side_by_side(work, len(keys))
    return torch.from_numpy(places)


def centred_ranks(maps: Tensor) -> Tensor:
    """Ranks within each row, less their mean, equal values sharing ranks; [B, n] -> float64 [B, n]; NaN if one is."""
    keys = _keys(maps)
    ranks = np.empty(keys.shape)

    def work(turns: Iterable[int]) -> None:
        for i in turns:
            _share(keys[i], ranks[i])

    side_by_side(work, len(keys))
    return torch.from_numpy(ranks).masked_fill_(maps.isnan().any(1, keepdim=True).cpu(), float("nan"))


def _keys(maps: Tensor) -> Array:
    """Unsigned integers in the order of the floats: their bits, all inverted if negative, else the sign's alone."""
    floats = maps.detach().to("cpu", torch.promote_types(maps.dtype, torch.float32)).numpy() + 0.0  # no -0
    width = 8 * floats.itemsize
    bits: Array = np.ascontiguousarray(floats).view(f"i{floats.itemsize}")
    return (bits ^ (bits >> (width - 1) | -(2 ** (width - 1)))).view(f"u{floats.itemsize}")


@compiled
def _place(keys: Array, places: Array) -> None:
    order = _sorted(keys)
    for i in range(len(order)):
        places[order[i]] = i


@compiled
def _share(keys: Array, ranks: Array) -> None:
    order, first = _sorted(keys), 0
    while first < len(order):
        end = first + 1
        while end < len(order) and keys[order[end]] == keys[order[first]]:
            end += 1
        for i in range(first, end):
            ranks[order[i]] = (first + end - len(order)) / 2
        first = end


@compiled
def _sorted(keys: Array) -> Array:
    """Places of the keys in rising order, equal ones from left to right: one stable pass per digit, lowest first."""
    bits, mask, count = 8 * keys.itemsize, (1 << DIGIT) - 1, len(keys)
    order, other = np.arange(count).astype(np.int32), np.empty(count, np.int32)
    starts = np.empty(mask + 2, np.int32)
    for shift in range(0, bits, DIGIT):
        starts[:] = 0
        for i in range(count):
            starts[((keys[i] >> shift) & mask) + 1] += 1
        for digit in range(mask):
            starts[digit + 1] += starts[digit]
        for i in range(count):
            digit = (keys[order[i]] >> shift) & mask
            other[starts[digit]] = order[i]
            starts[digit] += 1
        order, other = other, order
    return order
