"""Means and intervals against values worked out by hand."""

import math

import numpy as np
import pytest

from bench.statistics import Estimate, mean_interval


def test_interval_of_normal_samples_is_close_to_the_textbook_one():
    samples = np.random.default_rng(3).normal(5, 2, 400)
    found = mean_interval(samples)
    half = 1.96 * samples.std(ddof=1) / math.sqrt(400)
    assert found.n == 400
    assert found.mean == pytest.approx(samples.mean())
    assert found.low == pytest.approx(samples.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(samples.mean() + half, abs=0.1 * half)


def test_interval_of_skewed_samples_leans_to_the_long_tail():
    found = mean_interval(np.random.default_rng(0).exponential(1, 30))
    assert found.high - found.mean > found.mean - found.low


def test_same_samples_give_the_same_interval():
    samples = np.random.default_rng(1).random(50)
    assert mean_interval(samples) == mean_interval(samples)


def test_nan_samples_are_left_out():
    found = mean_interval([1.0, math.nan, 3.0, 5.0, math.nan])
    assert (found.mean, found.n) == (3.0, 3)
    assert 1 <= found.low < 3 < found.high <= 5


def test_constant_samples_have_no_width():
    assert mean_interval([0.1] * 7) == Estimate(0.1, 0.1, 0.1, 7)


@pytest.mark.parametrize("samples", [[0.5], [0.0, 1.0]])
def test_too_few_samples_have_a_mean_and_no_interval(samples):
    found = mean_interval(samples)
    assert found.mean == 0.5
    assert math.isnan(found.low) and math.isnan(found.high)


@pytest.mark.parametrize("samples", [[], [math.nan, math.nan]])
def test_no_samples_have_nothing(samples):
    found = mean_interval(samples)
    assert found.n == 0
    assert math.isnan(found.mean)


def test_hits_and_misses_have_an_interval_within_zero_and_one():
    found = mean_interval([1.0] * 19 + [0.0])
    assert 0 <= found.low < 0.95 <= found.high <= 1
