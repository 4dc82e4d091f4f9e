"""Figures of speed and of training: accuracy against speed, curves by epoch."""

from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from matplotlib.transforms import Bbox

from reports import glossary
from reports.drawing import INK, MARKERS, PALETTE, Drawing, canvas, drawn, means, paired
from reports.results import Results
from reports.speeds import Speed

NEAR = 8  # points sideways, or beyond its bar; a name further off is joined to its point by a line
KINDS = ("losses", "accuracy")  # of curves of training
LAST_PLACE = ((0.0, -40.0), "center")  # of a name that fits nowhere


def accuracy_against_speed(
    results: Results, rows: pd.DataFrame, speeds: list[Speed], metric: str, place: str = ""
) -> Drawing | None:
    """Plot `metric` over frames per second (log), the paper's figure as a line; None without data.

    A grey staircase is the Pareto front of the methods: for every speed, the best mean at that speed or above.
    The surrogate's ablations are left out: they run as fast as it does and would hide it. `place` tells
    two such figures on one page apart.
    """
    chosen = rows[(rows["metric"] == metric) & rows["mean"].notna()]
    chosen = chosen[chosen["explainer"].map(glossary.kind) != "ablation"]
    fps = {speed.explainer: speed.fps for speed in speeds if speed.fps}
    chosen = chosen.assign(fps=chosen["explainer"].map(fps)).dropna(subset=["fps"])
    if chosen.empty:
        return None
    measure = results.measures[metric]
    with canvas(4.6 if place else 5.4, 3.7) as (figure, [axes]):
        axes.set_xscale("log")
        means(axes, results, chosen, x="fps", y="mean")
        _front(axes, chosen[chosen["explainer"].map(glossary.kind) == "method"], measure.better)
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
        _label_points(figure, axes, chosen)
        return drawn(figure, results.key, f"{metric}-speed{place}", f"{measure.title} against frames per second")


def _front(axes: Axes, methods: pd.DataFrame, better: str) -> None:
    """Join the methods that no other one beats in both speed and accuracy."""
    ordered = methods.sort_values("fps", ascending=False)
    best = ordered["mean"].cummin() if better == "lower" else ordered["mean"].cummax()
    front = ordered[(ordered["mean"] == best) & ~best.duplicated()]
    axes.plot(front["fps"], front["mean"], color=INK, alpha=0.35, lw=1.2, drawstyle="steps-post", zorder=1)


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


def _label_points(figure: Figure, axes: Axes, rows: pd.DataFrame) -> None:
    """Write each name beside its point, above its bar or below it, where it covers no name, point or bar."""
    figure.draw_without_rendering()
    line = axes.transData.transform((glossary.PAPER_FPS, 0))[0]
    taken = [Bbox.from_extents(line - 2, axes.bbox.y0, line + 2, axes.bbox.y1)]
    rows = rows.fillna({"low": rows["mean"], "high": rows["mean"]}).sort_values(["mean", "fps"])
    bars = [_bar(axes, row) for row in rows.itertuples()]
    taken += [Bbox.from_extents(bar.x0 - 3, bar.y0, bar.x1 + 3, bar.y1) for bar in bars]
    for row, bar in zip(rows.itertuples(), bars, strict=True):
        middle = axes.transData.transform((row.fps, row.mean))[1]
        up, down = (abs(bar.y1 - middle) * 72 / figure.dpi, abs(middle - bar.y0) * 72 / figure.dpi)
        for shift, align in [*_places(up, down), LAST_PLACE]:
            far = abs(shift[0]) > NEAR or (not shift[0] and not -down - NEAR <= shift[1] + 3 <= up + NEAR)
            label = axes.annotate(
                glossary.title(row.explainer), (row.fps, row.mean), shift,
                textcoords="offset points", ha=align, fontsize=8.5,
                arrowprops={"arrowstyle": "-", "color": INK, "alpha": 0.35, "lw": 0.6, "shrinkB": 3} if far else None,
            )  # fmt: skip
            box = _name(label).padded(1)
            inside = axes.bbox.x0 - 2 <= box.x0 and box.x1 <= axes.bbox.x1 + 6
            inside = inside and axes.bbox.y0 <= box.y0 and (not far or box.y1 <= axes.bbox.y1)
            if inside and not any(box.overlaps(other) for other in taken):
                break
            if (shift, align) != LAST_PLACE:
                label.remove()
            else:
                label.set_x(shift[0] + max(0.0, axes.bbox.x0 - box.x0) * 72 / figure.dpi)
        taken.append(_name(label))


def _name(label: Annotation) -> Bbox:
    """Return where the words of a label stand, without its line."""
    label.get_window_extent()  # places it
    return Text.get_window_extent(label)


def _places(up: float, down: float) -> list[tuple[tuple[float, float], str]]:
    """Return where a name may stand, the best first: beside its point, above or below its bar, further off."""
    sides = {"left": 1, "right": -1}
    near = [((8 * sign, y), side) for y in (-3, 8, -14) for side, sign in sides.items()]
    over = [((0, -down - 10), "center"), ((0, up + 3), "center")]
    heights = [-3, *(sign * 11 * step - 3 for step in range(1, 10) for sign in (1, -1))]
    far = [((x * sign, y), side) for x in (20, 50) for y in heights for side, sign in sides.items()]
    beyond = [
        ((0, sign * (away + 11 * step)), "center") for step in range(2, 8) for sign, away in ((-1, down), (1, up))
    ]
    return [*near, *over, *far, *beyond]


def _bar(axes: Axes, row: Any) -> Bbox:
    """Return where a point and its interval stand, in display units."""
    (x, a), (_, b), (_, y) = axes.transData.transform([(row.fps, row.low), (row.fps, row.high), (row.fps, row.mean)])
    return Bbox.from_extents(x - 2, min(a, b, y - 4), x + 2, max(a, b, y + 4))
