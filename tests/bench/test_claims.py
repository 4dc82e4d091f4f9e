"""Each claim reaches each verdict, and only the claims that need a method miss it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bench.claims.as_accurate_as_iterative import AsAccurateAsIterative
from bench.claims.base import Claim
from bench.claims.finer_than_last_layer import FinerThanLastLayer
from bench.claims.speed import Speed
from bench.claims.speed_ratio import SpeedRatio
from bench.evidence import Evidence, Timing
from bench.method_names import title
from bench.stages.claims import judge
from methods.errors import UserError
from methods.registry import build, names

BETTER = {
    "insertion": "higher",
    "deletion": "lower",
    "road_morf": "lower",
    "average_drop": "lower",
    "adcc": "higher",
    "part_pointing": "higher",
    "effect_mass": "higher",
    "energy_pointing": "higher",
    "zoom_accuracy": "higher",
}
LEVEL = {"surrogate": 0.8, "rise": 0.8, "score_cam": 0.8, "meaningful_perturbation": 0.8}
SECONDS = {"surrogate": 0.01, "grad_cam": 0.009, "rise": 8.0, "score_cam": 9.0, "meaningful_perturbation": 7.0}
METHODS = [
    "surrogate", "surrogate_last_stage", "surrogate_no_attention", "surrogate_no_distillation",
    "grad_cam", "rise", "score_cam", "meaningful_perturbation", "uniform", "centre",
]  # fmt: skip


def evidence(level=None, seconds=None, images=16, size=224, spread=0.02, without=()):
    """Samples of a quality per method (0.5 unless told), metrics pointing the right way."""
    random, level = np.random.default_rng(0), LEVEL | (level or {})
    ids = [f"image {i}" for i in range(images)]
    samples = {}
    for name in METHODS:
        for metric, better in BETTER.items():
            quality = level.get(name, 0.5) + spread * random.standard_normal(images)
            samples[name, metric] = pd.Series(quality if better == "higher" else 1 - quality, index=ids)
            if metric == "average_drop":
                samples[name, metric] *= 100
    timings = {
        name: [Timing(1, tuple(value * (1 + 0.01 * i) for i in range(5)), "cpu", "fp32", size)]
        for name, value in (SECONDS | (seconds or {})).items()
    }
    return Evidence(
        name="test",
        settings={},
        explainers=METHODS,
        samples={key: values for key, values in samples.items() if key[0] not in without},
        described={metric: {"better": better} for metric, better in BETTER.items()},
        timings={name: timing for name, timing in timings.items() if name not in without},
        map_sizes={"surrogate": [56, 56], "surrogate_last_stage": [7, 7]},
    )


def every_claim():
    return {name: build(Claim, name, {}) for name in names(Claim)}


def verdicts(found):
    return {name: one["verdict"] for name, one in judge(every_claim(), found).items()}


@pytest.fixture(scope="module")
def everything_there():
    return judge(every_claim(), evidence())


def test_every_claim_can_be_reproduced(everything_there):
    assert {one["verdict"] for one in everything_there.values()} == {"reproduced"}


def test_figures_say_what_they_are(everything_there):
    for name, one in everything_there.items():
        assert one["figures"], name
        assert one["quote"] and one["hypothesis"] and one["test"] and one["reason"]
        for figure in one["figures"]:
            if figure["unit"] != "cells":
                assert figure["low"] <= figure["value"] <= figure["high"]
                assert figure["n"] in (5, 16)
                assert figure["outcome"] or figure["unit"] == "fps"


def test_every_claim_can_fail():
    bad = dict.fromkeys(METHODS, 0.9) | {"surrogate": 0.5}
    slow = {"surrogate": 0.5}
    assert set(verdicts(evidence(bad, slow)).values()) == {"not reproduced"}


def test_noise_decides_nothing():
    same = dict.fromkeys(METHODS, 0.5)
    found = verdicts(evidence(same, images=8, spread=0.3))
    accuracy = set(found) - {"speed", "speed_ratio"}
    assert {found[name] for name in accuracy} == {"inconclusive"}


NEEDED_BY = {
    "grad_cam": {"finer_than_last_layer"},
    "rise": {"speed_ratio", "as_accurate_as_iterative"},
    "score_cam": {"speed_ratio", "as_accurate_as_iterative"},
    "meaningful_perturbation": set(),
    "surrogate_last_stage": {"all_stages"},
    "surrogate_no_attention": {"learned_attention"},
    "surrogate_no_distillation": {"learned_attention"},
    "uniform": {"fine_grained_use"},
    "centre": {"fine_grained_use"},
    "surrogate": set(names(Claim)),
}


BESIDE = {
    "speed_ratio": ("grad_cam", "meaningful_perturbation"),
    "as_accurate_as_iterative": ("meaningful_perturbation", "grad_cam", "uniform"),
}


@pytest.mark.parametrize("deleted", METHODS)
def test_a_missing_method_is_named_and_changes_only_the_claims_that_need_it(deleted, everything_there):
    before, after = everything_there, judge(every_claim(), evidence(without=(deleted,)))
    for name in names(Claim):
        if name in NEEDED_BY[deleted]:
            assert after[name]["verdict"] == "not testable here", name
            assert any(title(deleted) in one for one in after[name]["missing"]), after[name]
        elif deleted in BESIDE.get(name, ()):  # a figure beside the verdict is gone
            assert after[name]["verdict"] == before[name]["verdict"]
        else:
            assert after[name] == before[name], name


def test_the_published_rate_is_for_images_of_the_usual_size():
    small = Speed().judge(evidence(size=96))
    assert small.verdict == "not testable here"
    assert "224 px" in small.missing[0]
    assert small.figures[0].value == pytest.approx(1 / 0.0102)


def test_the_rate_by_hand():
    timing = Timing(1, (0.03, 0.04, 0.05), "cpu", "fp32", 224)
    found = Speed().judge(Evidence("by hand", {}, [], {}, {}, timings={"surrogate": [timing]}))
    assert found.figures[0].value == pytest.approx(25)
    assert (found.figures[0].low, found.figures[0].high) == pytest.approx((20, 1 / 0.03))
    assert found.verdict == "inconclusive"


@pytest.mark.parametrize("few", ["surrogate", "rise"])
def test_a_call_or_two_decide_nothing(few):
    found = evidence()
    found.timings[few] = [Timing(1, found.timings[few][0].seconds[:2], "cpu", "fp32", 224)]
    judged = {"ratio": SpeedRatio().judge(found), "rate": Speed().judge(found)}
    for claim, one in judged.items():
        if few == "surrogate" or claim == "ratio":
            assert one.verdict == "not testable here"
            assert one.missing == (f"at least 3 timed calls of {title(few)}, one image at a time; there are 2",)
            assert one.figures
        else:
            assert one.verdict == "reproduced"


def test_timings_under_other_conditions_are_not_compared():
    found = evidence()
    other = [Timing(1, (8.0, 8.1, 8.2), "a GPU", "fp32", 224)]
    mixed = Evidence("test", {}, METHODS, found.samples, found.described, timings={**found.timings, "rise": other})
    judged = SpeedRatio().judge(mixed)
    assert judged.verdict == "not testable here"
    assert judged.missing == ("timing under the same conditions of RISE, one image at a time",)


def test_orders_of_magnitude_are_reported_for_every_method():
    judged = SpeedRatio().judge(evidence())
    words = {one.label: one.outcome for one in judged.figures}
    assert words["times as fast as RISE"] == "2.9 orders of magnitude"
    assert words["times as fast as Grad-CAM"] == "-0.0 orders of magnitude"


def test_a_margin_is_not_superiority():
    slightly_worse = evidence({"surrogate": 0.78}, spread=0.005)
    judged = AsAccurateAsIterative().judge(slightly_worse)
    assert judged.verdict == "reproduced"
    decisive = [one for one in judged.figures if "Meaningful perturbation" not in one.label]
    assert all("non-inferior" in one.outcome and "worse" in one.outcome for one in decisive)


def test_inferior_is_a_loss_above_the_margin_after_correction_for_the_number_of_comparisons():
    """All fourteen lose as much as the margin, and one more: its own interval tells, the family's test does not."""
    noise = 0.02 * np.random.default_rng(3).standard_normal(100)
    noise = pd.Series(noise - noise.mean(), index=[f"image {i}" for i in range(100)])

    def losing(extra):
        found, margins = evidence(), AsAccurateAsIterative().margins
        for metric, margin in margins.items():
            sign = 1 if BETTER[metric] == "higher" else -1
            found.samples["surrogate", metric] = noise * margin / 0.05 - sign * margin
            found.samples["rise", metric] = found.samples["score_cam", metric] = 0 * noise
        for name in ("surrogate", "score_cam"):
            found.samples[name, "insertion"] = found.samples[name, "insertion"] - extra
        judged = AsAccurateAsIterative().judge(found)
        return judged, next(one for one in judged.figures if one.label == "insertion: Attentive surrogate minus RISE")

    judged, figure = losing(extra=0.0045)
    assert figure.high < -0.05 and figure.p < 0.001 and figure.outcome == "inconclusive (margin 0.05); worse"
    assert judged.verdict == "inconclusive"
    judged, figure = losing(extra=0.012)
    assert judged.verdict == "not reproduced" and figure.outcome == "inferior (margin 0.05); worse"


