"""The surrogate's maps are as accurate as those of iterative methods."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar

from pydantic import Field

from bench.claims._contrasts import SURROGATE, contrasts, figure, missing_results, undefined, without
from bench.claims.base import Claim, Judgement, Names, untestable
from bench.evidence import Evidence
from bench.method_names import title
from bench.statistics import DECIDABLE, Contrast, NonInferiority, against, non_inferior, paired_test
from bench.statistics.intervals import direction

BESIDE = ("meaningful_perturbation",)
SENSITIVITY = ("grad_cam", "uniform")  # what the margins say of these tells how much they can tell
MARGINS = {
    "insertion": 0.05,
    "deletion": 0.05,
    "road_morf": 0.05,
    "average_drop": 5.0,
    "adcc": 0.05,
    "part_pointing": 0.1,
    "effect_mass": 0.05,
}


@dataclass(frozen=True)
class AsAccurateAsIterative(Claim):
    """Not inferior to any iterative method by more than a margin; superiority is reported beside it.

    margins: metric -> the loss that still counts as equal, in the metric's own unit.
    others: the iterative methods that decide. Meaningful perturbation is reported beside them where it was run.
    """

    title: ClassVar[str] = "As accurate as iterative methods"
    quote: ClassVar[str] = (
        "Although the accuracy can be improved by iteratively developing a saliency map, this is too time-consuming "
        "and "
        "is thus impractical."
    )
    test: ClassVar[str] = (
        "95 % BCa interval of the paired mean difference against a margin: reproduced if on every metric and against "
        "every method all of it is better than minus the margin, not reproduced if for one of them none of it is and "
        "the sign-flip test against the margin, Holm-corrected, agrees. Of several trainings every one must say so. In "
        "how many comparisons Grad-CAM and a random map pass is told beside it: margins that these pass say little."
    )
    margins: Mapping[str, Annotated[float, Field(ge=0)]] = field(default_factory=lambda: dict(MARGINS))
    others: Names = ("rise", "score_cam")

    def hypothesis(self, evidence: Evidence) -> str:
        """See `Claim.hypothesis`."""
        limits = ", ".join(f"{evidence.title(metric)} ({margin:g})" for metric, margin in self.margins.items())
        names = " and ".join(map(title, self.others))
        return f"The surrogate is not worse than {names} by more than a margin on {limits}."

    def judge(self, evidence: Evidence) -> Judgement:
        """See `Claim.judge`."""
        missing = missing_results(evidence, (SURROGATE, *self.others), tuple(self.margins))
        if missing:
            return untestable(missing)
        left_out = undefined(evidence, (SURROGATE, *self.others), tuple(self.margins))
        used = [metric for metric in self.margins if metric not in left_out]
        figures, outcomes = [], []
        ran = [name for name in BESIDE if name not in self.others and any(name == key[0] for key in evidence.samples)]
        beside = [figure(evidence, one) for one in contrasts(evidence, ran, used)]
        beyond = self._worse_than_the_margin(evidence, used)
        for one in contrasts(evidence, self.others, used):
            if math.isnan(one.p_holm):
                figures.append(figure(evidence, one))
                continue
            word = self._word(evidence, one)
            if word == "inferior" and (one.other, one.metric) not in beyond:
                word = "inconclusive"  # not after correction for the number of comparisons
            outcomes.append(word)
            figures.append(figure(evidence, one, f"{word} (margin {self.margins[one.metric]:g}); {one.outcome}"))
        if not outcomes:
            return untestable([f"images on which both methods are known: at least {DECIDABLE}"], (*figures, *beside))
        count = f"Non-inferior in {outcomes.count('non-inferior')}, inferior in {outcomes.count('inferior')} of "
        count += f"{len(outcomes)} comparisons{self._sensitivity(evidence, used)}.{without(evidence, left_out)}"
        if "inferior" in outcomes:
            return Judgement("not reproduced", count, (*figures, *beside))
        reproduced = all(word == "non-inferior" for word in outcomes)
        return Judgement("reproduced" if reproduced else "inconclusive", count, (*figures, *beside))

    def _sensitivity(self, evidence: Evidence, metrics: list[str]) -> str:
        """Say in how many comparisons other methods would pass, as the end of the reason."""
        words = []
        for name in SENSITIVITY:
            if missing_results(evidence, (name, *self.others), metrics):
                continue
            pairs = [(evidence.samples[name, m], evidence.samples[o, m], m) for o in self.others for m in metrics]
            passed = [
                non_inferior(paired_test(mine, its).difference, evidence.better[metric], self.margins[metric])
                for mine, its, metric in pairs
            ]
            words.append(f"{title(name)} {passed.count('non-inferior')}")
        return f"; by these margins {', '.join(words)}" if words else ""

    def _word(self, evidence: Evidence, one: Contrast) -> NonInferiority:
        """Hold the interval against the margin, and the runs: all of them must say the same."""
        better, margin = evidence.better[one.metric], self.margins[one.metric]
        word = non_inferior(one.difference, better, margin)
        if one.runs is None:
            return word
        low, high = one.runs
        agreed = non_inferior(replace(one.difference, low=low, high=high), better, margin)
        return word if word == agreed else "inconclusive"

    def _worse_than_the_margin(self, evidence: Evidence, metrics: list[str]) -> set[tuple[str, str]]:
        """Return (other, metric) wherever the loss is found to exceed the margin: the tests are of the loss less it."""
        allowed = {metric: direction(evidence.better[metric]) * self.margins[metric] for metric in metrics}
        forgiven = {(SURROGATE, metric): evidence.samples[SURROGATE, metric] + allowed[metric] for metric in metrics}
        found = against(
            {**evidence.samples, **forgiven}, evidence.better, SURROGATE, self.others, metrics, intervals=False
        )
        return {(one.other, one.metric) for one in found if one.outcome == "worse"}
