"""Average ranks of methods over many metrics and experiments, and how far they must be apart."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import friedmanchisquare, rankdata, studentized_range

from bench.statistics.intervals import CONFIDENCE, direction
from bench.statistics.rounding import in_steps


@dataclass(frozen=True)
class CriticalDifference:
    """Average ranks and the Nemenyi test.

    average_ranks: method -> mean over the blocks of its rank, 1 for the best; best first.
    friedman_p: p of Friedman's test that all methods rank alike; NaN under three methods, which it needs.
    critical_difference: average ranks that differ by this much or more differ at 5 %, corrected for all
        pairs; NaN under two blocks or methods.
    blocks: how many blocks the ranks rest on.
    groups: the largest sets of two or more neighbours, best first, within which no two methods differ
        by the critical difference: the bars of the diagram. None if that is NaN.
    """

    average_ranks: dict[str, float]
    friedman_p: float
    critical_difference: float
    blocks: int
    groups: tuple[tuple[str, ...], ...]


def critical_difference(values: pd.DataFrame, better: Mapping[Any, str] | pd.Series) -> CriticalDifference:
    """Rank the methods in every block and compare their average ranks.

    critical_difference = q sqrt(k (k + 1) / (6 blocks)) for k methods, where q is the 95 % quantile of the
    studentised range of k means with infinite degrees of freedom over sqrt(2); Demsar 2006,
    https://jmlr.org/papers/v7/demsar06a.html. Ties get mean ranks, and so do values that differ by rounding alone. A
    block in which any method has no value is left out, for its ranks would not compare.

    The test assumes independent blocks. Metrics of one experiment are computed from the same maps on
    the same images and are not independent, so the diagram describes the results and proves nothing
    about other metrics; nor is the chi-squared approximation of Friedman's test good under ten blocks.

    Args:
        values: one row per block (a metric of an experiment), one column per method: the means.
        better: row label -> `higher` or `lower`.
    """
    signs = np.array([direction(better[block]) for block in values.index], dtype=np.float64)
    signed = values.to_numpy(dtype=np.float64) * signs[:, None]
    complete = signed[~np.isnan(signed).any(axis=1)]
    blocks, methods = complete.shape
    ranks = np.array([rankdata(-in_steps(block)) for block in complete]).reshape(blocks, methods)
    means = ranks.mean(axis=0) if blocks else np.full(methods, math.nan)
    average = {str(values.columns[i]): float(means[i]) for i in np.argsort(means, kind="stable")}
    distance = _nemenyi(methods, blocks)
    return CriticalDifference(average, _friedman_p(ranks), distance, blocks, _groups(average, distance))


def _nemenyi(methods: int, blocks: int) -> float:
    if methods < 2 or blocks < 2:
        return math.nan
    q = float(studentized_range.ppf(CONFIDENCE, methods, math.inf)) / math.sqrt(2)
    return q * math.sqrt(methods * (methods + 1) / (6 * blocks))


def _friedman_p(ranks: NDArray[np.float64]) -> float:
    blocks, methods = ranks.shape
    if methods < 3 or blocks < 2:
        return math.nan
    if np.ptp(ranks) == 0:
        return 1.0
    return float(friedmanchisquare(*ranks.T).pvalue)


def _groups(average: dict[str, float], distance: float) -> tuple[tuple[str, ...], ...]:
    names, found, reached = list(average), [], 0
    for start in range(len(names)):
        end = start
        while end < len(names) and average[names[end]] - average[names[start]] < distance:
            end += 1
        if end > reached and end - start > 1:
            found.append(tuple(names[start:end]))
            reached = end
    return tuple(found)