def test_settings_that_decide_nothing_are_refused():
    with pytest.raises(UserError, match="others"):
        build(Claim, "speed_ratio", {"others": []})
    with pytest.raises(UserError, match="metrics"):
        build(Claim, "learned_attention", {"metrics": []})
    with pytest.raises(UserError, match=r"margins\.insertion"):
        build(Claim, "as_accurate_as_iterative", {"margins": {"insertion": -1}})


def test_a_metric_that_only_describes_is_named():
    found = evidence()
    found.described["insertion"] = {"better": "neither"}
    with pytest.raises(UserError, match="'insertion' describes maps"):
        FinerThanLastLayer().judge(found)


@pytest.mark.parametrize("claim", [AsAccurateAsIterative(), FinerThanLastLayer()])
def test_five_images_decide_nothing(claim):
    """Of five pairs the least p of a sign-flip test is 2 / 2^5, and a bootstrap's interval is too short."""
    judged = claim.judge(evidence(images=5))
    assert judged.verdict == "not testable here" and "at least 6" in judged.missing[0]
    assert claim.judge(evidence(images=6)).verdict != "not testable here"


def trained(found, name, shifts):
    """Give a method several trainings, each of its metrics better by a shift."""
    for metric, better in BETTER.items():
        values, sign = found.samples[name, metric], 1 if better == "higher" else -1
        scale = 100 if metric == "average_drop" else 1
        found.runs[name, metric] = pd.DataFrame({i: values + sign * scale * by for i, by in enumerate(shifts)})
        found.samples[name, metric] = found.runs[name, metric].mean(axis=1)


