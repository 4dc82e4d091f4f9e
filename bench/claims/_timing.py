"""Medians of timings with intervals: what the speed claims share."""

from statistics import median

import numpy as np
from scipy.stats import bootstrap

from bench.evidence import Evidence, Timing
from bench.method_names import title
from bench.statistics import CONFIDENCE, FEWEST, RESAMPLES, Estimate


def single(evidence: Evidence, explainer: str) -> Timing | None:
    """Return the timing of one image at a time, or None if it was not measured."""
    return next((timing for timing in evidence.timings.get(explainer, []) if timing.batch == 1), None)


def rate(timing: Timing) -> Estimate:
    """Return frames per second, from the median call, with a percentile bootstrap interval over calls."""
    value = timing.batch / median(timing.seconds)
    low, high = _interval((timing.seconds,), lambda seconds, axis: timing.batch / np.median(seconds, axis))
    return Estimate(value, low, high, len(timing.seconds))


def ratio(fast: Timing, slow: Timing) -> Estimate:
    """Return how many times `fast` is faster than `slow`, a ratio of medians, with a bootstrap interval over calls.

    Each is timed in a process of its own, and the machine's speed drifts from one to the next: so both are taken over
    the bare forward pass that was timed in turn with them, where both have one.
    """
    one, other = (fast.forward, slow.forward) if fast.forward and slow.forward else (1.0, 1.0)
    fast_times, slow_times = (
        tuple(seconds / forward for seconds in timing.seconds) for timing, forward in ((fast, one), (slow, other))
    )
    value = median(slow_times) / median(fast_times)

    def statistic(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
        return np.median(b, axis) / np.median(a, axis)

    low, high = _interval((fast_times, slow_times), statistic)
    return Estimate(value, low, high, min(len(fast.seconds), len(slow.seconds)))


def too_few(explainer: str, timing: Timing) -> list[str]:
    """Return what is missing where a method was timed too few times for an interval, else nothing."""
    count = len(timing.seconds)
    if count >= FEWEST:
        return []
    return [f"at least {FEWEST} timed calls of {title(explainer)}, one image at a time; there are {count}"]


def _interval(samples: tuple[tuple[float, ...], ...], statistic: object) -> tuple[float, float]:
    if min(map(len, samples)) < FEWEST:
        return float("nan"), float("nan")
    found = bootstrap(
        samples,
        statistic,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(found.low), float(found.high)
