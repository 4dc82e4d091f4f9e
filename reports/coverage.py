"""Which explainers were scored on fewer images than the others, in words."""

import pandas as pd

from reports import glossary
from reports.results import Results


def fewer(results: Results, rows: pd.DataFrame, evaluated: int) -> list[str]:
    """Return a sentence for each group of explainers without all of the images, on metrics of which somebody has all.

    Args:
        results: the experiment.
        rows: of `tables.accuracy`.
        evaluated: how many images were explained and scored.
    """
    found: dict[tuple[tuple[str, ...], int], list[str]] = {}
    for metric in results.ranking:
        counts = rows[(rows["metric"] == metric) & (rows["n"] > 0)].set_index("explainer")["n"]
        if (counts == evaluated).any():
            for n, own in counts[counts < evaluated].groupby(counts, sort=False):
                found.setdefault((tuple(map(str, own.index)), int(n)), []).append(results.measures[metric].title)
    return [
        f"{glossary.listed(metrics)} of {glossary.listed([glossary.title(name) for name in names])} "
        f"{'are' if len(metrics) > 1 else 'is'} of {n} of the {evaluated} images."
        for (names, n), metrics in found.items()
    ]
