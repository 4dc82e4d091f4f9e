"""Average ranks of the methods over metrics and experiments, and their diagram."""

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from bench.statistics import CriticalDifference, critical_difference
from reports import glossary
from reports.drawing import INK, PALETTE, Drawing, canvas, drawn, named
from reports.results import Results

Means = dict[str, dict[str, float]]


def average_ranks(found: Sequence[tuple[Results, Means]]) -> CriticalDifference | None:
    """Rank the methods that all these experiments scored, on every metric with a direction that all of them have.

    Args:
        found: experiments with their means, explainer -> metric -> mean over the same images; those without left out.

    Returns:
        None under two methods or two metrics.
    """
    scored = [(results, means) for results, means in found if means]
    every = [{name for name in results.of_kind("method") if name in means} for results, means in scored]
    methods = [name for name in scored[0][0].explainers if name in set.intersection(*every)] if scored else []
    blocks = {
        (results.key, metric): [means[name].get(metric, math.nan) for name in methods]
        for results, means in scored
        for metric in results.ranking
    }
    if len(methods) < 2 or not blocks:
        return None
    better = {(results.key, metric): word for results, _ in scored for metric, word in results.better.items()}
    table = pd.DataFrame.from_dict(blocks, orient="index", columns=methods)
    ranks = critical_difference(table, better)
    return ranks if ranks.blocks > 1 else None


def distinct(found: Sequence[tuple[Results, Means]]) -> list[tuple[Results, Means]]:
    """Leave out the references of experiments that were also run: one experiment must not count twice."""
    ran = {results.name for results, _ in found if not results.committed}
    return [one for one in found if not one[0].committed or one[0].name not in ran]


def in_words(ranks: CriticalDifference) -> str:
    """Say what the diagram shows."""
    order = ", ".join(f"{glossary.title(name)} {rank:.2f}" for name, rank in ranks.average_ranks.items())
    bars = "; ".join(", ".join(map(glossary.title, group)) for group in ranks.groups) or "none"
    limit = f"critical difference {ranks.critical_difference:.2f}"
    return f"Average ranks: {order}; {limit}; not told apart: {bars}"


def diagram(ranks: CriticalDifference, key: str) -> Drawing:
    """Draw average ranks from left (best) to right; a bar joins methods closer than the critical difference."""
    colours = named("method", ranks.average_ranks, PALETTE)
    count, half = len(ranks.average_ranks), math.ceil(len(ranks.average_ranks) / 2)
    top = 1.2 + 0.5 * len(ranks.groups)
    with canvas(5.4, 0.9 + 0.24 * (top + half)) as (figure, [axes]):
        axes.set_axis_off()
        axes.set(xlim=(0.9, count + 0.1), ylim=(top + half, -2.6))
        axes.plot([1, count], [0, 0], color=INK, lw=1)
        for tick in range(1, count + 1):
            axes.plot([tick, tick], [-0.25, 0], color=INK, lw=1)
            axes.annotate(f"{tick}", (tick, -0.4), ha="center", va="bottom", fontsize=8.5)
        _measuring_bar(axes, ranks.critical_difference, count)
        for i, (name, rank) in enumerate(ranks.average_ranks.items()):
            left = i < half
            y = top + float(i if left else count - 1 - i)
            edge = 1.0 if left else float(count)
            axes.plot([rank, rank, edge], [0, y, y], color=colours[name], lw=1.2)
            text = f"{glossary.title(name)} {rank:.2f}"
            axes.annotate(
                text, (edge, y), (-4 if left else 4, 0), textcoords="offset points", va="center",
                ha="right" if left else "left", fontsize=8.5, annotation_clip=False,
            )  # fmt: skip
        for i, group in enumerate(ranks.groups):
            ends = [ranks.average_ranks[group[0]] - 0.04, ranks.average_ranks[group[-1]] + 0.04]
            axes.plot(ends, [0.6 + 0.5 * i] * 2, color=INK, lw=3.5, solid_capstyle="round")
        return drawn(figure, key, "ranks", in_words(ranks))


def _measuring_bar(axes: Axes, length: float, count: int) -> None:
    """Draw the critical difference as a length above the ranks; one wider than the axis is only written."""
    text = f"critical difference {length:.2f}"
    if length > count - 1:
        axes.annotate(f"{text}, wider than this axis", (1, -2.1), va="center", fontsize=8.5)
        return
    axes.plot([1, 1 + length], [-2.1, -2.1], color=INK, lw=1, marker="|", markersize=6)
    axes.annotate(text, (1 + length, -2.1), (6, 0), textcoords="offset points", va="center", fontsize=8.5)