def test_a_difference_that_not_all_trainings_have_is_none():
    close = {"surrogate": 0.52, "grad_cam": 0.5}
    found = evidence(close, spread=0.002)
    assert FinerThanLastLayer().judge(found).verdict == "reproduced"
    trained(found, "surrogate", (-0.03, 0.0, 0.03))  # the mean is what it was
    judged = FinerThanLastLayer().judge(found)
    assert judged.verdict == "inconclusive" and {one.outcome for one in judged.figures} == {"seeds disagree"}
    assert judged.reason == ("The surrogate is better on 0, worse on 0 of 7 comparisons; on 7 the seeds disagree.")
    found = evidence(close, spread=0.002)
    trained(found, "surrogate", (-0.01, 0.0, 0.01))
    assert FinerThanLastLayer().judge(found).verdict == "reproduced"


def test_what_the_margins_say_of_other_methods_is_told():
    reason = AsAccurateAsIterative().judge(evidence({"grad_cam": 0.78, "uniform": 0.5}, spread=0.002)).reason
    assert reason.endswith("of 14 comparisons; by these margins Grad-CAM 14, Uniform noise 0.")


def test_a_margin_must_hold_for_every_training():
    found = evidence({"surrogate": 0.78}, spread=0.002)
    trained(found, "surrogate", (-0.01, 0.0, 0.01))
    assert AsAccurateAsIterative().judge(found).verdict == "reproduced"
    found = evidence({"surrogate": 0.78}, spread=0.002)
    trained(found, "surrogate", (-0.04, 0.0, 0.04))
    judged = AsAccurateAsIterative().judge(found)
    assert judged.verdict == "inconclusive" and "inferior in 0" in judged.reason


