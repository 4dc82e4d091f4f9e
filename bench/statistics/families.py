"""Many comparisons at once: the chance of a single false difference among all of them is kept at 5 %."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

import pandas as pd
from statsmodels.stats.multitest import multipletests

from bench.statistics.intervals import CONFIDENCE, Estimate, Outcome, direction
from bench.statistics.paired import PairedTest, paired_test

K = TypeVar("K")


@dataclass(frozen=True)
class Contrast:
    """How `method` differs from `other` on one metric.

    difference: method minus other, paired over the images; its interval is not corrected.
    p, p_holm: of the sign-flip test, and corrected over the family it was tested in.
    d_z, rank_biserial: effect sizes, see `PairedTest`; positive if `method` has the larger values.
    outcome: for `method`, from p_holm <= 0.05 and the sign of the mean difference. It may stay open
        though the uncorrected interval excludes zero.
    """

    method: str
    other: str
    metric: str
    difference: Estimate
    p: float
    p_holm: float
    d_z: float
    rank_biserial: float
    outcome: Outcome


def holm(p_values: Mapping[K, float]) -> dict[K, float]:
    """Return Holm's corrected p-values; NaN, a test that could not be made, is left out of the family and stays NaN.

    p_holm[i] = max over j <= i of min(1, (m - j + 1) p[j]), for p[1] <= ... <= p[m]. It holds under
    any dependence between the tests. Holm 1979, https://www.jstor.org/stable/4615733.
    """
    known = {key: value for key, value in p_values.items() if not math.isnan(value)}
    corrected = multipletests(list(known.values()), method="holm")[1] if known else []
    found = dict(zip(known, map(float, corrected), strict=True))
    return {key: found.get(key, math.nan) for key in p_values}


def compare_all(
    samples: Mapping[str, pd.Series], better: str, metric: str = "", intervals: bool = True
) -> list[Contrast]:
    """Compare every pair of methods on one metric; the pairs are the family.

    Args:
        samples: method -> value by image; pairs are in this order.
        better: `higher` or `lower`.
        metric: its name, for the rows.
        intervals: of the differences; NaN if not asked for, see `paired_test`.
    """
    tests = {
        (first, second, metric): paired_test(samples[first], samples[second], intervals)
        for first, second in combinations(samples, 2)
    }
    return _contrasts(tests, {metric: better})


def against(
    samples: Mapping[tuple[str, str], pd.Series],
    better: Mapping[str, str],
    reference: str,
    others: Iterable[str],
    metrics: Iterable[str],
    intervals: bool = True,
) -> list[Contrast]:
    """Compare one method with each of others on each of metrics; all of these comparisons are the family.

    There is a row for every one of them. Where samples are missing it has n = 0 and the outcome
    `too few images`, and it does not count in the family.

    Args:
        samples: (method, metric) -> value by image.
        better: metric -> `higher` or `lower`.
        reference: the `method` of every row; differences are reference minus other.
        others: methods, in the order of the rows.
        metrics: metrics, in the order of the rows of one method.
        intervals: of the differences; NaN if not asked for, see `paired_test`.
    """
    chosen, nothing = list(metrics), pd.Series(dtype=float)
    tests = {
        (reference, other, metric): paired_test(
            samples.get((reference, metric), nothing), samples.get((other, metric), nothing), intervals
        )
        for other in others
        if other != reference
        for metric in chosen
    }
    return _contrasts(tests, better)


def _contrasts(tests: Mapping[tuple[str, str, str], PairedTest], better: Mapping[str, str]) -> list[Contrast]:
    corrected = holm({key: test.p_value for key, test in tests.items()})
    return [
        Contrast(
            *key,
            difference=test.difference,
            p=test.p_value,
            p_holm=corrected[key],
            d_z=test.d_z,
            rank_biserial=test.rank_biserial,
            outcome=_outcome(test.difference.mean, corrected[key], better.get(key[2])),
        )
        for key, test in tests.items()
    ]


def _outcome(difference: float, p_holm: float, better: str | None) -> Outcome:
    sign = direction(better)
    if math.isnan(p_holm):
        return "too few images"
    if p_holm > 1 - CONFIDENCE:
        return "not distinguishable"
    return "better" if sign * difference > 0 else "worse"
