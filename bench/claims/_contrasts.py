"""The surrogate against other methods, metric by metric: what the accuracy claims share."""

import math
from collections.abc import Sequence

from bench.claims.base import Figure, Judgement, Unit, untestable
from bench.evidence import Evidence
from bench.statistics import Contrast, against
from methods.errors import UserError

SURROGATE = "surrogate"


def missing_results(evidence: Evidence, methods: Sequence[str], metrics: Sequence[str]) -> list[str]:
    """Name every method and metric that a claim needs and the experiment does not have."""
    absent = [f"scores of {name}" for name in methods if not any(key[0] == name for key in evidence.samples)]
    if absent:
        return absent
    return [f"metric {metric}" for metric in metrics if not any(key[1] == metric for key in evidence.samples)]


def applicable(evidence: Evidence, methods: Sequence[str], metrics: Sequence[str]) -> list[str]:
    """Return the metrics that have a value on some image for each of the methods."""

    def known(metric: str) -> bool:
        return all(
            (name, metric) in evidence.samples and evidence.samples[name, metric].notna().any() for name in methods
        )

    return [metric for metric in metrics if known(metric)]


def contrasts(evidence: Evidence, others: Sequence[str], metrics: Sequence[str]) -> list[Contrast]:
    """Return surrogate minus each other method on each metric, Holm-corrected over all of them.

    Raises:
        UserError: a metric has no direction.
    """
    for metric in metrics:
        if evidence.better.get(metric) not in ("higher", "lower"):
            raise UserError(f"metric '{metric}' describes maps and ranks none: leave it out of the claims' settings")
    return against(evidence.samples, evidence.better, SURROGATE, others, metrics)


def figure(evidence: Evidence, contrast: Contrast, outcome: str = "") -> Figure:
    """Return one contrast as a figure; `outcome` replaces the test's own words."""
    difference = contrast.difference
    return Figure(
        label=f"{evidence.title(contrast.metric)}: {contrast.method} minus {contrast.other}",
        value=difference.mean,
        low=difference.low,
        high=difference.high,
        n=difference.n,
        unit=unit_of(contrast.metric),
        outcome=outcome or contrast.outcome,
        seeds=evidence.seeds_of(contrast.method),
        p=contrast.p_holm,
        effect=contrast.rank_biserial,
    )


def unit_of(metric: str) -> Unit:
    """Return how a metric's values are written."""
    return "percent" if metric in ("average_drop", "increase_in_confidence", "average_gain") else "share"


def superiority(evidence: Evidence, others: Sequence[str], metrics: Sequence[str]) -> Judgement:
    """Judge whether the surrogate is better than the others.

    Reproduced if it is better on more than half of the comparisons and worse on none; not reproduced
    if it is worse on at least as many as it is better on, and on one at least; else inconclusive.
    """
    missing = missing_results(evidence, (SURROGATE, *others), metrics)
    if missing:
        return untestable(missing)
    used = applicable(evidence, (SURROGATE, *others), metrics)
    found = contrasts(evidence, others, used)
    figures = tuple(figure(evidence, one) for one in found)
    tested = [one for one in found if not math.isnan(one.p_holm)]
    if not tested:
        return untestable(["images on which both methods are known: at least three"], figures)
    better, worse = (sum(one.outcome == word for one in tested) for word in ("better", "worse"))
    count = f"better on {better}, worse on {worse} of {len(tested)} comparisons"
    if 2 * better > len(tested) and not worse:
        return Judgement("reproduced", f"The surrogate is {count}.", figures)
    if worse and worse >= better:
        return Judgement("not reproduced", f"The surrogate is {count}.", figures)
    rest = "; the others are not distinguishable" if better + worse < len(tested) else ""
    return Judgement("inconclusive", f"The surrogate is {count}{rest}.", figures)
