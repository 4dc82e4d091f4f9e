"""Which images stand for a method's best, median and worst, by a rule that leaves no choice."""

from pathlib import Path

import pandas as pd

from bench.artifacts import read_rows
from reports import glossary

METRIC = "insertion"  # higher is better
LEAST = 3  # images, so that the cases can differ


def choose(values: pd.Series) -> dict[str, str]:
    """Return the image ids of the best, the median and the worst value; no case under LEAST known values.

    The median is the value in the middle, the better one of two. Of equal values the first counts.

    Args:
        values: of METRIC by image id, in evaluation order; NaN is left out.
    """
    known = values.dropna()
    if len(known) < LEAST:
        return {}
    ranked = known.sort_values(ascending=False, kind="stable")
    return {
        "best": str(known.idxmax()),
        "median": str(ranked.index[(len(ranked) - 1) // 2]),
        "worst": str(known.idxmin()),
    }


def first_seed(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of one explainer's least seed: those of the maps that are shown, if it has several."""
    return rows[rows["seed"] == rows["seed"].min()]


def read(scores: Path, explainers: list[str], image_ids: list[str]) -> dict[str, dict[str, str]]:
    """Return the cases of every method, explainer -> case -> image id, from the score files in folder `scores`.

    Ablations and controls have none, and neither has a method that was not scored. Values are those of `first_seed`.
    """
    found = {}
    for name in explainers:
        path = scores / f"{name}.parquet"
        if glossary.kind(name) != "method" or not path.is_file():
            continue
        rows = first_seed(read_rows(path))
        values = rows[rows["metric"] == METRIC].set_index("image_id")["value"]
        chosen = choose(values.reindex(image_ids))
        if chosen:
            found[name] = chosen
    return found
