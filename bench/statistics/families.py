"""Many comparisons at once: the chance of a single false difference among all of them is kept at 5 %."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

import pandas as pd
from statsmodels.stats.multitest import multipletests

from bench.statistics.intervals import CONFIDENCE, DECIDABLE, Estimate, Outcome, direction
from bench.statistics.paired import PairedTest, paired_test
from bench.statistics.seeds import Runs, difference_of_runs

K = TypeVar("K")


@dataclass(frozen=True)
class Contrast:
    """How `method` differs from `other` on one metric.

    difference: method minus other, paired over the images; its interval is not corrected.
    p, p_holm: of the sign-flip test, and corrected over the family it was tested in; p_holm is NaN, and the
        outcome `too few images`, where no p could be 0.05 or less.
    d_z, rank_biserial: effect sizes, see `PairedTest`; positive if `method` has the larger values.
    outcome: for `method`, from p_holm <= 0.05 and the sign of the mean difference. It may stay open
        though the uncorrected interval excludes zero. `seeds disagree` where p_holm <= 0.05 and not every run
        of the one is better than every run of the other.
    runs: `difference_of_runs`; None if neither method has several.
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
    runs: tuple[float, float] | None = None


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
    samples: Mapping[str, pd.Series],
    better: str,
    metric: str = "",
    intervals: bool = True,
    runs: Mapping[str, Runs] | None = None,
) -> list[Contrast]:
    """Compare every pair of methods on one metric; the pairs are the family.

    Args:
        samples: method -> value by image; pairs are in this order.
        better: `higher` or `lower`.
        metric: its name, for the rows.
        intervals: of the differences; NaN if not asked for, see `paired_test`.
        runs: method -> the runs behind its values, of those that have several.
    """
    of_metric = {(name, metric): values for name, values in samples.items()}
    tests = {
        (first, second, metric): paired_test(samples[first], samples[second], intervals)
        for first, second in combinations(samples, 2)
    }
    known = {(name, metric): found for name, found in (runs or {}).items()}
    return _contrasts(tests, {metric: better}, {key: _runs(*key, of_metric, known) for key in tests})


def against(
    samples: Mapping[tuple[str, str], pd.Series],
    better: Mapping[str, str],
    reference: str,
    others: Iterable[str],
    metrics: Iterable[str],
    intervals: bool = True,
    runs: Mapping[tuple[str, str], Runs] | None = None,
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
        runs: (method, metric) -> the runs behind its values, of those that have several.
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
    return _contrasts(tests, better, {key: _runs(*key, samples, runs or {}) for key in tests})


def _runs(
    method: str,
    other: str,
    metric: str,
    samples: Mapping[tuple[str, str], pd.Series],
    runs: Mapping[tuple[str, str], Runs],
) -> tuple[float, float] | None:
    """Return `difference_of_runs`, None if neither method has several or one has no samples."""
    keys = (method, metric), (other, metric)
    if not any(key in runs for key in keys) or not all(key in samples for key in keys):
        return None
    first, second = (runs.get(key, samples[key].to_frame()) for key in keys)
    return difference_of_runs(first, second)


def _contrasts(
    tests: Mapping[tuple[str, str, str], PairedTest],
    better: Mapping[str, str],
    runs: Mapping[tuple[str, str, str], tuple[float, float] | None],
) -> list[Contrast]:
    decidable = {key: test.p_value if test.n >= DECIDABLE else math.nan for key, test in tests.items()}
    corrected = holm(decidable)
    return [
        Contrast(
            *key,
            difference=test.difference,
            p=test.p_value,
            p_holm=corrected[key],
            d_z=test.d_z,
            rank_biserial=test.rank_biserial,
            outcome=_outcome(test.difference.mean, corrected[key], better.get(key[2]), runs[key]),
            runs=runs[key],
        )
        for key, test in tests.items()
    ]


def _outcome(difference: float, p_holm: float, better: str | None, runs: tuple[float, float] | None) -> Outcome:
    sign = direction(better)
    if math.isnan(p_holm):
        return "too few images"
    if p_holm > 1 - CONFIDENCE:
        return "not distinguishable"
    if runs and not (runs[0] > 0 or runs[1] < 0):
        return "seeds disagree"
    return "better" if sign * difference > 0 else "worse"
