"""How a metric's values spread over the images: a box per explainer."""

from textwrap import fill

import pandas as pd
from matplotlib.ticker import MaxNLocator

from reports import glossary
from reports.drawing import INK, Drawing, canvas, drawn, look
from reports.results import Results

WHISKERS = (5, 95)  # percentiles
TITLE_WIDTH = 30  # characters: longer titles would leave the figure
FEWEST = 5  # images: a box sums them up in five numbers


def left_out(results: Results) -> list[str]:
    """Return the metrics with a direction that were scored and have no figure, in the order of the tables."""
    scored = {metric for (_, metric), one in results.scores.items() if one.notna().any()}
    return [metric for metric in results.ranking if metric in scored and not _told(results, metric)]


def values(results: Results, metric: str) -> pd.DataFrame:
    """Return one row per explainer and image, explainer and value (its mean over seeds), without NaN."""
    tables = [
        pd.DataFrame({"explainer": name, "value": results.scores[name, metric].dropna()})
        for name in results.explainers
        if (name, metric) in results.scores
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["explainer", "value"])


def _told(results: Results, metric: str) -> bool:
    """Tell whether quartiles say more than the mean: images do more than pass or fail, and are enough of them."""
    seen = [rows.loc[rows["metric"] == metric, "value"].dropna() for rows in results.rows.values()]
    counts = values(results, metric)["explainer"].value_counts()
    return len(set().union(*seen)) > 2 and counts.max() >= FEWEST


def boxes(results: Results, metric: str) -> Drawing | None:
    """Plot median, quartiles and the 5th to 95th percentile of every explainer.

    None if an image only passes or fails, or no explainer has `FEWEST` images.
    """
    if not _told(results, metric):
        return None
    found = values(results, metric)
    names, measure, style = list(dict.fromkeys(found["explainer"])), results.measures[metric], look(results)
    with canvas(4.3, 0.9 + 0.27 * len(names)) as (figure, [axes]):
        ink = {"color": INK, "linewidth": 0.9}
        made = axes.boxplot(
            [found.loc[found["explainer"] == name, "value"] for name in names], positions=range(len(names)),
            orientation="horizontal", whis=WHISKERS, showfliers=False, widths=0.6, patch_artist=True,
            medianprops=ink, whiskerprops=ink, capprops=ink, boxprops={"edgecolor": INK, "linewidth": 0.9},
        )  # fmt: skip
        for box, name in zip(made["boxes"], names, strict=True):
            box.set_facecolor(style.colours[name])
        axes.set_yticks(range(len(names)), [glossary.title(name) for name in names])
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.set(xlabel=f"{measure.better} is better", ylabel="")
        axes.set_title(fill(measure.title, TITLE_WIDTH), loc="left")
        description = f"{measure.title}: median, quartiles and 5th to 95th percentile over images of every method"
        return drawn(figure, results.key, f"{metric}-distribution", description)
