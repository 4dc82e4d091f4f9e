"""Critical differences against Demsar's worked example and tables; spread over seeds by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import friedmanchisquare

from bench.statistics import SeedSpread, critical_difference, seed_spread

# Demsar 2006, table 6: AUC of C4.5 without and with tuning on 14 data sets. The paper ranks the two
# 0.975 of the row `voting` 2 and 3, from digits that it does not print; hence 0.9751.
DEMSAR = pd.DataFrame(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ],
    columns=["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"],
)


def _higher(values):
    return dict.fromkeys(values.index, "higher")


def test_rounding_does_not_rank():
    noisy = pd.DataFrame([[0.9700000286, 0.97, 0.5], [0.3, 0.4, 0.97]], columns=["a", "b", "c"])
    ranks = critical_difference(noisy, {0: "higher", 1: "lower"}).average_ranks
    assert ranks == {"a": 1.25, "b": 1.75, "c": 3.0}


def test_demsars_example():
    found = critical_difference(DEMSAR, _higher(DEMSAR))
    expected = {"C4.5+m+cf": 1.964, "C4.5+m": 2.000, "C4.5+cf": 2.893, "C4.5": 3.143}
    assert found.average_ranks == pytest.approx(expected, abs=5e-4)
    assert list(found.average_ranks) == list(expected)
    assert found.blocks == 14
    assert found.critical_difference == pytest.approx(1.25, abs=5e-3)
    assert found.groups == (tuple(expected),)
    # 9.28 with three degrees of freedom has p 0.0258; scipy's correction for ties makes it smaller
    assert found.friedman_p == friedmanchisquare(*DEMSAR.T.to_numpy()).pvalue
    assert 0.015 < found.friedman_p < 0.0258


@pytest.mark.parametrize(("methods", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)])
def test_critical_values_of_demsars_table(methods, q):
    values = pd.DataFrame(np.random.default_rng(0).random((6, methods)))
    found = critical_difference(values, _higher(values)).critical_difference
    assert found == pytest.approx(q * math.sqrt(methods * (methods + 1) / 36), rel=4e-4)


def test_directions_belong_to_blocks():
    index = pd.MultiIndex.from_tuples([("parts", "insertion"), ("parts", "deletion"), ("birds", "deletion")])
    values = pd.DataFrame({"a": [3.0, 1.0, 1.0], "b": [2.0, 2.0, 2.0], "c": [1.0, 3.0, 3.0]}, index)
    better = pd.Series(["higher", "lower", "lower"], index)
    assert critical_difference(values, better).average_ranks == {"a": 1, "b": 2, "c": 3}
    assert critical_difference(values, dict(better)).average_ranks == {"a": 1, "b": 2, "c": 3}


def test_groups_overlap_and_are_the_largest():
    # ranks 1 to 5 in every one of 14 blocks: neighbours differ by 1 and the critical difference is 1.63
    values = pd.DataFrame([[5.0, 4.0, 3.0, 2.0, 1.0]] * 14, columns=list("abcde"))
    found = critical_difference(values, _higher(values))
    assert 1 < found.critical_difference < 2
    assert found.groups == (("a", "b"), ("b", "c"), ("c", "d"), ("d", "e"))


def test_methods_that_always_differ_are_in_no_group():
    values = pd.DataFrame([[3.0, 2.0, 1.0]] * 40, columns=list("abc"))
    found = critical_difference(values, _higher(values))
    assert found.groups == ()
    assert found.friedman_p < 1e-10


def test_blocks_with_a_nan_are_left_out():
    values = pd.DataFrame({"a": [1.0, 2.0, 9.0], "b": [0.0, 1.0, math.nan], "c": [2.0, 3.0, 10.0]})
    found = critical_difference(values, _higher(values))
    assert found == critical_difference(values[:2], _higher(values))
    assert found.blocks == 2
    assert found.average_ranks == {"c": 1, "a": 2, "b": 3}


def test_equal_methods_share_a_rank_and_are_one_group():
    values = pd.DataFrame(np.ones((4, 3)), columns=list("abc"))
    found = critical_difference(values, _higher(values))
    assert found.average_ranks == {"a": 2, "b": 2, "c": 2}
    assert found.friedman_p == 1
    assert found.groups == (("a", "b", "c"),)


def test_two_methods_have_a_distance_and_no_friedman_test():
    values = pd.DataFrame({"a": [1.0] * 10, "b": [0.0] * 10})
    found = critical_difference(values, _higher(values))
    assert found.critical_difference == pytest.approx(1.960 / math.sqrt(10), abs=1e-3)
    assert math.isnan(found.friedman_p)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (1, 3), (5, 1)])
def test_one_block_or_method_has_no_distance(shape):
    values = pd.DataFrame(np.random.default_rng(0).random(shape))
    found = critical_difference(values, _higher(values))
    assert found.blocks == shape[0]
    assert len(found.average_ranks) == shape[1]
    assert math.isnan(found.critical_difference) and math.isnan(found.friedman_p)
    assert found.groups == ()


def test_a_block_without_direction_is_refused():
    with pytest.raises(ValueError, match="higher"):
        critical_difference(DEMSAR, dict.fromkeys(DEMSAR.index, ""))


def _rows(values):
    return pd.DataFrame([(*key, value) for key, value in values.items()], columns=["seed", "image_id", "value"])


def test_spread_is_that_of_the_means_per_seed():
    rows = _rows({(0, "a"): 1.0, (0, "b"): 3.0, (1, "a"): 2.0, (1, "b"): 4.0, (2, "a"): 6.0, (2, "b"): 6.0})
    # means per seed 2, 3, 6: deviation sqrt((25 + 4 + 49) / 9 / 2) of deviations 5/3, 2/3, 7/3
    assert seed_spread(rows) == SeedSpread(3, 2, pytest.approx(11 / 3), pytest.approx(math.sqrt(13 / 3)), 2, 6)


def test_images_unknown_under_one_seed_count_under_none():
    rows = _rows({(0, "a"): 1.0, (0, "b"): 100.0, (1, "a"): 3.0, (1, "b"): math.nan, (0, "c"): 50.0})
    assert seed_spread(rows) == SeedSpread(2, 1, 2, pytest.approx(math.sqrt(2)), 1, 3)


def test_one_seed_has_no_spread():
    found = seed_spread(_rows({(0, "a"): 1.0, (0, "b"): 3.0, (1, "a"): math.nan}))
    assert (found.seeds, found.images, found.mean, found.low, found.high) == (1, 2, 2, 2, 2)
    assert math.isnan(found.std)


@pytest.mark.parametrize("values", [{}, {(0, "a"): math.nan}])
def test_no_values_have_no_mean(values):
    found = seed_spread(_rows(values))
    assert (found.seeds, found.images) == (0, 0)
    assert math.isnan(found.mean) and math.isnan(found.std)


def test_an_image_twice_under_one_seed_is_refused():
    rows = _rows({(0, "a"): 1.0})
    with pytest.raises(ValueError, match="duplicate"):
        seed_spread(pd.concat([rows, rows]))
