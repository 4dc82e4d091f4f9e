"""Forward passes recorded as CUDA graphs and replayed: launching kernels for few images outlasts running them."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

LARGEST = 256  # images; with more the GPU is busy by itself, even beside a slow processor
PATIENCE = 2  # calls that are made as they are, before one of the same kind is recorded
KEPT = 16  # recordings of one network, which share their memory but for inputs and outputs; and refused calls

Result = TypeVar("Result", Tensor, tuple[Tensor, Tensor])
_asks = attrgetter("requires_grad")
_known: WeakKeyDictionary[nn.Module, "_Recordings"] = WeakKeyDictionary()


def replayed(network: nn.Module, call: Callable[..., Result], *inputs: Tensor) -> Result:
    """Return `call(*inputs)`, on a GPU from a recording of the same kernels where that is faster and safe.

    Recorded are frozen networks in evaluation mode, in inference mode, of at most `LARGEST` images, without hooks; once
    the same sizes have come `PATIENCE` times. Weights may change in place or move; modules may not be replaced. A call
    that cannot be recorded, such as one that waits for the device or finds no memory, is made as it is ever after.

    Args:
        network: whose weights `call` reads.
        call: a method of `network` that launches the same kernels for all inputs of one size.
        inputs: tensors on one device.
    """
    if not _worthwhile(network, inputs):
        return call(*inputs)
    known = _known.get(network)
    if known is None:
        known = _known[network] = _Recordings(network)
    return known.run(call, inputs)


def warm_up(call: Callable[[], object], device: torch.device) -> None:
    """Call until what a GPU will replay has been recorded; elsewhere once."""
    for _ in range(PATIENCE + 1 if device.type == "cuda" else 1):
        call()


def forget(network: nn.Module | None = None) -> None:
    """Drop the recordings of one network, or of all, and with them the memory that they hold."""
    if network is None:
        _known.clear()
    else:
        _known.pop(network, None)


def _worthwhile(network: nn.Module, inputs: tuple[Tensor, ...]) -> bool:
    return (
        inputs[0].is_cuda
        and len(inputs[0]) <= LARGEST
        and torch.is_inference_mode_enabled()
        and not network.training
        and not torch.cuda.is_current_stream_capturing()
    )


class _Recordings:
    """What was recorded of one network; it does not hold the network itself, which would keep it alive."""

    def __init__(self, network: nn.Module) -> None:
        inner = list(network.modules())[1:]
        self._hooks = [hooks for one in inner for hooks in (one._forward_hooks, one._forward_pre_hooks)]
        self._weights = [*network.parameters(), *network.buffers()]
        self._places: list[int] = []
        self._seen: dict[tuple[object, ...], int] = {}
        self._made: dict[tuple[object, ...], _Recording] = {}
        self._refused: dict[tuple[object, ...], None] = {}

    def run(self, call: Callable[..., Any], inputs: tuple[Tensor, ...]) -> Any:
        if any(self._hooks) or any(map(_asks, self._weights)):
            return call(*inputs)
        places = list(map(Tensor.data_ptr, self._weights))
        if places != self._places:
            self._places = places
            self._made.clear()
        cast = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else None
        sizes = tuple((one.shape, one.stride(), one.dtype, one.device) for one in inputs)
        key = (getattr(call, "__name__", call), cast, sizes)
        if key in self._made:
            return self._made[key](inputs)
        self._seen[key] = self._seen.get(key, 0) + 1
        if self._seen[key] <= PATIENCE or key in self._refused:
            return call(*inputs)
        self._record(key, call, inputs)
        return self._made[key](inputs) if key in self._made else call(*inputs)

    def _record(self, key: tuple[object, ...], call: Callable[..., Any], inputs: tuple[Tensor, ...]) -> None:
        """Make a recording, or remember that there can be none."""
        _make_room(self._made)
        others = list(self._made.values())
        try:
            self._made[key] = _Recording(call, inputs, others[0].pool if others else None)
        except RuntimeError:
            _make_room(self._refused)
            self._refused[key] = None
            if inputs[0].is_cuda:
                torch.cuda.synchronize(inputs[0].device)


def _make_room(kept: dict[tuple[object, ...], Any]) -> None:
    if len(kept) == KEPT:
        kept.pop(next(iter(kept)))


class _Recording:
    """The kernels of one call, with memory of their own for what they read and write.

    In between they work in a pool that recordings of the same network share: one is replayed at a time, and its
    outputs are copied before the next.
    """

    def __init__(self, call: Callable[..., Any], inputs: tuple[Tensor, ...], pool: Any) -> None:
        self._inputs = [one.clone() for one in inputs]
        self._graph = torch.cuda.CUDAGraph()
        device = inputs[0].device
        cast = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else None
        # Without the cache, since weights that were cast before the recording may be freed before it is replayed.
        uncached = torch.autocast("cuda", cast, enabled=cast is not None, cache_enabled=False)
        # The stream is named so that it is current again should torch fail to end the recording, and not restore it.
        with uncached, torch.cuda.device(device), torch.cuda.stream(torch.cuda.current_stream(device)):
            aside = torch.cuda.Stream()
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                call(*self._inputs)  # what libraries set up at a first call must not be recorded
            torch.cuda.current_stream().wait_stream(aside)
            with torch.cuda.graph(self._graph, pool=pool):
                self._outputs = call(*self._inputs)
        self.pool = self._graph.pool()

    def __call__(self, inputs: tuple[Tensor, ...]) -> Any:
        for own, one in zip(self._inputs, inputs, strict=True):
            own.copy_(one)
        self._graph.replay()
        if isinstance(self._outputs, Tensor):
            return self._outputs.clone()
        return tuple(one.clone() for one in self._outputs)
