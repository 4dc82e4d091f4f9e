"""The sign-flip test, effect sizes, Holm's correction and non-inferiority against enumeration and by hand."""

import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import permutation_test

from bench.statistics import (
    Estimate,
    against,
    compare_all,
    difference_of_runs,
    holm,
    mean_interval,
    non_inferior,
    paired_test,
)


def _pair(differences):
    return pd.Series(np.asarray(differences, dtype=float)), pd.Series(np.zeros(len(differences)))


def _p(differences):
    return paired_test(*_pair(differences)).p_value


def _every_flip(differences):
    sums = [abs(np.dot(signs, differences)) for signs in product([1, -1], repeat=len(differences))]
    return np.mean(np.array(sums) >= abs(np.sum(differences)) - 1e-9)


@pytest.mark.parametrize(
    "differences",
    [
        [0.3, -0.1, 0.7, 0.2, 0.45, -0.05],
        [1, 1, -1, 1, 0, 1],
        [0.1, 0.2, -0.3, 0.1, 0.2, -0.3],
        [-1, -2, -3, -4, -5, -6],
    ],
)
def test_p_of_few_pairs_counts_every_flip(differences):
    assert _p(differences) == _every_flip(differences)


def test_p_of_three_equal_signs_is_a_quarter():
    assert _p([1, 2, 3]) == 2 / 2**3


def test_p_of_hits_and_misses_is_the_sign_test():
    # 12 images gained, 3 lost, 100 the same: 2 P(Binomial(15, 1/2) <= 3)
    assert _p([1] * 12 + [-1] * 3 + [0] * 100) == 2 * sum(math.comb(15, i) for i in range(4)) / 2**15


@pytest.mark.parametrize(("n", "shift"), [(17, 0.5), (40, 0.3), (60, 0.0)])
def test_p_of_many_pairs_agrees_with_scipy(n, shift):
    differences = np.random.default_rng(n).normal(shift, 1, n)
    theirs = permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        n_resamples=9999,
        vectorized=True,
        batch=2000,
        rng=np.random.default_rng(1),
    ).pvalue
    assert _p(differences) == pytest.approx(theirs, abs=4 * math.sqrt(theirs * (1 - theirs) / 9999))


def test_p_of_many_equal_signs_is_the_least_and_not_zero():
    assert _p(np.ones(60)) == 1 / 100_000


def test_p_is_the_same_on_every_call_and_for_either_order():
    first, second = (pd.Series(np.random.default_rng(i).random(50)) for i in (1, 2))
    assert paired_test(first, second) == paired_test(first, second)
    assert paired_test(first, second).p_value == pytest.approx(paired_test(second, first).p_value, abs=0.01)


def test_p_of_no_difference_is_right_five_times_in_a_hundred():
    rng = np.random.default_rng(7)
    false = np.mean([_p(rng.exponential(1, 10) * rng.choice([-1, 1], 10)) <= 0.05 for _ in range(400)])
    assert false == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / 400))


def test_effect_sizes_by_hand():
    found = paired_test(*_pair([1, 2, -3, 4, 0]))
    # ranks of 1, 2, 3, 4 are themselves: for 1 + 2 + 4, against 3; deviation of [1, 2, -3, 4, 0] is sqrt(26.8 / 4)
    assert found.rank_biserial == pytest.approx((7 - 3) / 10)
    assert found.d_z == pytest.approx(0.8 / math.sqrt(26.8 / 4))
    assert found.n == 5
    assert found.difference == mean_interval([1, 2, -3, 4, 0])


def test_tied_differences_share_their_ranks():
    # |differences| 1, 1, 2 have ranks 1.5, 1.5, 3
    assert paired_test(*_pair([1, -1, 2])).rank_biserial == pytest.approx((1.5 + 3 - 1.5) / 6)


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_rounding_does_not_order_what_is_tied(kind):
    """Hits of three trainings against hits: 1 - 2/3 and 1/3 - 0 are the same and differ in their last bits."""
    thirds = np.tile([2, 1, 3, 0, 2, 1, 0, 3], 4)
    first = pd.DataFrame({i: thirds > i for i in range(3)}).astype(kind).mean(axis=1).astype(kind)
    second = pd.Series(np.tile([1, 0, 1, 1, 0, 1, 0, 0], 4)).astype(kind)
    whole = pd.Series(thirds.astype(float)), second.astype(float) * 3
    found, exact = paired_test(first, second), paired_test(*whole)
    assert len(set(np.abs(first.astype(float) - second))) > len(set(np.abs(whole[0] - whole[1])))
    assert (found.p_value, found.rank_biserial) == (exact.p_value, exact.rank_biserial)
    assert found.d_z == pytest.approx(exact.d_z, rel=1e-6)


def test_differences_of_rounding_alone_are_none():
    first = pd.Series(np.float32([0.97, 0.5, 0.1, 0.3, 0.7, 0.9, 0.2]))
    found = paired_test(np.nextafter(first, np.float32(1)), first)
    assert (found.p_value, found.d_z, found.rank_biserial) == (1, 0, 0)


