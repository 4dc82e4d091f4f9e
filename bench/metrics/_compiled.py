"""Loops over pixels, compiled for the processor and run side by side."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch
from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])
FREEDOMS = {"reassoc", "contract"}  # sums in any order, fused: vectors need it; NaN, infinities and -0 stay exact


def compiled(function: Function) -> Function:
    """Compile at the first call, for each type of its arguments; later processes find the result in `__pycache__`.

    Where that cannot be written to it is kept in the user's cache, and where neither can, each process compiles
    again. What the function calls must stand in its file: the result is renewed when that file changes.
    """
    try:
        fast: Any = njit(nogil=True, fastmath=FREEDOMS, cache=True)(function)
    except RuntimeError:  # no place to keep it
        fast = njit(nogil=True, fastmath=FREEDOMS)(function)
    return fast


def side_by_side(work: Callable[[Iterable[int]], None], count: int) -> None:
    """Share the numbers below `count` among as many threads as torch uses; each calls `work` once and takes the next.

    `work` must write what belongs to a number independently of the others: then neither the number of threads nor
    who takes what can change a result. Its first error is raised.
    """
    turns, threads = iter(range(count)), min(torch.get_num_threads(), count)
    if threads < 2:
        return work(turns)
    with ThreadPoolExecutor(threads) as pool:
        for one in [pool.submit(work, turns) for _ in range(threads)]:
            one.result()
