"""All stages together give finer and more accurate maps than the last one alone."""

from dataclasses import dataclass, replace
from typing import ClassVar

from bench.claims._contrasts import SURROGATE, superiority
from bench.claims.base import PRIMARY, Claim, Figure, Judgement, Names
from bench.evidence import Evidence
from bench.method_names import title

LAST = "surrogate_last_stage"


@dataclass(frozen=True)
class AllStages(Claim):
    """The surrogate against itself with the last stage alone.

    metrics: on which; accuracy and, for fineness, the location of parts.
    """

    title: ClassVar[str] = "All layers give a finer map than the last one"
    quote: ClassVar[str] = (
        "The surrogate network aims to generate a fine-grained saliency map corresponding to the model prediction "
        "using "
        "meaningful regional information presented over all network layers."
    )
    test: ClassVar[str] = (
        "As for Grad-CAM, against the surrogate trained alike whose map is read from the last stage alone; the "
        "number of "
        "cells of both maps is given beside it and decides nothing."
    )
    metrics: Names = (*PRIMARY, "energy_pointing")

    def hypothesis(self, evidence: Evidence) -> str:
        """See `Claim.hypothesis`."""
        names = ", ".join(map(evidence.title, self.metrics))
        return f"Fusing all stages scores better than the last stage alone by {names}."

    def judge(self, evidence: Evidence) -> Judgement:
        """See `Claim.judge`."""
        found = superiority(evidence, (LAST,), self.metrics)
        nan, sizes = float("nan"), evidence.map_sizes
        cells = tuple(
            Figure(f"cells of the map of {title(name)}", float(sizes[name][0] * sizes[name][1]), nan, nan, 1, "cells")
            for name in (SURROGATE, LAST)
            if name in sizes
        )
        return replace(found, figures=found.figures + cells)
