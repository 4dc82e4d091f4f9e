"""How the surrogate differs from every other method, metric by metric, on the same images."""

from bench.statistics import Contrast, against
from reports import glossary
from reports.results import Results

FAMILIES = ("method", "ablation")


def surrogate_minus(results: Results) -> dict[str, dict[str, Contrast]]:
    """Return other -> metric -> surrogate minus other, for methods and ablations with scores.

    The tests are Holm-corrected over all metrics and all methods, and apart from that over all metrics
    and all ablations. Metrics without a direction, or without an image for both, have no entry.
    """
    if not _scored(results, glossary.SURROGATE):
        return {}
    found: dict[str, dict[str, Contrast]] = {}
    for kind in FAMILIES:
        others = [n for n in results.of_kind(kind) if n != glossary.SURROGATE and _scored(results, n)]
        for one in against(results.scores, results.better, glossary.SURROGATE, others, results.ranking):
            by_metric = found.setdefault(one.other, {})
            if one.difference.n:
                by_metric[one.metric] = one
    return found


def _scored(results: Results, name: str) -> bool:
    return any(explainer == name for explainer, _ in results.scores)
