"""The tables of the report against numbers worked out by hand."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.protocol import Protocol
from reports import comparisons, glossary, measures, protocols, ranks, seeds, speeds, tables
from reports.results import Results
from tests.reports import result_tree

IMAGES = list("abcdefghij")


def made(**values: dict[str, Any]) -> Results:
    """Return results with one list of values (images a to j) per explainer and metric."""
    scores = {
        (name, metric): pd.Series(column, index=IMAGES[: len(column)], dtype=float)
        for name, metrics in values.items()
        for metric, column in metrics.items()
    }
    known = measures.measures({}, [metric for _, metric in scores])
    order = glossary.display_order(list(values))
    return Results("parts", False, Path(), explainers=order, measures=known, scores=scores)


def test_accuracy_is_the_mean_over_the_images_to_which_the_metric_applies():
    results = made(rise={"insertion": [0.2, 0.4, 0.6, 0.8], "part_pointing": [1, 0, np.nan, 1]})
    rows = tables.accuracy(results).set_index("metric")
    assert rows.loc["insertion", "mean"] == pytest.approx(0.5)
    assert rows.loc["part_pointing", "mean"] == pytest.approx(2 / 3)
    assert rows["n"].to_dict() == {"insertion": 4, "part_pointing": 3}
    assert rows["better"].tolist() == ["higher", "higher"]
    assert rows.loc["insertion", "low"] < 0.5 < rows.loc["insertion", "high"]


def test_best_follows_the_metrics_direction_and_leaves_out_ablations_and_controls():
    noise = np.tile([-0.05, 0.05], 5)
    results = made(
        surrogate={"deletion": 0.2 + noise},
        surrogate_no_attention={"deletion": 0.1 + noise},
        grad_cam={"deletion": 0.21 - noise},
        rise={"deletion": 0.7 + noise},
        centre={"deletion": 0 * noise},
    )
    marks = tables.best(results)
    assert marks == {("surrogate", "deletion"): "best", ("grad_cam", "deletion"): "tied"}


def test_methods_scored_on_different_images_are_ranked_on_those_that_all_of_them_have():
    """RISE has the best mean, .55 of the two easy images; on these the surrogate has .6 and Grad-CAM .5."""
    results = made(
        surrogate={"insertion": [0.6, 0.6, 0.1, 0.1], "adcc": [0.6, 0.6, 0.1, 0.1]},
        rise={"insertion": [0.55, 0.55], "adcc": [0.55, 0.55, np.nan, np.nan]},
        grad_cam={"insertion": [0.5, 0.5, 0.2, 0.2], "adcc": [0.5, 0.5, 0.2, 0.2]},
        sobel={"insertion": [0.57, 0.57, 0.3, 0.3], "adcc": [0.57, 0.57, 0.3, 0.3]},
    )
    same = {metric: pytest.approx(0.6) for metric in ("insertion", "adcc")}
    assert tables.comparable(results)["surrogate"] == same
    marks = tables.best(results)
    assert (marks["surrogate", "insertion"], marks["surrogate", "adcc"]) == ("best", "best")
    assert ranks.average_ranks([(results, tables.comparable(results))]).average_ranks == {
        "surrogate": 1,
        "rise": 2,
        "grad_cam": 3,
    }
    # a control meets each method on the images of both: .435 of four against .35, .57 of two against RISE's .55
    beaten = {win.metric: set(win.beaten) for win in tables.control_wins(results)}
    assert beaten["insertion"] == beaten["adcc"] == {"surrogate", "grad_cam", "rise"}


def test_methods_without_a_common_image_are_not_ranked():
    results = made(surrogate={"adcc": [0.6, np.nan]}, rise={"adcc": [np.nan, 0.5]})
    assert tables.comparable(results) == {} and tables.best(results) == {}


def test_cells_are_tied_by_the_corrected_test_and_not_by_the_interval():
    """Two methods that differ in six images of ten: p = 2 / 2^6 = 0.031, and 0.094 among three pairs."""
    better = np.array([0.1] * 6 + [0] * 4)
    alone = made(surrogate={"insertion": 0.5 + better}, rise={"insertion": [0.5] * 10})
    assert tables.best(alone) == {("surrogate", "insertion"): "best"}
    third = {"insertion": 0.5 + np.roll(better, 1) * 0.5}
    among = made(surrogate={"insertion": 0.5 + better}, rise={"insertion": [0.5] * 10}, grad_cam=third)
    assert tables.best(among)["rise", "insertion"] == "tied"


def test_a_difference_that_not_all_trainings_have_leaves_methods_tied_and_open():
    results = made(surrogate={"insertion": [0.9] * 10}, rise={"insertion": [0.5] * 10})
    values = results.scores["surrogate", "insertion"]

    def judged(*shifts):
        runs = pd.DataFrame({seed: values + shift for seed, shift in enumerate(shifts)})
        trained = replace(results, runs={("surrogate", "insertion"): runs})
        found = comparisons.surrogate_minus(trained)["rise"]["insertion"].outcome
        return tables.best(trained).get(("rise", "insertion"), ""), found

    assert judged(-0.3, 0, 0.3) == ("", "better")
    assert judged(-0.5, 0, 0.5) == ("tied", "seeds disagree")


def test_means_that_differ_by_rounding_are_best_together():
    values = np.array([1.0] * 9 + [0.0])
    above = values * (1 + 3e-8)
    results = made(surrogate={"insertion": above}, rise={"insertion": values}, centre={"insertion": above})
    assert tables.best(results) == {("surrogate", "insertion"): "best", ("rise", "insertion"): "best"}
    assert tables.control_wins(results) == []


def test_metric_without_a_direction_has_no_best():
    results = made(surrogate={"gini": [1, 2, 3, 4]}, rise={"gini": [2, 3, 4, 5]})
    assert tables.best(results) == {}
    assert results.ranking == []


def test_control_that_beats_a_method_is_listed():
    noise = np.tile([-0.05, 0.05], 5)
    results = made(
        surrogate={"deletion": [0.1] * 10, "insertion": [0.9] * 10},
        rise={"deletion": 0.55 + noise, "insertion": 0.4 + noise},
        sobel={"deletion": [0.2] * 10, "insertion": 0.41 - noise},
    )
    wins = tables.control_wins(results)
    assert wins == [
        tables.ControlWin("insertion", "sobel", ("rise",), ()),
        tables.ControlWin("deletion", "sobel", ("rise",), ("rise",)),
    ]


def test_comparison_is_the_surrogate_minus_every_other_after_correction():
    noise = np.tile([-0.01, 0.01], 5)
    other = {"insertion": 0.3 + noise, "deletion": 0.3 - noise}
    results = made(
        surrogate={"insertion": [0.5] * 10, "deletion": [0.5] * 10, "gini": [0.5] * 10},
        surrogate_no_attention=other,
        grad_cam={**other, "gini": [0.1] * 10},
        centre=other,
    )
    found = comparisons.surrogate_minus(results)
    assert list(found) == ["grad_cam", "surrogate_no_attention", "centre"]
    insertion, deletion = found["grad_cam"]["insertion"], found["grad_cam"]["deletion"]
    assert insertion.difference.mean == pytest.approx(0.2)
    assert (insertion.outcome, deletion.outcome) == ("better", "worse")
    assert insertion.p_holm == pytest.approx(2 * insertion.p), "two metrics of one method are the family"
    assert set(found["grad_cam"]) == {"insertion", "deletion"}
    rows = comparisons.table({"parts": found}).set_index(["minus", "metric"])
    assert len(rows) == 6 and set(rows["experiment"]) == {"parts"}
    assert rows.loc[("centre", "deletion"), ["difference", "n", "outcome"]].tolist() == [
        pytest.approx(0.2),
        10,
        "worse",
    ]
    assert rows.loc[("grad_cam", "insertion"), "p_holm"] == insertion.p_holm


def test_comparison_needs_images_that_both_were_scored_on():
    assert comparisons.surrogate_minus(made(rise={"insertion": [1.0]})) == {}
    results = made(surrogate={"insertion": [1.0, np.nan]}, rise={"insertion": [np.nan, 1.0]})
    assert comparisons.surrogate_minus(results) == {"rise": {}}


def test_ranks_are_over_metrics_with_a_direction_and_methods_alone():
    results = made(
        surrogate={"insertion": [0.9], "deletion": [0.1], "gini": [0]},
        rise={"insertion": [0.8], "deletion": [0.2], "gini": [1]},
        surrogate_last_stage={"insertion": [1.0], "deletion": [0.0]},
        uniform={"insertion": [1.0], "deletion": [0.0]},
    )
    found = ranks.average_ranks([(results, tables.comparable(results))])
    assert found.average_ranks == {"surrogate": 1, "rise": 2}
    assert found.blocks == 2


def test_ranks_need_two_methods_and_two_metrics():
    assert ranks.average_ranks([]) is None
    for values in (
        {"surrogate": {"insertion": [1], "deletion": [1]}},
        {"surrogate": {"insertion": [1]}, "rise": {"insertion": [1]}},
        {"surrogate": {"insertion": [1], "deletion": [1]}, "rise": {"insertion": [1], "deletion": [np.nan]}},
    ):
        results = made(**values)
        assert ranks.average_ranks([(results, tables.comparable(results))]) is None


def test_a_reference_counts_only_beside_a_run_of_another_experiment():
    run, same, other = (Results(name, kept, Path()) for name, kept in (("a", False), ("a", True), ("b", True)))
    assert [one for one, _ in ranks.distinct([(run, {}), (same, {}), (other, {})])] == [run, other]


def test_spread_is_over_seeds_and_empty_for_one():
    results = made(rise={"insertion": [0.3, 0.5]})
    rows = pd.DataFrame({"seed": [0, 0, 1, 1], "image_id": ["a", "b"] * 2, "value": [0.2, 0.4, 0.4, 0.6]})
    results.rows["rise"] = rows[rows["seed"] == 0].assign(metric="insertion")
    assert seeds.several(results) == {} == seeds.spread(results)
    results.rows["rise"] = rows.assign(metric="insertion")
    assert seeds.several(results) == {"rise": 2}
    found = seeds.spread(results)["rise", "insertion"]
    assert (found.seeds, found.images, found.mean) == (2, 2, pytest.approx(0.4))
    assert found.std == pytest.approx(0.2 / 2**0.5)


def test_protocols_show_what_is_shared_once_and_what_differs_per_metric():
    results = made(rise={})
    one, two = ({"metric": name, "precision": "fp32", "steps": steps} for name, steps in (("a", 1), ("b", 2)))
    results.protocols.update({"x": Protocol(one), "y": Protocol(one), "z": Protocol(two)})
    assert protocols.shared(results) == {"precision": "fp32"}
    first, second = protocols.differing(results)
    assert (first.metrics, first.fields) == (("x", "y"), {"metric": "a", "steps": "1"})
    assert (second.id, second.metrics) == (Protocol(two).id, ("z",))
    assert protocols.identity(Protocol({"protocol": "abc"})) == "abc", "the file of the fields was lost"


def test_fidelity_shows_the_teacher_and_what_learned():
    results = made(surrogate={}, rise={})
    results.teacher.update({"top1": {"val": 0.9, "test": 0.8}, "parameters": 10, "seconds": 3.0})
    results.fits.update({"surrogate": {"agreement": {"test": 0.7}, "parameters": 5}, "rise": {}})
    teacher, surrogate = tables.fidelity(results)
    assert (teacher["top1"]["test"], teacher["parameters"], teacher["seconds"]) == (0.8, 10, 3.0)
    assert (surrogate["name"], surrogate["agreement"], surrogate["seconds"]) == (
        "surrogate",
        {"test": 0.7},
        None,
    )


def test_files_hold_the_rows(tmp_path):
    results = made(surrogate={"insertion": [0.2, 0.4, 0.6, 0.8]}, rise={"part_pointing": [np.nan] * 4})
    results.timings["surrogate"] = result_tree.throughput("parts", "surrogate")
    results.protocols["insertion"] = Protocol({"steps": 28})
    claims = pd.DataFrame([("parts", "speed", "reproduced", "Why.")], columns=tables.CLAIM_COLUMNS)
    minus = comparisons.table({"parts": comparisons.surrogate_minus(results)})
    tables.write(tmp_path, {"parts": tables.accuracy(results)}, minus, speeds.throughput(results), claims)
    accuracy = pd.read_csv(tmp_path / "accuracy.csv")
    assert accuracy.columns.tolist() == tables.ACCURACY_COLUMNS
    assert accuracy["n"].tolist() == [4, 0]
    assert accuracy["protocol"].fillna("").tolist() == [Protocol({"steps": 28}).id, ""]
    written = pd.read_csv(tmp_path / "throughput.csv").set_index("explainer")
    assert written.loc["surrogate", "fps"] == pytest.approx(250)
    assert np.isnan(written.loc["rise", "fps"])


def test_committed_results_never_share_a_name_with_a_run():
    assert Results("parts", True, Path()).key == "reference/parts"
