"""The surrogate is faster than iterative methods by orders of magnitude."""

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from bench.claims._contrasts import SURROGATE
from bench.claims._timing import ratio, single, too_few
from bench.claims.base import Claim, Figure, Judgement, Names, untestable
from bench.evidence import Evidence
from bench.method_names import title

BESIDE = ("meaningful_perturbation", "grad_cam")


@dataclass(frozen=True)
class SpeedRatio(Claim):
    """Faster than every iterative method by the stated number of orders of magnitude.

    orders: how many; the abstract's plural is read as two, a hundred times.
    others: the iterative methods that decide. Meaningful perturbation and Grad-CAM are reported beside
        them where they were timed.
    """

    title: ClassVar[str] = "Faster than iterative methods by orders of magnitude"
    quote: ClassVar[str] = "which is much faster than the existing methods by orders of magnitude"
    test: ClassVar[str] = (
        "Ratio of median times of whole explanations, batch 1, same device, precision and image size, each over the "
        "bare forward pass timed in turn with it, since the machine's speed drifts between methods; with a percentile "
        "bootstrap interval over the timed calls: reproduced if it is reached by the whole interval for every method, "
        "not reproduced if for one of them no part of the interval reaches it."
    )
    orders: Annotated[float, Field(gt=0)] = 2.0
    others: Names = ("rise", "score_cam")

    def hypothesis(self, evidence: Evidence) -> str:
        """See `Claim.hypothesis`."""
        names = ", ".join(map(title, self.others))
        return f"The surrogate is at least {10**self.orders:g} times as fast as each of {names}."

    def judge(self, evidence: Evidence) -> Judgement:
        """See `Claim.judge`."""
        mine = single(evidence, SURROGATE)
        timings = {name: single(evidence, name) for name in (*self.others, *BESIDE)}
        if mine is None:
            return untestable([f"timing of {title(SURROGATE)}, one image at a time"])
        figures, missing, low, high = [], too_few(SURROGATE, mine), math.inf, math.inf
        for name, its in timings.items():
            if its is None or its.conditions != mine.conditions:
                why = "timing of" if its is None else "timing under the same conditions of"
                missing += [f"{why} {title(name)}, one image at a time"] if name in self.others else []
                continue
            found = ratio(mine, its)
            words = f"{math.log10(found.mean):.1f} orders of magnitude"
            figures.append(
                Figure(f"times as fast as {title(name)}", found.mean, found.low, found.high, found.n, "times", words)
            )
            if name in self.others:
                missing += too_few(name, its)
                low, high = min(low, found.low), min(high, found.high)
        if missing:
            return untestable(missing, tuple(figures))
        least = 10**self.orders
        slowest = f"The smallest ratio's interval is {low:.3g} to {high:.3g}"
        if low >= least:
            return Judgement("reproduced", f"{slowest}, all of it {least:g} or more.", tuple(figures))
        if high < least:
            return Judgement("not reproduced", f"{slowest}, all of it below {least:g}.", tuple(figures))
        return Judgement("inconclusive", f"{slowest}, which holds {least:g}.", tuple(figures))
