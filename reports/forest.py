"""Every metric in two panels: what each method comes to, and how far the surrogate is from it, image by image."""

import math
from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bench.statistics import Contrast
from reports import glossary
from reports.drawing import INK, Drawing, canvas, drawn, look, means
from reports.results import Results

CLEAR = ("better", "worse")
ROOM = 1.0  # how far beyond the differences to methods, in lengths of theirs, those to ablations are drawn


def intervals(
    results: Results, rows: pd.DataFrame, metric: str, differences: Mapping[str, Mapping[str, Contrast]]
) -> Drawing | None:
    """Plot every explainer's mean of one metric and, where there is any, the paired difference of the surrogate to it.

    Both have 95 % intervals. A difference is filled where the Holm-corrected test finds it, hollow where it does
    not or the seeds disagree. Controls, which may be far off, have a mean alone. None without data.

    Args:
        results: the experiment.
        rows: of `tables.accuracy`.
        metric: its name.
        differences: other -> metric -> surrogate minus other, of `comparisons.surrogate_minus`.
    """
    chosen = rows[(rows["metric"] == metric) & rows["mean"].notna()]
    if chosen.empty:
        return None
    found = {n: own[metric] for n, own in differences.items() if metric in own and glossary.kind(n) != "control"}
    names, measure = list(chosen["explainer"]), results.measures[metric]
    panels = 2 if any(name in names for name in found) else 1
    with canvas(3 + 1.9 * panels, 0.9 + 0.27 * len(names), panels) as (figure, axes):
        left = axes[0]
        means(left, results, chosen.assign(position=range(len(names))), x="mean", y="position")
        left.set_yticks(range(len(names)), [glossary.title(name) for name in names])
        left.set_title(measure.title, loc="left")
        left.set_xlabel(f"{measure.better} is better" if measure.better else "")
        for one in axes:
            one.set_ylim(len(names) - 0.4, -0.6)
            one.xaxis.set_major_locator(MaxNLocator(4))
            one.grid(axis="y", visible=False)
        if panels == 2:
            _differences(axes[1], results, names, found, measure.unit)
            axes[1].set_xlabel("surrogate minus it, better " + ("→" if measure.better == "higher" else "←"))
        description = f"{measure.title} of every method, with intervals" + ", and the surrogate minus it" * (panels - 1)
        return drawn(figure, results.key, f"{metric}-intervals", description)


def _differences(axes: Axes, results: Results, names: list[str], found: Mapping[str, Contrast], unit: str) -> None:
    """Draw a row for each of `names`; one of another kind than the surrogate is compared with has none.

    A difference far beyond those to the other methods is written at the edge instead, for it would squeeze them.
    """
    style = look(results)
    low, high = _reach(found)
    axes.axvline(0, color=INK, lw=0.9)
    axes.set_yticks(range(len(names)), [])
    axes.tick_params(left=False)
    axes.set_xlim(low, high)
    for place, name in enumerate(names):
        if name not in found:
            continue
        one, colour = found[name].difference, style.colours[name]
        if not low <= one.mean <= high:
            text = glossary.number(one.mean, unit, signed=True)
            edge, words, align = (high, f"{text} →", "right") if one.mean > high else (low, f"← {text}", "left")
            axes.annotate(words, (edge, place), color=INK, ha=align, va="center", fontsize=8)
            continue
        if one.low == one.low:
            axes.hlines(place, one.low, one.high, colors=colour, lw=1.8, zorder=2)
        axes.plot(
            one.mean, place, marker=style.markers[name], color=colour, ls="", markersize=6, zorder=3,
            markerfacecolor=colour if found[name].outcome in CLEAR else "none",
        )  # fmt: skip


def _reach(found: Mapping[str, Contrast]) -> tuple[float, float]:
    """Return from where to where the axis goes: over 0 and every difference to methods, or to all without any."""
    methods = [one for name, one in found.items() if glossary.kind(name) == "method"] or list(found.values())
    bounds = [(one.difference.low, one.difference.mean, one.difference.high) for one in methods]
    known = [0.0, *(value for three in bounds for value in three if math.isfinite(value))]
    span = (max(known) - min(known)) or 1.0
    near = (min(known) - ROOM * span, max(known) + ROOM * span)
    ends = (value for one in found.values() for value in (one.difference.low, one.difference.high))
    known += [value for value in ends if near[0] <= value <= near[1]]
    pad = 0.06 * ((max(known) - min(known)) or 1.0)
    return min(known) - pad, max(known) + pad
