"""Time against size, a line per explainer."""

from pathlib import Path

from reports import scaling
from reports.results import Results


def made(*infos):
    benchmarks = {"benchmarks": [{"extra_info": info} for info in infos]}
    return Results("parts", False, Path(), explainers=["surrogate", "rise"], benchmarks=benchmarks)


def timed(name, axis="batch", **more):
    return {"explainer": name, "axis": axis, "slope": 1.0, **more}


def test_lines_hold_what_was_timed_in_milliseconds():
    seconds = {"rise": [0.5, 1.0], "surrogate": [0.1, 0.2]}
    results = made(*(timed(name, sizes=[1, 2], seconds=own) for name, own in seconds.items()))
    axes = scaling.growth(results, "batch").figure.axes[0]
    assert {line.get_label(): list(line.get_ydata()) for line in axes.lines} == {
        "Attentive surrogate": [100, 200],
        "RISE": [500, 1000],
    }
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2"]


def test_slopes_alone_have_no_figure():
    results = made(timed("rise"))
    assert scaling.axes(results) == [] and scaling.growth(results, "batch") is None
