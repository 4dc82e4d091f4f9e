"""How much the means change from one seed to the next."""

from bench.statistics import SeedSpread, seed_spread
from reports.results import Results


def spread(results: Results) -> dict[tuple[str, str], SeedSpread]:
    """Return (explainer, metric) -> spread, of metrics with a direction; empty if there is only one seed."""
    if results.seeds < 2:
        return {}
    found = {
        (name, metric): seed_spread(results.rows[name].query("metric == @metric"))
        for name in results.explainers
        if name in results.rows
        for metric in results.ranking
    }
    return {key: one for key, one in found.items() if one.images}
