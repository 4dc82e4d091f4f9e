"""What samples, one per image, allow to be said: intervals, paired tests, families of tests, ranks, seeds."""

from bench.statistics.families import Contrast, against, compare_all, holm
from bench.statistics.intervals import (
    CONFIDENCE,
    FEWEST,
    RESAMPLES,
    Estimate,
    NonInferiority,
    Outcome,
    mean_interval,
    non_inferior,
)
from bench.statistics.paired import PairedTest, paired_test
from bench.statistics.ranks import CriticalDifference, critical_difference
from bench.statistics.seeds import SeedSpread, seed_spread

__all__ = [
    "CONFIDENCE",
    "FEWEST",
    "RESAMPLES",
    "Contrast",
    "CriticalDifference",
    "Estimate",
    "NonInferiority",
    "Outcome",
    "PairedTest",
    "SeedSpread",
    "against",
    "compare_all",
    "critical_difference",
    "holm",
    "mean_interval",
    "non_inferior",
    "paired_test",
    "seed_spread",
]
