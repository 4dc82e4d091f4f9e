"""The tables of the report against numbers worked out by hand."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reports import comparisons, glossary, tables
from reports.results import Results
from tests.reports import result_tree

IMAGES = ["a", "b", "c", "d"]


def made(**values: dict[str, list[float]]) -> Results:
    """Return results with one list of values (images a to d) per explainer and metric."""
    scores = {
        (name, metric): pd.Series(column, index=IMAGES[: len(column)], dtype=float)
        for name, metrics in values.items()
        for metric, column in metrics.items()
    }
    measures = glossary.measures({}, [metric for _, metric in scores])
    order = glossary.display_order(list(values))
    return Results("parts", False, Path(), explainers=order, measures=measures, scores=scores)


def test_accuracy_is_the_mean_over_the_images_to_which_the_metric_applies():
    results = made(rise={"insertion": [0.2, 0.4, 0.6, 0.8], "part_pointing": [1, 0, np.nan, 1]})
    rows = tables.accuracy(results).set_index("metric")
    assert rows.loc["insertion", "mean"] == pytest.approx(0.5)
    assert rows.loc["part_pointing", "mean"] == pytest.approx(2 / 3)
    assert rows["n"].to_dict() == {"insertion": 4, "part_pointing": 3}
    assert rows["better"].tolist() == ["higher", "higher"]
    assert rows.loc["insertion", "low"] < 0.5 < rows.loc["insertion", "high"]


def test_best_follows_the_metrics_direction_and_leaves_out_controls():
    results = made(
        surrogate={"deletion": [0.1, 0.1, 0.2, 0.2]},
        grad_cam={"deletion": [0.2, 0.1, 0.1, 0.2]},
        rise={"deletion": [0.5, 0.6, 0.7, 0.8]},
        centre={"deletion": [0.0, 0.0, 0.0, 0.0]},
    )
    results.scores["grad_cam", "deletion"] += 0.01
    marks = tables.best(results, tables.accuracy(results))
    assert marks == {("surrogate", "deletion"): "best", ("grad_cam", "deletion"): "tied"}


def test_metric_without_a_direction_has_no_best():
    results = made(surrogate={"gini": [1, 2, 3, 4]}, rise={"gini": [2, 3, 4, 5]})
    assert tables.best(results, tables.accuracy(results)) == {}


def test_control_that_beats_a_real_method_is_listed():
    results = made(
        surrogate={"deletion": [0.1, 0.1, 0.1, 0.1], "insertion": [0.9, 0.9, 0.9, 0.9]},
        rise={"deletion": [0.5, 0.6, 0.5, 0.6], "insertion": [0.3, 0.5, 0.4, 0.4]},
        sobel={"deletion": [0.2, 0.2, 0.2, 0.2], "insertion": [0.6, 0.1, 0.9, 0.1]},
    )
    wins = tables.control_wins(results, tables.accuracy(results))
    assert wins == [
        tables.ControlWin("insertion", "sobel", ("rise",), ()),
        tables.ControlWin("deletion", "sobel", ("rise",), ("rise",)),
    ]


def test_throughput_is_read_per_batch_and_a_missing_file_is_empty():
    results = made(surrogate={}, rise={})
    results.timings["surrogate"] = result_tree.throughput("parts", "surrogate")
    surrogate, rise = tables.throughput(results)
    assert surrogate.median_ms == pytest.approx(4)
    assert surrogate.fps == pytest.approx(250)
    assert (surrogate.batch, surrogate.fps_batch) == (8, pytest.approx(8 / 0.02))
    assert surrogate.forward_ratio == pytest.approx(0.004 / 0.003)
    assert rise == tables.Speed("parts", "rise")


def test_speed_ratio_needs_the_same_device_and_precision():
    results = made(surrogate={}, rise={}, score_cam={})
    results.timings.update({name: result_tree.throughput("parts", name) for name in results.explainers})
    results.timings["score_cam"]["benchmarks"][0]["extra_info"]["device"] = "cuda"
    found = comparisons.compare(results, tables.throughput(results))
    assert found["rise"].speed_ratio == pytest.approx(1500)
    assert found["rise"].orders == pytest.approx(3.176, abs=1e-3)
    assert found["score_cam"].speed_ratio is None


def test_comparison_is_the_surrogate_minus_the_other():
    results = made(
        surrogate={"insertion": [0.5, 0.6, 0.7], "deletion": [0.5, 0.6, 0.7]},
        grad_cam={"insertion": [0.25, 0.35, 0.45], "deletion": [0.25, 0.35, 0.45]},
    )
    insertion, deletion = comparisons.compare(results, [])["grad_cam"].differences
    assert insertion.estimate.mean == pytest.approx(0.25)
    assert (insertion.metric, insertion.outcome) == ("insertion", "better")
    assert (deletion.metric, deletion.outcome) == ("deletion", "worse")


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


def test_files_hold_the_rows_and_the_summary_holds_no_time(tmp_path):
    results = made(surrogate={"insertion": [0.2, 0.4, 0.6, 0.8]}, rise={"part_pointing": [np.nan] * 4})
    results.timings["surrogate"] = result_tree.throughput("parts", "surrogate")
    tables.write(tmp_path, {"parts": tables.accuracy(results)}, tables.throughput(results))
    assert json.loads((tmp_path / "summary.json").read_text()) == {
        "parts": {"surrogate": {"insertion": pytest.approx(0.5)}}
    }
    accuracy = pd.read_csv(tmp_path / "accuracy.csv")
    assert accuracy.columns.tolist() == tables.ACCURACY_COLUMNS
    assert accuracy["n"].tolist() == [4, 0]
    speeds = pd.read_csv(tmp_path / "throughput.csv").set_index("explainer")
    assert speeds.loc["surrogate", "fps"] == pytest.approx(250)
    assert np.isnan(speeds.loc["rise", "fps"])


def test_committed_results_never_share_a_name_with_a_run():
    assert Results("parts", True, Path()).key == "reference/parts"


@pytest.mark.parametrize(
    ("value", "unit", "signed", "text"),
    [
        (0.12345, "share", False, "0.123"),
        (12.345, "percent", False, "12.3"),
        (-0.5, "share", True, "−0.500"),
        (0.5, "share", True, "+0.500"),
        (-0.0001, "share", True, "0.000"),
        (float("nan"), "share", False, "–"),
        (None, "share", False, "–"),
    ],
)
def test_numbers_are_written_with_fixed_decimals(value, unit, signed, text):
    assert glossary.number(value, unit, signed) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(24.3, "24.3"), (0.1667, "0.167"), (10000, "10,000"), (0, "0"), (None, "–"), (250.0, "250")],
)
def test_quantities_are_written_with_three_digits(value, text):
    assert glossary.significant(value) == text
