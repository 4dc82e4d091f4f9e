"""How the surrogate differs from every other method, metric by metric, on the same images."""

from collections.abc import Mapping

import pandas as pd

from bench.statistics import Contrast, against
from reports import glossary
from reports.results import Results

FAMILIES = ("method", "ablation", "control")
COLUMNS = ["experiment", "minus", "metric", "difference", "low", "high", "n", "p_holm", "rank_biserial", "outcome"]


def surrogate_minus(results: Results) -> dict[str, dict[str, Contrast]]:
    """Return other -> metric -> surrogate minus other, for whatever has scores.

    The tests are Holm-corrected over all metrics and all methods, and apart from that over all metrics and all
    ablations, and over all metrics and all controls. Metrics without a direction, or without an image for both,
    have no entry.
    """
    if not _scored(results, glossary.SURROGATE):
        return {}
    found: dict[str, dict[str, Contrast]] = {}
    for kind in FAMILIES:
        others = [n for n in results.of_kind(kind) if n != glossary.SURROGATE and _scored(results, n)]
        for one in against(
            results.scores, results.better, glossary.SURROGATE, others, results.ranking, runs=results.runs
        ):
            by_metric = found.setdefault(one.other, {})
            if one.difference.n:
                by_metric[one.metric] = one
    return found


def table(found: Mapping[str, Mapping[str, Mapping[str, Contrast]]]) -> pd.DataFrame:
    """Return experiment -> `surrogate_minus` as rows with `COLUMNS`; intervals are not corrected."""
    rows = [
        (
            experiment, other, metric, one.difference.mean, one.difference.low, one.difference.high,
            one.difference.n, one.p_holm, one.rank_biserial, one.outcome,
        )
        for experiment, others in found.items() for other, own in others.items() for metric, one in own.items()
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def _scored(results: Results, name: str) -> bool:
    return any(explainer == name for explainer, _ in results.scores)
