"""What samples, one per image, allow to be said: intervals, paired tests, families of tests, ranks, seeds."""

from bench.statistics.families import Contrast, against, compare_all, holm
from bench.statistics.intervals import (
    CONFIDENCE,
    DECIDABLE,
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
from bench.statistics.rounding import in_steps
from bench.statistics.seeds import Runs, SeedSpread, difference_of_runs, seed_spread

__all__ = [
    "CONFIDENCE",
    "DECIDABLE",
    "FEWEST",
    "RESAMPLES",
    "Contrast",
    "CriticalDifference",
    "Estimate",
    "NonInferiority",
    "Outcome",
    "PairedTest",
    "Runs",
    "SeedSpread",
    "against",
    "compare_all",
    "critical_difference",
    "difference_of_runs",
    "holm",
    "in_steps",
    "mean_interval",
    "non_inferior",
    "paired_test",
    "seed_spread",
]
