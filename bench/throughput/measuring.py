"""How calls are timed, counted and weighed."""

import ctypes
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn

from methods import masking
from methods.classifier import Classifier
from methods.replay import PATIENCE, forget
from methods.runtime import Runtime

Call = Callable[[], object]
CANDIDATES = {"cpu": (1, 8, 32), "cuda": (1, 32, 256, 1024)}  # batches among which the fastest is looked for


def elapsed(call: Call) -> float:
    """Seconds that one call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def rounds_for(call: Call, seconds: float, fewest: int) -> int:
    """Warm up and return how many calls fit into `seconds`: at least `fewest`, at most 200."""
    first = elapsed(call)
    if first < seconds / 4:
        first = elapsed(call)
    return max(fewest, min(200, int(seconds / first)))


def timings(call: Call, seconds: float) -> list[float]:
    """Seconds of each of several warmed-up calls."""
    return [elapsed(call) for _ in range(rounds_for(call, seconds, fewest=3))]


class Turns:
    """Bare passes that are timed between other calls, one by one, so that both meet the machine in the same state.

    Its speed drifts by a fifth within seconds, and with it would the ratio of two measurements one after the other.

    passes: by the number of images; each has been called before.
    calls: how often `take` will be called: before each of the other calls.
    seconds: to spend on each pass in all, with one timing a call at most and `FEWEST` at least.
    """

    FEWEST = 15

    def __init__(self, passes: Mapping[int, Call], calls: int, seconds: float) -> None:
        self._passes, self._calls, self._taken = passes, calls, 0
        fitting = {images: int(seconds / elapsed(call)) for images, call in passes.items()}
        self._timings = {images: max(self.FEWEST, min(calls, count)) for images, count in fitting.items()}
        self._spent: dict[int, list[float]] = {images: [] for images in passes}

    def take(self) -> None:
        """Time the passes whose turn has come; all of them are spread evenly over the calls."""
        for images, count in self._timings.items():
            due = count * (self._taken + 1) // self._calls - count * self._taken // self._calls
            self._spent[images] += [elapsed(self._passes[images]) for _ in range(due)]
        self._taken += 1

    def median(self, images: int) -> float:
        """Return the median seconds of one pass of so many images."""
        return median(self._spent[images])


@contextmanager
def counted(model: nn.Module) -> Iterator[list[int]]:
    """Within the context, list how many images each forward pass is asked for, of copies of the network too.

    Neither backward passes count nor masks that `masking.rounded` repeats to fill a pass.
    """
    passes: list[int] = []
    filler: list[int] = []  # of the pass to come
    kind, rounded = type(model), masking.rounded
    ways: tuple[str, ...] = ("forward", "attention_maps")
    if isinstance(model, Classifier):
        ways = ("features", "features_and_gradient", "logits_of_normalised")
    names = [name for name in ways if hasattr(kind, name)]
    own = {name: getattr(kind, name) for name in names}

    def counting(method: Callable[..., object]) -> Callable[..., object]:
        def call(network: nn.Module, images: Tensor, *rest: Tensor) -> object:
            passes.append(len(images) - sum(filler))
            filler.clear()
            return method(network, images, *rest)

        return call

    def filling(part: masking.Masks, size: int) -> masking.Masks:
        filled = rounded(part, size)
        filler[:] = [len(filled) - len(part)]
        return filled

    for name, method in own.items():
        setattr(kind, name, counting(method))
    masking.rounded = filling
    try:
        yield passes
    finally:
        masking.rounded = rounded
        for name, method in own.items():
            setattr(kind, name, method)


def peak_memory(call: Call, runtime: Runtime) -> int | None:
    """Bytes that a call needs at most above what is held before it; None where that cannot be read.

    On a GPU what torch allocates; on Linux the resident memory, whose high-water mark is reset before.
    """
    if runtime.device.type == "cuda":
        forget()  # a recording works in memory that it has already
        torch.cuda.reset_peak_memory_stats(runtime.device)
        before = torch.cuda.memory_allocated(runtime.device)
        for _ in range(PATIENCE + 1):  # as it is and recorded
            call()
        return torch.cuda.max_memory_allocated(runtime.device) - before
    try:
        if platform.libc_ver()[0] == "glibc":
            ctypes.CDLL("libc.so.6").malloc_trim(0)  # memory kept from earlier calls would hide what this one needs
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # Linux: reset the high-water mark
        before = _kilobytes("VmRSS")
        call()
        return 1024 * (_kilobytes("VmHWM") - before)
    except OSError:
        call()
        return None


def _kilobytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1])
