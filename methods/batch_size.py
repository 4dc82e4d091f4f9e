"""How many masked copies one forward pass takes: found once for each network, device, size and precision."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from methods.classifier import Classifier
from methods.replay import PATIENCE, forget

FIXED = 16  # where nothing is searched for: on a CPU larger passes gain nothing, see docs/speed.md
CANDIDATES = {"cuda": (16, 32, 64, 128, 256, 512)}  # by device, for a search
MEMORY = 1.6e9  # bytes that a forward pass may need above the network
GAIN = 0.03  # of time per copy, for which a larger pass is preferred
ROUNDS = 3

_found: WeakKeyDictionary[Classifier, dict[tuple[object, ...], int]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Cost:
    """What a forward pass of several copies takes: seconds for each, bytes in all."""

    seconds: float
    memory: float


def searched(device: torch.device) -> bool:
    """Return whether the number is searched for on this device."""
    return device.type in CANDIDATES


def chunk(device: torch.device) -> int:
    """Return how many masks are formed at a time: as many as `batch_size` may return, which bounds the memory."""
    return max(CANDIDATES.get(device.type, (FIXED,)))


def batch_size(model: Classifier, images: Tensor) -> int:
    """Return the number of images at which a forward pass is fastest, within `MEMORY`.

    On a CPU it is `FIXED`, so that a run repeats to the last bit; elsewhere it is searched for when a network is
    first asked about images of this size at this precision, and remembered as long as the network lives.

    Args:
        model: the classifier, in evaluation mode.
        images: [..., 3, H, W]; of them only size, type and device matter.
    """
    device, size = images.device, images.shape[-3:]
    if not searched(device):
        return FIXED
    known = _found.setdefault(model, {})
    key = (device, size, images.dtype, torch.is_autocast_enabled(device.type))
    if key not in known:
        known[key] = fastest(_costs(model, images.new_empty(size)))
    return known[key]


def fastest(costs: Mapping[int, Cost], memory: float = MEMORY) -> int:
    """Return the smallest number that takes at most `GAIN` longer than the fastest of those within `memory`.

    The smallest of all where none is within it.
    """
    within = {count: cost for count, cost in costs.items() if cost.memory <= memory}
    if not within:
        return min(costs)
    least = min(cost.seconds for cost in within.values())
    return min(count for count, cost in within.items() if cost.seconds <= (1 + GAIN) * least)


@torch.inference_mode()
def _costs(model: Classifier, image: Tensor) -> dict[int, Cost]:
    """Measure the candidates from the smallest, as long as the next should not need more than `MEMORY`."""
    costs: dict[int, Cost] = {}
    for count in sorted(CANDIDATES[image.device.type]):
        if costs and costs[fewer := max(costs)].memory * count / fewer > MEMORY:
            break
        copies = image.new_zeros(count, *image.shape).contiguous(memory_format=torch.channels_last)
        try:
            costs[count] = _cost(model, copies)
        except torch.cuda.OutOfMemoryError:
            if not costs:
                raise
            break
    forget(model)  # recordings of what is not used further
    return costs


def _cost(model: Classifier, copies: Tensor) -> Cost:
    gpu = copies.device if copies.device.type == "cuda" else None
    before = 0
    if gpu:
        torch.cuda.reset_peak_memory_stats(gpu)
        before = torch.cuda.memory_allocated(gpu)
    for _ in range(PATIENCE + 1):  # until the pass is recorded, as it will be
        _seconds(model, copies)
    seconds = min(_seconds(model, copies) for _ in range(ROUNDS))
    return Cost(seconds / len(copies), torch.cuda.max_memory_allocated(gpu) - before if gpu else 0)


def _seconds(model: Classifier, copies: Tensor) -> float:
    began = time.perf_counter()
    model.logits_of_normalised(copies).sum().item()  # waits for the device
    return time.perf_counter() - began
