"""Differences between two sides that were not measured image by image, with intervals and tests."""

import math

import numpy as np
import pandas as pd
from scipy.stats import bootstrap, ttest_ind
from statsmodels.stats.proportion import confint_proportions_2indep, test_proportions_2indep

from bench.statistics import CONFIDENCE, FEWEST, RESAMPLES, Estimate


def means(first: pd.Series, second: pd.Series) -> tuple[Estimate, float]:
    """Return the mean of `second` minus the mean of `first`, over different images, and its two-sided p.

    The interval is a bootstrap that resamples both sides apart (BCa, else percentile, fixed random
    state); p is of Welch's t-test. Values that are not known are left out, and `n` is the smaller
    number of images. Fewer than `FEWEST` values on a side, or infinite ones, have neither (NaN). Two
    constant sides have the p of the permutation test: 1 if they are equal, else its least.
    """
    x, y = (side.dropna().to_numpy(dtype=np.float64) for side in (first, second))
    n = min(len(x), len(y))
    if n < FEWEST or not (np.isfinite(x).all() and np.isfinite(y).all()):
        return Estimate(float(y.mean() - x.mean()) if n else math.nan, math.nan, math.nan, n), math.nan
    mean = float(y.mean() - x.mean())
    if np.ptp(x) == 0 and np.ptp(y) == 0:
        return Estimate(mean, mean, mean, n), least_p(len(x), len(y)) if mean else 1.0
    low, high = _interval(x, y, "BCa")
    if math.isnan(low) or math.isnan(high):
        low, high = _interval(x, y, "percentile")
    return Estimate(mean, low, high, n), float(ttest_ind(y, x, equal_var=False).pvalue)


def least_p(n_first: int, n_second: int) -> float:
    """Return the least two-sided p of a permutation test: nothing smaller can be claimed of so few values."""
    return min(1.0, 2 / math.comb(n_first + n_second, n_first))


def shares(first: float, second: float, n_first: int, n_second: int) -> tuple[Estimate, float]:
    """Return the share `second` minus the share `first` of independent samples, and its two-sided p.

    Interval and test add one success and one failure to each side (Agresti and Caffo 2000,
    https://doi.org/10.1080/00031305.2000.10474560), which holds near 0 and 1. The images of the two
    sides are the same when two runs share their data; treating them as independent is then cautious.
    """
    counts = round(second * n_second), n_second, round(first * n_first), n_first
    with np.errstate(divide="ignore", invalid="ignore"):  # odds ratios, which are not used
        low, high = confint_proportions_2indep(*counts, method="agresti-caffo", compare="diff", alpha=1 - CONFIDENCE)
        p = test_proportions_2indep(*counts, method="agresti-caffo", compare="diff").pvalue
    return Estimate(second - first, float(low), float(high), min(n_first, n_second)), float(p)


def _interval(x: np.ndarray, y: np.ndarray, method: str) -> tuple[float, float]:
    with np.errstate(all="ignore"):
        found = bootstrap(
            (y, x),
            lambda b, a, axis: b.mean(axis=axis) - a.mean(axis=axis),
            n_resamples=RESAMPLES,
            confidence_level=CONFIDENCE,
            method=method,
            rng=np.random.default_rng(0),
        ).confidence_interval
    return float(found.low), float(found.high)
