"""The throughput suite's other numbers."""

from pathlib import Path

import pytest

from reports import suite
from reports.results import Results


def made(*infos):
    benchmarks = {"benchmarks": [{"extra_info": info} for info in infos]}
    return Results("parts", False, Path(), explainers=["surrogate", "rise"], benchmarks=benchmarks)


def test_a_peer_is_compared_as_shipped_and_in_our_runtime():
    seconds = {"ours": 0.1, "theirs_as_shipped": 0.5, "theirs_in_our_runtime": 0.2}
    (one,) = suite.peers(made({"pair": "rise, transcription", "batch": 1, "seconds": seconds}, {"batch": 1}))
    assert (one.explainer, one.package, one.ours_ms) == ("rise", "transcription", pytest.approx(100))
    assert (one.speedup_shipped, one.speedup_hosted) == (pytest.approx(5), pytest.approx(2))


def test_a_peer_that_does_not_run_at_our_precision_and_how_near_ours_is_to_fp32():
    seconds, least = {"ours": 0.1, "theirs_as_shipped": 0.5}, {"least": 0.9991, "median": 0.9999}
    told = {"precision": "bf16", "rank_correlation_with_fp32": least, "speedup_in_our_runtime": None}
    (one,) = suite.peers(made({"pair": "score_cam, grad_cam", "batch": 1, "seconds": seconds, **told}))
    assert (one.hosted_ms, one.speedup_hosted) == (None, None)
    assert (one.precision, one.least_correlation, one.speedup_shipped) == ("bf16", 0.9991, pytest.approx(5))


def test_slopes_are_listed_in_the_order_of_display_and_of_other_explainers_left_out():
    infos = [
        {"explainer": name, "axis": axis, "slope": slope}
        for name, axis, slope in [("rise", "masks", 1.0), ("surrogate", "batch", 0.9), ("gone", "batch", 1.0)]
    ]
    found = suite.grown(made(*infos))
    assert found == {"surrogate": {"batch": suite.Growth(0.9)}, "rise": {"masks": suite.Growth(1.0)}}
    assert suite.axes_of(found) == ["batch", "masks"]


def test_the_cost_of_scoring_and_nothing_if_the_suite_was_not_run():
    cost = suite.scoring(made({"forward_passes_per_image": 87.0, "overhead": 1.5}))
    assert (cost.forward_passes, cost.overhead) == (87, 1.5)
    nothing = made()
    assert (suite.peers(nothing), suite.grown(nothing), suite.scoring(nothing)) == ([], {}, None)
