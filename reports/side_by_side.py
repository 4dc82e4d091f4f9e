"""Independent pieces of work, on every core: drawing a page's figures takes longer than all its statistics."""

import gc
import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

_tasks: Sequence[Callable[[], Any]] = ()  # what the processes find when they are forked from this one


def side_by_side(tasks: Sequence[Callable[[], Any]]) -> list[Any]:
    """Call every task and return what each returned, in their order; the first exception is raised here.

    A process per core is forked, so that what the tasks hold is not copied; only what they return is. In order and
    in this process on one core, and on systems where forking is not to be relied on.
    """
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    if min(cores, len(tasks)) < 2:
        return [task() for task in tasks]
    global _tasks
    _tasks = tasks
    try:
        count = min(cores, len(tasks))  # of processes too short-lived to need collecting garbage
        with multiprocessing.get_context("fork").Pool(count, initializer=gc.disable) as pool:
            return pool.map(_call, range(len(tasks)), chunksize=1)
    finally:
        _tasks = ()


def _call(place: int) -> Any:
    return _tasks[place]()
