"""Every figure of one experiment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import pandas as pd

from bench.statistics import Contrast, CriticalDifference
from reports import distributions, figures, forest, perturbation, ranks, scaling
from reports.drawing import Drawing
from reports.results import Results
from reports.side_by_side import side_by_side
from reports.speeds import Speed

SPEED_METRICS = ("insertion", "deletion")


@dataclass(frozen=True)
class Drawings:
    """Figures by what they show; the modules that draw them tell more.

    first: accuracy against speed once more, for the first screen; or None.
    front: whether the Pareto front in it has more than a point, and can be seen.
    ranks: the critical-difference diagram, or None.
    """

    first: Drawing | None
    front: bool
    ranks: Drawing | None
    speed: list[Drawing]
    growth: list[Drawing]
    intervals: list[Drawing]
    curves: list[Drawing]
    boxes: list[Drawing]
    training: list[Drawing]

    @property
    def files(self) -> list[Drawing]:
        """Those that are worth a file, each once."""
        kinds = (self.speed, self.growth, self.intervals, self.curves, self.boxes, self.training)
        return [*([self.ranks] if self.ranks else []), *(one for kind in kinds for one in kind)]


def draw(
    results: Results,
    rows: pd.DataFrame,
    speeds: list[Speed],
    ranked: CriticalDifference | None,
    differences: Mapping[str, Mapping[str, Contrast]],
) -> Drawings:
    """Draw them all, where there is something to draw.

    Args:
        results: the experiment.
        rows: of `tables.accuracy`.
        speeds: of `speeds.throughput`.
        ranked: of `ranks.average_ranks`.
        differences: of `comparisons.surrogate_minus`.
    """
    known = set(rows.loc[rows["mean"].notna(), "metric"])
    timed = [metric for metric in SPEED_METRICS if metric in results.ranking and metric in known]
    against_speed = partial(figures.accuracy_against_speed, results, rows, speeds)
    kinds: dict[str, list[Callable[[], Drawing | None]]] = {
        "first": [partial(against_speed, metric, "first") for metric in timed[:1]],
        "ranks": [partial(ranks.diagram, ranked, results.key)] if ranked else [],
        "speed": [partial(against_speed, metric) for metric in timed],
        "growth": [partial(scaling.growth, results, axis) for axis in scaling.axes(results)],
        "intervals": [partial(forest.intervals, results, rows, one, differences) for one in results.ranking],
        "curves": [partial(perturbation.curves, results, metric) for metric in perturbation.kept(results)],
        "boxes": [partial(distributions.boxes, results, metric) for metric in results.ranking],
        "training": [
            partial(figures.training, results, name, kind) for name in results.curves for kind in figures.KINDS
        ],
    }
    order = [(kind, task) for kind, tasks in kinds.items() for task in tasks]
    drawn = side_by_side([task for _, task in order])
    found = {name: [one for (kind, _), one in zip(order, drawn, strict=True) if one and kind == name] for name in kinds}
    first, rank_diagram = (next(iter(found.pop(kind)), None) for kind in ("first", "ranks"))
    front = [figures.front(rows, speeds, metric, results.better[metric]) for metric in timed[:1]]
    return Drawings(first=first, front=any(len(one) > 1 for one in front), ranks=rank_diagram, **found)