def test_no_difference_has_p_one_and_no_effect():
    found = paired_test(*_pair([0, 0, 0, 0]))
    assert (found.p_value, found.d_z, found.rank_biserial) == (1, 0, 0)
    assert found.difference == Estimate(0, 0, 0, 4)


def test_one_constant_difference_is_infinitely_larger_than_its_deviation():
    found = paired_test(pd.Series([0.3, 0.4, 0.5]), pd.Series([0.4, 0.5, 0.6]))
    assert (found.d_z, found.rank_biserial) == (-math.inf, -1)


@pytest.mark.parametrize("differences", [[], [1], [1, 2], [1, 2, math.nan], [1, 2, math.inf]])
def test_too_few_or_infinite_pairs_have_no_test(differences):
    found = paired_test(*_pair(differences))
    assert math.isnan(found.p_value) and math.isnan(found.d_z) and math.isnan(found.rank_biserial)


def test_pairs_are_matched_by_image():
    first = pd.Series([1.0, 2.0, 3.0, 9.0, 5.0], index=["a", "b", "c", "only first", "d"])
    second = pd.Series([2.5, 1.0, 0.0, math.nan], index=["c", "b", "a", "d"])
    found = paired_test(first, second)
    assert found.n == 3
    assert found.difference == mean_interval([1.0 - 0.0, 2.0 - 1.0, 3.0 - 2.5])
    assert found.p_value == 0.25


def test_without_an_interval_the_rest_is_the_same():
    first, second = _pair([1, 2, -3, 4, 0, 2, 1, 5, -1])
    whole, bare = paired_test(first, second), paired_test(first, second, interval=False)
    assert (bare.p_value, bare.d_z, bare.rank_biserial) == (whole.p_value, whole.d_z, whole.rank_biserial)
    assert (bare.difference.mean, bare.difference.n) == (pytest.approx(whole.difference.mean), whole.difference.n)
    assert math.isnan(bare.difference.low) and math.isnan(bare.difference.high)
    assert paired_test(first[:0], second[:0], interval=False).n == 0


def test_holm_by_hand():
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert found == pytest.approx({"a": 3 * 0.01, "b": 0.06, "c": 2 * 0.03, "d": 4 * 0.005})
    assert list(found) == ["a", "b", "c", "d"]


def test_holm_leaves_nan_out_of_the_family():
    found = holm({1: 0.02, 2: math.nan, 3: 0.9})
    assert (found[1], found[3]) == (0.04, 0.9)
    assert math.isnan(found[2])


def test_holm_of_nothing_is_nothing():
    assert holm({}) == {}
    assert math.isnan(holm({"a": math.nan})["a"])


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    base = pd.Series(rng.random(40), index=[f"image {i}" for i in range(40)])
    return {"good": base + 0.3, "same": base + rng.normal(0, 0.2, 40), "base": base, "few": base[:2]}


def test_all_pairs_are_one_family(samples):
    rows = {(row.method, row.other): row for row in compare_all(samples, "higher", "share")}
    assert list(rows) == [
        ("good", "same"),
        ("good", "base"),
        ("good", "few"),
        ("same", "base"),
        ("same", "few"),
        ("base", "few"),
    ]
    assert rows["good", "base"].outcome == "better"
    assert rows["same", "base"].outcome == "not distinguishable"
    assert rows["good", "few"].outcome == "too few images"
    # three tests could be made; the smallest p is multiplied by three
    assert rows["good", "base"].p_holm == pytest.approx(3 * rows["good", "base"].p)
    assert {row.metric for row in rows.values()} == {"share"}


def test_lower_is_better_turns_the_outcome_and_nothing_else(samples):
    higher, lower = compare_all(samples, "higher")[1], compare_all(samples, "lower")[1]
    assert (higher.outcome, lower.outcome) == ("better", "worse")
    assert (higher.difference, higher.p_holm, higher.d_z) == (lower.difference, lower.p_holm, lower.d_z)


