"""A row per method: its mean, and the surrogate minus it."""

from dataclasses import replace

import pytest

from reports import comparisons, forest, tables
from reports.results import read
from tests.reports.reading import small

NAMES = ("surrogate", "grad_cam", "rise", "surrogate_attention_only", "uniform")


def drawn(folder, metric="insertion"):
    results = read(folder, committed=False)
    minus = comparisons.surrogate_minus(results)
    return forest.intervals(results, tables.accuracy(results), metric, minus), minus


def points(axes):
    """Return what is drawn in each row, from the top."""
    lines = [line for line in axes.lines if len(line.get_xdata()) == 1]
    return {round(float(line.get_ydata()[0])): line for line in lines}


def test_left_are_means_and_right_are_paired_differences_of_methods(tmp_path):
    folder, _ = small(tmp_path, NAMES, images=30)
    drawing, minus = drawn(folder)
    left, right = drawing.figure.axes
    assert left.get_yticklabels()[0].get_text() == "Attentive surrogate"
    assert set(points(left)) == {0, 1, 2, 3, 4}
    found = points(right)
    assert set(found) <= {1, 2, 3}, "neither the surrogate nor controls"
    for place in (1, 2):
        one = minus[NAMES[place]]["insertion"]
        assert found[place].get_xdata()[0] == pytest.approx(one.difference.mean)
        hollow = found[place].get_markerfacecolor() == "none"
        assert hollow == (one.outcome == "not distinguishable")
    assert right.get_xlabel() == "surrogate minus it, better →"
    assert "and the surrogate minus it" in drawing.svg


def test_difference_on_which_the_seeds_disagree_is_hollow(tmp_path):
    folder, _ = small(tmp_path, NAMES, images=30)
    _, minus = drawn(folder)
    minus["grad_cam"]["insertion"] = replace(minus["grad_cam"]["insertion"], outcome="seeds disagree")
    results = read(folder, committed=False)
    _, right = forest.intervals(results, tables.accuracy(results), "insertion", minus).figure.axes
    assert points(right)[1].get_markerfacecolor() == "none"


def test_difference_far_off_is_written_at_the_edge(tmp_path):
    folder, _ = small(tmp_path, NAMES, images=30)
    _, minus = drawn(folder)
    far = minus["surrogate_attention_only"]["insertion"]
    minus["surrogate_attention_only"]["insertion"] = type(far)(
        **{**vars(far), "difference": type(far.difference)(50.0, 49.0, 51.0, 30)}
    )
    results = read(folder, committed=False)
    _, right = forest.intervals(results, tables.accuracy(results), "insertion", minus).figure.axes
    assert [text.get_text() for text in right.texts] == ["+50.000 →"]
    assert right.get_xlim()[1] < 2


def test_without_the_surrogate_there_are_means_alone(tmp_path):
    folder, _ = small(tmp_path, ("grad_cam", "rise"))
    drawing, _ = drawn(folder)
    assert len(drawing.figure.axes) == 1


def test_one_image_has_no_intervals(tmp_path):
    folder, _ = small(tmp_path, NAMES, images=1)
    drawing, _ = drawn(folder)
    assert "NaN" not in drawing.svg and "nan" not in drawing.svg
