"""How much a mean over images changes when only the seed does."""

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

Runs: TypeAlias = pd.DataFrame  # of a method on a metric: a row per image, a column per training (or draw of masks)


def difference_of_runs(first: Runs, second: Runs) -> tuple[float, float]:
    """Return the least and the largest mean difference of a run of the first and one of the second method.

    Over the images that all of these runs know; NaN if there is none. Images tell how a difference would turn out
    on others of their kind, and enough of them tell any two networks apart; only further trainings tell whether
    the methods differ. With three runs of each, one in ten pairs of equal methods has no overlap.
    """
    both = pd.concat([first, second], axis=1, join="inner").dropna()
    means = both.to_numpy(dtype=float).mean(axis=0) if len(both) else np.full(both.shape[1], math.nan)
    one, other = means[: first.shape[1]], means[first.shape[1] :]
    return float(one.min() - other.max()), float(one.max() - other.min())


@dataclass(frozen=True)
class SeedSpread:
    """The means over images of several runs that differ in nothing but their seed.

    seeds: how many runs; images: how many images each mean is over.
    mean, std: of the runs' means; std has one degree of freedom less than seeds, NaN for one seed.
    low, high: the least and the largest of the runs' means, not a confidence interval.
    """

    seeds: int
    images: int
    mean: float
    std: float
    low: float
    high: float


def seed_spread(rows: pd.DataFrame) -> SeedSpread:
    """Return the spread over seeds of rows with the columns seed, image_id and value.

    Only images whose value is known under every seed count, so that runs differ by the seed and not by
    the images that a metric happens to apply to; a seed under which no value is known is left out.
    An image that occurs twice under one seed raises ValueError.
    """
    table = rows.pivot(index="image_id", columns="seed", values="value").dropna(axis=1, how="all").dropna()
    images, seeds = table.shape
    if not table.size:
        return SeedSpread(seeds, 0, math.nan, math.nan, math.nan, math.nan)
    means = table.mean()
    return SeedSpread(seeds, images, float(means.mean()), float(means.std()), float(means.min()), float(means.max()))