def test_the_correction_can_leave_open_what_one_interval_decides():
    # six equal signs: p = 2 / 64 alone, but 3 * 2 / 64 > 0.05 among three pairs
    one = pd.Series([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    row = compare_all({"a": one * 0, "b": one, "c": one * 3}, "higher")[0]
    assert row.p == 2 / 64
    assert row.difference.high < 0
    assert row.outcome == "not distinguishable"


def test_one_against_others_is_a_family_over_methods_and_metrics(samples):
    scores = {(name, "up"): values for name, values in samples.items()}
    scores |= {(name, "down"): values for name, values in samples.items() if name != "same"}
    rows = against(scores, {"up": "higher", "down": "lower"}, "good", ["base", "same", "few"], ["up", "down"])
    assert [(row.method, row.other, row.metric, row.outcome) for row in rows] == [
        ("good", "base", "up", "better"),
        ("good", "base", "down", "worse"),
        ("good", "same", "up", "better"),
        ("good", "same", "down", "too few images"),
        ("good", "few", "up", "too few images"),
        ("good", "few", "down", "too few images"),
    ]
    assert rows[0].p_holm == pytest.approx(3 * rows[0].p)
    assert rows[0].difference.mean == pytest.approx(0.3)
    assert (rows[3].difference.n, rows[4].difference.n) == (0, 2)
    assert math.isnan(rows[3].p) and math.isnan(rows[3].p_holm)


def test_what_no_test_can_tell_is_outside_the_family(samples):
    scores = {(name, "up"): values for name, values in samples.items()}
    scores |= {("five", "up"): samples["base"][:5], ("six", "up"): samples["base"][:6]}
    five, six, base = against(scores, {"up": "higher"}, "good", ["five", "six", "base"], ["up"])
    assert (five.p, five.outcome) == (2 / 2**5, "too few images") and math.isnan(five.p_holm)
    assert (six.p, six.p_holm, six.outcome) == (2 / 2**6, 2 / 2**6, "better")
    assert base.p_holm == pytest.approx(2 * base.p)


def runs(values, *shifts):
    return pd.DataFrame({seed: values + shift for seed, shift in enumerate(shifts)})


def test_seeds_disagree_where_not_every_run_of_the_one_is_better(samples):
    base, good = samples["base"], samples["base"] + 0.3
    scores = {("good", "up"): good, ("base", "up"): base}

    def outcome(**several):
        found = {(name, "up"): table for name, table in several.items()}
        one = against(scores, {"up": "higher"}, "good", ["base"], ["up"], runs=found)[0]
        pair = compare_all({"good": good, "base": base}, "higher", "up", runs={k: v for (k, _), v in found.items()})[0]
        assert one.outcome == pair.outcome and one.runs == pair.runs
        return one.outcome

    assert outcome() == "better"
    assert outcome(good=runs(good, -0.29, 0, 0.29)) == "better"
    assert outcome(good=runs(good, -0.31, 0, 0.31)) == "seeds disagree"
    assert outcome(good=runs(good, -0.2, 0, 0.2), base=runs(base, -0.05, 0, 0.05)) == "better"
    assert outcome(good=runs(good, -0.2, 0, 0.2), base=runs(base, -0.2, 0, 0.2)) == "seeds disagree"


def test_runs_are_compared_over_the_images_that_all_of_them_know():
    first = pd.DataFrame({0: [1.0, 2.0, 90.0], 1: [2.0, 3.0, math.nan]}, index=["a", "b", "c"])
    second = pd.DataFrame({0: [0.0, 0.0, 0.0, 0.0]}, index=["b", "a", "c", "d"])
    assert difference_of_runs(first, second) == (1.5, 2.5)
    assert all(map(math.isnan, difference_of_runs(first, second[3:])))


def test_a_method_is_not_compared_with_itself(samples):
    scores = {(name, "up"): values for name, values in samples.items()}
    assert [row.other for row in against(scores, {"up": "higher"}, "good", ["good", "base"], ["up"])] == ["base"]


@pytest.mark.parametrize("better", [{}, {"up": ""}, {"up": "bigger"}])
def test_a_metric_without_direction_is_refused(samples, better):
    scores = {(name, "up"): values for name, values in samples.items()}
    with pytest.raises(ValueError, match="higher"):
        against(scores, better, "good", ["base"], ["up"])


@pytest.mark.parametrize(
    ("low", "high", "higher", "lower"),
    [
        (0.01, 0.02, "non-inferior", "non-inferior"),
        (-0.04, 0.04, "non-inferior", "non-inferior"),
        (-0.06, 0.01, "inconclusive", "non-inferior"),
        (-0.01, 0.06, "non-inferior", "inconclusive"),
        (-0.09, -0.06, "inferior", "non-inferior"),
        (0.06, 0.09, "non-inferior", "inferior"),
        (-0.06, 0.06, "inconclusive", "inconclusive"),
        (-0.05, -0.05, "inconclusive", "non-inferior"),
        (math.nan, math.nan, "inconclusive", "inconclusive"),
    ],
)
def test_non_inferiority_needs_the_whole_interval(low, high, higher, lower):
    difference = Estimate((low + high) / 2, low, high, 10)
    assert non_inferior(difference, "higher", 0.05) == higher
    assert non_inferior(difference, "lower", 0.05) == lower


@pytest.mark.parametrize("margin", [-0.1, math.nan])
def test_a_margin_below_zero_is_refused(margin):
    with pytest.raises(ValueError, match="margin"):
        non_inferior(Estimate(0, -1, 1, 9), "higher", margin)


def test_intervals_of_skewed_samples_cover_the_mean_about_as_often_as_they_say():
    rng = np.random.default_rng(5)
    found = [mean_interval(rng.exponential(1, 60)) for _ in range(150)]
    covered = np.mean([one.low <= 1 <= one.high for one in found])
    assert 0.87 <= covered <= 0.99