def test_the_rate_with_the_classifiers_pass_stands_beside_and_decides_nothing():
    timing = Timing(1, (0.01, 0.01, 0.01), "cpu", "fp32", 224, forward=0.04)
    found = Speed().judge(Evidence("rate", {}, [], {}, {}, timings={"surrogate": [timing]}))
    assert [one.value for one in found.figures] == pytest.approx([100, 20]) and found.verdict == "reproduced"
    old = replace(timing, forward=None)
    assert len(Speed().judge(Evidence("rate", {}, [], {}, {}, timings={"surrogate": [old]})).figures) == 1


def test_ratios_are_free_of_the_drift_between_processes():
    """RISE was timed while the machine was a quarter slower, as its bare forward passes tell."""
    timings = {
        "surrogate": [Timing(1, (0.010, 0.010, 0.010), "cpu", "fp32", 224, forward=0.008)],
        "rise": [Timing(1, (1.25, 1.25, 1.25), "cpu", "fp32", 224, forward=0.010)],
    }
    found = SpeedRatio(others=("rise",)).judge(Evidence("drift", {}, [], {}, {}, timings=timings))
    assert found.figures[0].value == pytest.approx(100)
    timings["rise"] = [Timing(1, (1.25, 1.25, 1.25), "cpu", "fp32", 224)]
    found = SpeedRatio(others=("rise",)).judge(Evidence("drift", {}, [], {}, {}, timings=timings))
    assert found.figures[0].value == pytest.approx(125), "an old file has no forward pass to hold it against"


def test_a_figure_counts_the_runs_of_the_surrogate_and_no_others():
    found = evidence()
    for name, seeds in {"surrogate": 3, "grad_cam": 5}.items():
        found.rows[name] = pd.DataFrame({"seed": list(range(seeds)) * 2})
    assert {one.seeds for one in FinerThanLastLayer().judge(found).figures} == {3}


def test_the_reason_tells_of_open_comparisons_only_where_there_are_any():
    found = evidence()
    found.samples["surrogate", "effect_mass"] = found.samples["surrogate", "effect_mass"] - 0.6
    reason = FinerThanLastLayer().judge(found).reason
    assert reason == "The surrogate is better on 6, worse on 1 of 7 comparisons."
    found.samples["surrogate", "adcc"] = found.samples["grad_cam", "adcc"].copy()
    reason = FinerThanLastLayer().judge(found).reason
    assert reason == "The surrogate is better on 5, worse on 1 of 7 comparisons; the others are not distinguishable."


def test_metrics_that_do_not_apply_are_left_out_and_unscored_ones_are_missing():
    found = evidence()
    for name in METHODS:
        found.samples[name, "effect_mass"][:] = np.nan
    judged = FinerThanLastLayer().judge(found)
    assert judged.verdict == "reproduced" and len(judged.figures) == 6
    assert judged.reason.endswith(" of 6 comparisons. Not defined here: effect_mass.")
    found.samples["grad_cam", "effect_mass"][:] = 0.5
    judged = FinerThanLastLayer().judge(found)
    assert judged.verdict == "not testable here", (
        "a metric that the surrogate alone lacks is not left out in its favour"
    )
    assert judged.missing == ("effect_mass of Attentive surrogate",)
    for name in METHODS:
        del found.samples[name, "effect_mass"]
    judged = FinerThanLastLayer().judge(found)
    assert judged.verdict == "not testable here" and judged.missing == ("metric effect_mass",)


def test_nothing_at_all_is_not_testable():
    assert set(verdicts(Evidence("empty", {}, [], {}, {})).values()) == {"not testable here"}
