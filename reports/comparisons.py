"""What the runs show for the paper's three claims: differences with intervals, and the verdict each interval allows."""

from dataclasses import dataclass
from math import log10
from typing import Any

from bench.statistics import Estimate, Outcome, outcome, paired_difference
from reports import glossary
from reports.results import Results
from reports.tables import Speed

LAST_LAYER = "grad_cam"
ITERATIVE = ("rise", "score_cam")
FLOOR = "uniform"
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

    def found(self, outcome: Outcome) -> list[Difference]:
        """Return the differences with this outcome."""
        return [difference for difference in self.differences if difference.outcome == outcome]

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
    """Return, for each fine-grained metric the surrogate was scored on, its mean and how it differs from others."""
    rows = []
    for metric in FINE_GRAINED:
        if metric in means.get(glossary.SURROGATE, {}):
            compared = {name: difference(results, name, metric) for name in (LAST_LAYER, *ITERATIVE, FLOOR)}
            others = [(name, means[name][metric], found) for name, found in compared.items() if found]
            rows.append({"metric": metric, "mean": means[glossary.SURROGATE][metric], "others": others})
    return rows


def difference(results: Results, other: str, metric: str) -> Difference | None:
    """Return surrogate minus other on one metric; None without a direction or an image on which both are known."""
    mine, its = (results.scores.get((name, metric)) for name in (glossary.SURROGATE, other))
    better = results.measures[metric].better
    if mine is None or its is None or better not in ("higher", "lower"):
        return None
    estimate = paired_difference(mine, its)
    return Difference(metric, estimate, outcome(estimate, better)) if estimate.n else None


def _differences(results: Results, other: str) -> tuple[Difference, ...]:
    found = (difference(results, other, metric) for metric in results.measures)
    return tuple(one for one in found if one)


def _speed_ratio(speeds: list[Speed], experiment: str, other: str) -> float | None:
    by_name = {speed.explainer: speed for speed in speeds if speed.experiment == experiment}
    mine, its = by_name.get(glossary.SURROGATE), by_name.get(other)
    if mine is None or its is None or not mine.fps or not its.fps:
        return None
    same = (mine.device, mine.precision, mine.image_size) == (its.device, its.precision, its.image_size)
    return mine.fps / its.fps if same else None
