"""The surrogate against other methods, metric by metric: what the accuracy claims share."""

import math
from collections.abc import Sequence

from bench.claims.base import Figure, Judgement, Unit, untestable
from bench.evidence import Evidence
from bench.method_names import title
from bench.statistics import DECIDABLE, Contrast, against
from methods.errors import UserError

SURROGATE = "surrogate"


def missing_results(evidence: Evidence, methods: Sequence[str], metrics: Sequence[str]) -> list[str]:
    """Name every method and metric that a claim needs and the experiment does not have.

    A metric that is defined on the images for some of the methods and not for others is missing for these.
    """
    absent = [f"scores of {title(name)}" for name in methods if not any(key[0] == name for key in evidence.samples)]
    if absent:
        return absent
    absent = [metric for metric in metrics if not any(key[1] == metric for key in evidence.samples)]
    if absent:
        return [f"metric {evidence.title(metric)}" for metric in absent]
    return [
        f"{evidence.title(metric)} of {title(name)}"
        for metric in metrics
        for name in methods
        if not _known(evidence, name, metric) and any(_known(evidence, other, metric) for other in methods)
    ]


def undefined(evidence: Evidence, methods: Sequence[str], metrics: Sequence[str]) -> list[str]:
    """Return the metrics that have no value on these images for any of the methods."""
    return [metric for metric in metrics if not any(_known(evidence, name, metric) for name in methods)]


def without(evidence: Evidence, metrics: Sequence[str]) -> str:
    """Say which metrics a verdict leaves out, as the end of its reason."""
    names = ", ".join(map(evidence.title, metrics))
    return f" Not defined here: {names}." if metrics else ""


def contrasts(evidence: Evidence, others: Sequence[str], metrics: Sequence[str]) -> list[Contrast]:
    """Return surrogate minus each other method on each metric, Holm-corrected over all of them.

    Raises:
        UserError: a metric has no direction.
    """
    for metric in metrics:
        if evidence.better.get(metric) not in ("higher", "lower"):
            raise UserError(f"metric '{metric}' describes maps and ranks none: leave it out of the claims' settings")
    return against(evidence.samples, evidence.better, SURROGATE, others, metrics, runs=evidence.runs)


def figure(evidence: Evidence, contrast: Contrast, outcome: str = "") -> Figure:
    """Return one contrast as a figure; `outcome` replaces the test's own words."""
    difference = contrast.difference
    return Figure(
        label=f"{evidence.title(contrast.metric)}: {title(contrast.method)} minus {title(contrast.other)}",
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


def _known(evidence: Evidence, name: str, metric: str) -> bool:
    return (name, metric) in evidence.samples and bool(evidence.samples[name, metric].notna().any())


def unit_of(metric: str) -> Unit:
    """Return how a metric's values are written."""
    return "percent" if metric in ("average_drop", "increase_in_confidence", "average_gain") else "share"


def superiority(evidence: Evidence, others: Sequence[str], metrics: Sequence[str]) -> Judgement:
    """Judge whether the surrogate is better than the others.

    Reproduced if it is better on more than half of the comparisons and worse on none; not reproduced
    if it is worse on at least as many as it is better on, and on one at least; else inconclusive.
    """
    methods = (SURROGATE, *others)
    missing = missing_results(evidence, methods, metrics)
    if missing:
        return untestable(missing)
    left_out = undefined(evidence, methods, metrics)
    found = contrasts(evidence, others, [metric for metric in metrics if metric not in left_out])
    figures = tuple(figure(evidence, one) for one in found)
    tested = [one for one in found if not math.isnan(one.p_holm)]
    if not tested:
        return untestable([f"images on which both methods are known: at least {DECIDABLE}"], figures)
    words = [one.outcome for one in tested]
    better, worse, apart = (words.count(word) for word in ("better", "worse", "seeds disagree"))
    count = f"The surrogate is better on {better}, worse on {worse} of {len(tested)} comparisons"
    count += f"; on {apart} the seeds disagree" if apart else ""
    end = "." + without(evidence, left_out)
    if 2 * better > len(tested) and not worse:
        return Judgement("reproduced", count + end, figures)
    if worse and worse >= better:
        return Judgement("not reproduced", count + end, figures)
    rest = "; the others are not distinguishable" if better + worse + apart < len(tested) else ""
    return Judgement("inconclusive", count + rest + end, figures)
