"""Means over images with 95 % bootstrap intervals, alone and paired.

The unit that is resampled is the image. The intervals therefore speak of other images of the same
kind, not of another training run (see `seeds`), and they are not corrected for the number of comparisons.
"""

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import DegenerateDataWarning, bootstrap

CONFIDENCE = 0.95
RESAMPLES = 2000
FEWEST = 3  # samples of an interval
DECIDABLE = 6  # pairs of a test: of fewer no sign-flip p can be 0.05 or less
_BATCH_ELEMENTS = 2_000_000

Outcome = Literal["better", "worse", "seeds disagree", "not distinguishable", "too few images"]
NonInferiority = Literal["non-inferior", "inferior", "inconclusive"]


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` samples and its interval [low, high]; NaN where it cannot be known."""

    mean: float
    low: float
    high: float
    n: int


def mean_interval(values: Iterable[float]) -> Estimate:
    """Return the mean and its BCa bootstrap interval; NaN samples do not apply and are left out.

    Efron 1987, https://doi.org/10.1080/01621459.1987.10478410, by scipy.stats.bootstrap. Fewer than
    `FEWEST` samples have no interval (NaN); constant samples have the mean itself. Where BCa is
    undefined the percentile interval is taken. The random state is fixed.
    """
    samples = np.asarray(list(values), dtype=np.float64)
    samples = samples[~np.isnan(samples)]
    if not len(samples):
        return Estimate(math.nan, math.nan, math.nan, 0)
    mean = float(samples.mean())
    if len(samples) < FEWEST or not np.isfinite(samples).all():
        return Estimate(mean, math.nan, math.nan, len(samples))
    if np.ptp(samples) == 0:
        constant = float(samples[0])
        return Estimate(constant, constant, constant, len(samples))
    low, high = _interval(samples, "BCa")
    if math.isnan(low) or math.isnan(high):
        low, high = _interval(samples, "percentile")
    return Estimate(mean, low, high, len(samples))


def non_inferior(difference: Estimate, better: str, margin: float) -> NonInferiority:
    """Say whether the first member of a paired difference is worse than the second by less than `margin`.

    The two-sided 95 % interval decides, a one-sided test at 2.5 % (Piaggio 2012,
    https://doi.org/10.1001/jama.2012.87802): `non-inferior` if the whole interval is better than
    `-margin`, `inferior` if the whole interval is worse, else, and without an interval or with fewer than
    `DECIDABLE` pairs, `inconclusive`: the bootstrap's intervals of very few are too short.

    Args:
        difference: first minus second, in the metric's unit.
        better: `higher` or `lower`, of the metric.
        margin: the largest loss that would still not matter, in the metric's unit, at least 0. It is
            a judgement and must be chosen before the data are seen.
    """
    if not margin >= 0:
        raise ValueError(f"margin must be at least 0, not {margin}")
    if difference.n < DECIDABLE:
        return "inconclusive"
    low, high = difference.low, difference.high
    if direction(better) < 0:
        low, high = -high, -low
    if low > -margin:
        return "non-inferior"
    return "inferior" if high < -margin else "inconclusive"


def direction(better: str | None) -> int:
    """Return 1 for `higher` and -1 for `lower`; what has no direction cannot be better or worse."""
    if better not in ("higher", "lower"):
        raise ValueError(f"better must be 'higher' or 'lower', not {better!r}")
    return 1 if better == "higher" else -1


def _interval(samples: NDArray[np.float64], method: str) -> tuple[float, float]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", DegenerateDataWarning)
        found = bootstrap(
            (samples,),
            np.mean,
            n_resamples=RESAMPLES,
            batch=max(1, min(RESAMPLES, _BATCH_ELEMENTS // len(samples))),
            confidence_level=CONFIDENCE,
            method=method,
            rng=np.random.default_rng(0),
        ).confidence_interval
    return float(found.low), float(found.high)
