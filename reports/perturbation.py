"""The curves behind deletion, insertion and ROAD: the class probability while more and more pixels change."""

from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import glossary
from reports.drawing import Drawing, canvas, drawn, look
from reports.results import Results

WIDTH = 1.96  # standard errors each way: 95 % of a normal distribution
_DIGITS = 6  # of a fraction; fp32 has one more


@dataclass(frozen=True)
class Wording:
    """What a figure says of its metric: the title, and what happens to the pixels."""

    title: str
    change: str


WORDINGS = {
    "deletion": Wording("Deletion: the most salient pixels go first", "removed"),
    "insertion": Wording("Insertion: the most salient pixels come first", "put back"),
    "road_morf": Wording("ROAD: the most salient pixels go first", "imputed"),
    "road_lerf": Wording("ROAD: the least salient pixels go first", "imputed"),
}


def kept(results: Results) -> list[str]:
    """Return the metrics that kept their curves, in the order of the tables."""
    found = {metric for rows in results.perturbation.values() for metric in rows["metric"].unique()}
    return [metric for metric in results.measures if metric in found]


def means(results: Results, metric: str) -> pd.DataFrame:
    """Return the mean curve of every explainer that has one: explainer, fraction, mean, low, high, n.

    Each image counts once, with its mean over seeds; what is NaN is left out. `low` and `high` are the mean ∓
    1.96 standard errors over the n images, NaN for a single one. Fractions that differ by rounding, as those of two
    devices do, are one point.
    """
    tables = [_mean(name, rows[rows["metric"] == metric]) for name, rows in results.perturbation.items()]
    columns = ["explainer", "fraction", "mean", "low", "high", "n"]
    return pd.concat(tables)[columns] if tables else pd.DataFrame(columns=columns)


def _mean(explainer: str, rows: pd.DataFrame) -> pd.DataFrame:
    exact = rows.astype({"fraction": "float64", "probability": "float64"}).round({"fraction": _DIGITS})
    by_image = exact.groupby(["fraction", "image_id"])["probability"].mean()
    found = by_image.groupby("fraction").agg(["mean", "sem", "count"]).dropna(subset="mean").reset_index()
    reach = WIDTH * found["sem"]
    return found.assign(explainer=explainer, low=found["mean"] - reach, high=found["mean"] + reach, n=found["count"])


def curves(results: Results, metric: str) -> Drawing | None:
    """Plot the class probability against the share of pixels changed, a line per explainer; None without data.

    Methods have a band of 1.96 standard errors; ablations and controls are thinner, controls dashed.
    """
    found = means(results, metric)
    if found.empty:
        return None
    names, measure = list(dict.fromkeys(found["explainer"])), results.measures[metric]
    wording = WORDINGS.get(metric, Wording(measure.title, "changed"))
    with canvas(4.8, 3.1 + 0.17 * ((len(names) + 1) // 2)) as (figure, [axes]):
        _lines(figure, axes, results, found.assign(percent=100 * found["fraction"].astype("float64")))
        axes.set(xlim=(-1.5, 101.5), xlabel=f"pixels {wording.change} (%)")
        axes.set_ylim(bottom=0)
        ahead = f" ({measure.better} is better)" if measure.better in ("higher", "lower") else ""
        axes.set_ylabel(f"probability of the class{ahead}", fontsize=8.8)
        axes.set_title(wording.title, loc="left")
        description = f"{wording.title}. Mean probability of the class against pixels {wording.change}"
        return drawn(figure, results.key, f"{metric}-curves", description)


def _lines(figure: Figure, axes: Axes, results: Results, found: pd.DataFrame) -> None:
    """Draw bands, lines and, below the axes, the legend; the first explainers lie on top, markers beside each other."""
    style, every = look(results), max(1, found["fraction"].nunique() // 7)
    for i, (explainer, own) in enumerate(found.groupby("explainer", sort=False)):
        name = str(explainer)
        colour, method = style.colours[name], glossary.kind(name) == "method"
        axes.plot(
            own["percent"], own["mean"], color=colour, lw=1.5 if method else 1, dashes=style.dashes[name],
            marker=style.markers[name], markersize=4.5, markeredgewidth=0, markevery=(i % every, every),
            label=glossary.title(name), zorder=3 - i / 100,
        )  # fmt: skip
        if method:
            axes.fill_between(own["percent"], own["low"], own["high"], color=colour, alpha=0.14, lw=0)
    figure.legend(loc="outside lower center", ncols=2, fontsize=8, handlelength=3, labelspacing=0.35)
