"""How much a mean over images changes when only the seed does."""

import math
from dataclasses import dataclass

import pandas as pd


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
