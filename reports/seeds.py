"""Which means come from several seeds, and how much they change from one seed to the next."""

from bench.statistics import SeedSpread, seed_spread
from reports.results import Results


def several(results: Results) -> dict[str, int]:
    """Return explainer -> its number of seeds, of those that were trained or drawn from more than one."""
    counts = {name: results.rows[name]["seed"].nunique() for name in results.explainers if name in results.rows}
    return {name: count for name, count in counts.items() if count > 1}


def networks(results: Results) -> dict[str, int]:
    """Return explainer -> how many networks were trained for it, of those with more than one."""
    return {name: len(fit["seeds"]) for name, fit in results.fits.items() if len(fit.get("seeds") or ()) > 1}


def spread(results: Results) -> dict[tuple[str, str], SeedSpread]:
    """Return (explainer, metric) -> spread, of metrics with a direction and explainers of `several` seeds."""
    found = {
        (name, metric): seed_spread(results.rows[name].query("metric == @metric"))
        for name in several(results)
        for metric in results.ranking
    }
    return {key: one for key, one in found.items() if one.images}
