"""What the runs show for the paper's three claims, as figures: the verdicts are made elsewhere."""

from dataclasses import dataclass
from math import log10
from typing import Any

from bench.statistics import Estimate, Outcome, outcome, paired_difference
from reports import glossary
from reports.results import Results
from reports.tables import Speed

LAST_LAYER = "grad_cam"
ITERATIVE = ("rise", "score_cam")
FINE_GRAINED = ("part_pointing", "telling_energy")


@dataclass(frozen=True)
class Difference:
    """Surrogate minus another method on one metric, paired over the images."""

    metric: str
    estimate: Estimate
    outcome: Outcome


@dataclass(frozen=True)
class Comparison:
    """The surrogate against one other method.

    speed_ratio: how many times more frames per second, one image at a time; None unless both were
        timed on the same kind of device at the same precision.
    """

    other: str
    differences: tuple[Difference, ...]
    speed_ratio: float | None

    def metrics(self, outcome: Outcome) -> list[str]:
        """Return the metrics with this outcome."""
        return [difference.metric for difference in self.differences if difference.outcome == outcome]

    @property
    def orders(self) -> float | None:
        """The speed ratio in orders of magnitude."""
        return log10(self.speed_ratio) if self.speed_ratio else None

    @property
    def images(self) -> int:
        """The largest number of images that a difference rests on."""
        return max((difference.estimate.n for difference in self.differences), default=0)


def compare(results: Results, speeds: list[Speed]) -> dict[str, Comparison]:
    """Return the surrogate's comparison with each of Grad-CAM, RISE and Score-CAM that was run."""
    others = [name for name in (LAST_LAYER, *ITERATIVE) if name in results.explainers]
    if glossary.SURROGATE not in results.explainers:
        return {}
    return {
        name: Comparison(name, _differences(results, name), _speed_ratio(speeds, results.key, name)) for name in others
    }


def fine_grained(results: Results, means: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    """Return, for each fine-grained metric that was measured, the mean of every method shown beside it."""
    shown = [glossary.SURROGATE, LAST_LAYER, *ITERATIVE, "uniform"]
    rows = []
    for metric in FINE_GRAINED:
        values = {name: means[name][metric] for name in shown if metric in means.get(name, {})}
        if metric in results.measures and values:
            rows.append({"metric": metric, "values": values})
    return rows


def map_sizes(results: Results) -> dict[str, tuple[int, int]]:
    """Return each explainer's native map size, as far as the gallery noted it."""
    noted = (results.gallery or {}).get("explainers", {})
    return {name: tuple(told["map_size"]) for name, told in noted.items() if told.get("map_size")}


def _differences(results: Results, other: str) -> tuple[Difference, ...]:
    found = []
    for metric, measure in results.measures.items():
        pair = [results.scores.get((name, metric)) for name in (glossary.SURROGATE, other)]
        if pair[0] is None or pair[1] is None or measure.better not in ("higher", "lower"):
            continue
        estimate = paired_difference(pair[0], pair[1])
        if estimate.n:
            found.append(Difference(metric, estimate, outcome(estimate, measure.better)))
    return tuple(found)


def _speed_ratio(speeds: list[Speed], experiment: str, other: str) -> float | None:
    by_name = {speed.explainer: speed for speed in speeds if speed.experiment == experiment}
    mine, its = by_name.get(glossary.SURROGATE), by_name.get(other)
    if mine is None or its is None or not mine.fps or not its.fps:
        return None
    same = (mine.device, mine.precision, mine.image_size) == (its.device, its.precision, its.image_size)
    return mine.fps / its.fps if same else None
