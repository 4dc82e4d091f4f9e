"""Figures of speed and of training: accuracy against speed, curves by epoch."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from reports import glossary
from reports.drawing import INK, MARKERS, PALETTE, Drawing, canvas, drawn, means, paired
from reports.labels import label_points
from reports.results import Results
from reports.speeds import Speed

KINDS = ("losses", "accuracy")  # of curves of training


def accuracy_against_speed(
    results: Results, rows: pd.DataFrame, speeds: list[Speed], metric: str, place: str = ""
) -> Drawing | None:
    """Plot `metric` over frames per second (log), the paper's figure as a line; None without data.

    A grey staircase is the Pareto front of the methods: for every speed, the best mean at that speed or above.
    The surrogate's ablations are left out: they run as fast as it does and would hide it. `place` tells
    two such figures on one page apart.
    """
    chosen = _timed(rows, speeds, metric)
    chosen = chosen[chosen["explainer"].map(glossary.kind) != "ablation"]
    if chosen.empty:
        return None
    measure = results.measures[metric]
    with canvas(4.6 if place else 5.4, 3.7) as (figure, [axes]):
        axes.set_xscale("log")
        means(axes, results, chosen, x="fps", y="mean")
        steps = _staircase(axes, front(rows, speeds, metric, measure.better))
        axes.xaxis.set_major_locator(LogLocator(numticks=8))
        axes.xaxis.set_major_formatter("{x:,g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.margins(x=0.16, y=0.12)
        axes.axvline(glossary.PAPER_FPS, color=INK, lw=1, ls=(0, (4, 3)))
        if measure.better == "lower":
            axes.invert_yaxis()
        axes.annotate(
            f"published {glossary.PAPER_FPS}", (glossary.PAPER_FPS, 1.01), (2, 0), ("data", "axes fraction"),
            "offset points", fontsize=8.5,
        )  # fmt: skip
        axes.set_xlabel("frames per second, one image at a time (log)")
        axes.set_ylabel(f"{measure.title} ({'reversed: ' * (measure.better == 'lower')}{measure.better} is better)")
        label_points(figure, axes, chosen, steps)
        return drawn(figure, results.key, f"{metric}-speed{place}", f"{measure.title} against frames per second")


def front(rows: pd.DataFrame, speeds: list[Speed], metric: str, better: str) -> pd.DataFrame:
    """Return the methods that no other one beats in both speed and accuracy, the fastest first."""
    timed = _timed(rows, speeds, metric)
    ordered = timed[timed["explainer"].map(glossary.kind) == "method"].sort_values("fps", ascending=False)
    best = ordered["mean"].cummin() if better == "lower" else ordered["mean"].cummax()
    return ordered[(ordered["mean"] == best) & ~best.duplicated()]


def _timed(rows: pd.DataFrame, speeds: list[Speed], metric: str) -> pd.DataFrame:
    """Return the rows of a metric that have a mean and, in column fps, a speed."""
    fps = {speed.explainer: speed.fps for speed in speeds if speed.fps}
    known = rows[(rows["metric"] == metric) & rows["mean"].notna()]
    return known.assign(fps=known["explainer"].map(fps)).dropna(subset=["fps"])


def _staircase(axes: Axes, methods: pd.DataFrame) -> Line2D:
    fps, mean = np.repeat(methods["fps"], 2)[1:], np.repeat(methods["mean"], 2)[:-1]
    (steps,) = axes.plot(fps, mean, color=INK, alpha=0.35, lw=1.2, zorder=1)
    return steps


def training(results: Results, name: str, kind: str) -> Drawing | None:
    """Plot the curves of the teacher or an explainer, those of one of `KINDS`: shares are accuracies; None without."""
    rows = results.curves[name].select_dtypes("number")
    columns = [column for column in rows if column != "epoch" and rows[column].notna().any()]
    shares = [column for column in columns if "top1" in column or "agreement" in column]
    rates = [column for column in columns if "rate" in column or "seconds" in column]
    losses = [column for column in columns if column not in shares + rates]
    whose = "Teacher" if name == "teacher" else glossary.title(name)
    chosen = {"losses": losses, "accuracy": shares}[kind]
    if not chosen:
        return None
    return _curves(results.key, f"training-{name}-{kind}", f"{whose}: {kind}", rows, chosen)


def _curves(key: str, name: str, title: str, rows: pd.DataFrame, columns: list[str]) -> Drawing:
    with canvas(4.3, 2.7) as (figure, [axes]):
        lines = rows.set_index("epoch")[columns].rename(columns=lambda column: column.replace("_", " "))
        sns.lineplot(
            lines, ax=axes, palette=paired(list(lines), PALETTE), markers=paired(list(lines), MARKERS), dashes=False,
            markeredgewidth=0, markevery=max(1, len(rows) // 8), estimator=None,
        )  # fmt: skip
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_xlabel("epoch")
        axes.set_title(title, loc="left")
        return drawn(figure, key, name, f"{title} by epoch")
