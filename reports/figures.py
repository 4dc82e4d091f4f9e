"""Figures as inline SVG that takes its text colour from the page, so that it reads in light and dark."""

import hashlib
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from math import isnan

import matplotlib as mpl
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator
from matplotlib.transforms import Bbox

from reports import glossary
from reports.results import Results
from reports.tables import Speed

# Okabe and Ito's colours, those that can be told apart on white and on near-black.
PALETTE = ["#D55E00", "#2A86C8", "#009E73", "#CC79A7", "#B8860B", "#56B4E9", "#8172B3"]
CONTROL_COLOUR = "#8a8a8a"
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
_INK = "#010203"
_STYLE = {
    "svg.hashsalt": "report",
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 9.5,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": "#8888887f",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#88888833",
    "grid.linewidth": 0.7,
    "lines.linewidth": 1.8,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
}


def accuracy_against_speed(results: Results, rows: pd.DataFrame, speeds: list[Speed], metric: str) -> Markup | None:
    """Plot `metric` over frames per second (log), the paper's figure as a line; None without data."""
    fps = {speed.explainer: speed.fps for speed in speeds if speed.fps}
    chosen = rows[(rows["metric"] == metric) & rows["explainer"].isin(list(fps)) & rows["mean"].notna()]
    if chosen.empty:
        return None
    styles, measure = _styles(results), results.measures[metric]
    with _axes(5.4, 3.7) as (figure, axes):
        for row in chosen.itertuples():
            colour, marker = styles[row.explainer]
            axes.errorbar(fps[row.explainer], row.mean, _bars(row), color=colour, marker=marker, ms=7, capsize=2)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(numticks=8))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axes.xaxis.set_minor_formatter(FuncFormatter(lambda *_: ""))
        axes.margins(x=0.16, y=0.12)
        axes.axvline(glossary.PAPER_FPS, color=_INK, lw=1, ls=(0, (4, 3)))
        if measure.better == "lower":
            axes.invert_yaxis()
        axes.annotate(
            f"published {glossary.PAPER_FPS}", (glossary.PAPER_FPS, 1.01), (2, 0), ("data", "axes fraction"),
            "offset points", fontsize=8.5,
        )  # fmt: skip
        axes.set_xlabel("frames per second, one image at a time (log)")
        axes.set_ylabel(f"{measure.title} ({'reversed: ' * (measure.better == 'lower')}{measure.better} is better)")
        _label_points(
            figure,
            axes,
            [(fps[r.explainer], r.mean, glossary.title(r.explainer)) for r in chosen.itertuples()],
        )
        return _svg(figure, f"{results.key}-{metric}-speed", f"{measure.title} against frames per second")


def intervals(results: Results, rows: pd.DataFrame, metric: str) -> Markup | None:
    """Plot every explainer's mean of one metric with its 95 % interval; None without data."""
    chosen = rows[(rows["metric"] == metric) & rows["mean"].notna()]
    if chosen.empty:
        return None
    styles, measure = _styles(results), results.measures[metric]
    with _axes(4.3, 0.9 + 0.27 * len(chosen)) as (figure, axes):
        for position, row in enumerate(chosen.itertuples()):
            colour, marker = styles[row.explainer]
            axes.errorbar(row.mean, position, xerr=_bars(row), color=colour, marker=marker, ms=6, capsize=2)
        axes.set_yticks(range(len(chosen)), [glossary.title(name) for name in chosen["explainer"]])
        axes.set_ylim(len(chosen) - 0.4, -0.6)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.grid(axis="y", visible=False)
        axes.set_title(f"{measure.title} ({measure.better} is better)", loc="left")
        return _svg(figure, f"{results.key}-{metric}-dots", f"{measure.title} of every method, with intervals")


def training(results: Results, name: str) -> list[Markup]:
    """Plot the curves of the teacher or an explainer: shares (accuracies) in one figure, losses in another."""
    rows = results.curves[name].select_dtypes("number")
    columns = [column for column in rows if column != "epoch" and rows[column].notna().any()]
    shares = [column for column in columns if "top1" in column or "agreement" in column]
    rates = [column for column in columns if "rate" in column or "seconds" in column]
    losses = [column for column in columns if column not in shares + rates]
    whose = "Teacher" if name == "teacher" else glossary.title(name)
    drawn = [("losses", losses), ("accuracy", shares)]
    return [_curves(results.key, name, f"{whose}: {what}", rows, some) for what, some in drawn if some]


def _curves(key: str, name: str, title: str, rows: pd.DataFrame, columns: list[str]) -> Markup:
    with _axes(4.3, 2.7) as (figure, axes):
        for column, colour, marker in zip(columns, cycle(PALETTE), cycle(MARKERS), strict=False):
            every = max(1, len(rows) // 8)
            label = column.replace("_", " ")
            axes.plot(rows["epoch"], rows[column], color=colour, marker=marker, ms=4, markevery=every, label=label)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_xlabel("epoch")
        axes.set_title(title, loc="left")
        axes.legend(fontsize=8.5)
        return _svg(figure, f"{key}-{name}-{title}", f"{title} by epoch")


def _styles(results: Results) -> dict[str, tuple[str, str]]:
    real = dict(zip(results.real, zip(cycle(PALETTE), cycle(MARKERS), strict=False), strict=False))
    return {name: real.get(name, (CONTROL_COLOUR, "x")) for name in results.explainers}


def _bars(row: object) -> list[list[float]] | None:
    if isnan(row.low) or isnan(row.high):  # type: ignore[attr-defined]
        return None
    return [[max(0.0, row.mean - row.low)], [max(0.0, row.high - row.mean)]]  # type: ignore[attr-defined]


def _label_points(figure: Figure, axes: Axes, points: list[tuple[float, float, str]]) -> None:
    """Write each name beside its point; a name that would cover another one moves up or to the left."""
    figure.draw_without_rendering()
    line = axes.transData.transform((glossary.PAPER_FPS, 0))[0]
    taken = [Bbox.from_extents(line - 2, axes.bbox.y0, line + 2, axes.bbox.y1)]
    taken += [Bbox.from_bounds(*(axes.transData.transform((x, y)) - 4), 8, 8) for x, y, _ in points]
    for x, y, text in sorted(points, key=lambda point: (point[1], point[0])):
        for shift, align in [((8, -3), "left"), ((-8, -3), "right"), ((8, 8), "left"), ((-8, 8), "right"),
                             ((8, -14), "left"), ((-8, -14), "right"), ((8, 19), "left")]:  # fmt: skip
            label = axes.annotate(text, (x, y), shift, textcoords="offset points", ha=align, fontsize=8.5)
            box = label.get_window_extent().padded(1)
            inside = axes.bbox.x0 - 2 <= box.x0 and box.x1 <= axes.bbox.x1 + 6
            if inside and not any(box.overlaps(other) for other in taken):
                break
            label.remove()
        else:
            label = axes.annotate(text, (x, y), (8, -3), textcoords="offset points", fontsize=8.5)
        taken.append(label.get_window_extent())


@contextmanager
def _axes(width: float, height: float) -> Iterator[tuple[Figure, Axes]]:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.subplots()


def _svg(figure: Figure, key: str, description: str) -> Markup:
    """Return the figure as an <svg> element: ink follows the page, ids are unique to `key`, no metadata."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    prefix = "f" + hashlib.sha256(key.encode()).hexdigest()[:8]
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", text).replace(_INK, "currentColor")
    label = Markup.escape(description)
    return Markup(text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1))
