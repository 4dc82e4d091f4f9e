"""The surrogate runs at the published rate."""

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from pydantic import Field

from bench.claims._contrasts import SURROGATE
from bench.claims._timing import rate, single, too_few
from bench.claims.base import Claim, Figure, Judgement, untestable
from bench.evidence import Evidence
from bench.method_names import title


@dataclass(frozen=True)
class Speed(Claim):
    """At least the published rate, one image at a time, the whole explanation.

    least: frames per second, 24.3 in the abstract; on the authors' hardware.
    image_size: side of the image in pixels; the usual one for the paper's networks.
    """

    title: ClassVar[str] = "Runs at 24.3 frames per second"
    quote: ClassVar[str] = "the proposed method runs at the rate of 24.3 frames per second"
    test: ClassVar[str] = (
        "Median time of whole explanations, batch 1, with a percentile bootstrap interval over the timed calls: "
        "reproduced if the whole interval reaches the rate, not reproduced if none of it does."
    )
    least: Annotated[float, Field(gt=0)] = 24.3
    image_size: Annotated[int, Field(gt=0)] = 224

    def hypothesis(self, evidence: Evidence) -> str:
        """See `Claim.hypothesis`."""
        return (
            f"The surrogate explains at least {self.least:g} images of {self.image_size} x {self.image_size} pixels "
            "a second, one at a time, on the device named in the report. The class is given, as it is to every method; "
            "beside it stands the rate with the classifier's forward pass that finds it."
        )

    def judge(self, evidence: Evidence) -> Judgement:
        """See `Claim.judge`."""
        timing = single(evidence, SURROGATE)
        if timing is None:
            return untestable([f"timing of {title(SURROGATE)}, one image at a time"])
        found = rate(timing)
        where = f"{timing.device}, {timing.precision}, {timing.image_size} px"
        figures: tuple[Figure, ...] = (
            Figure(f"frames per second ({where})", found.mean, found.low, found.high, found.n, "fps"),
        )
        if timing.forward:
            all_in = rate(replace(timing, seconds=tuple(one + timing.forward for one in timing.seconds)))
            words = "frames per second, the classifier's forward pass included"
            figures += (Figure(words, all_in.mean, all_in.low, all_in.high, all_in.n, "fps"),)
        if timing.image_size < self.image_size:
            return untestable([f"a timing at {self.image_size} px; this one is at {timing.image_size} px"], figures)
        if missing := too_few(SURROGATE, timing):
            return untestable(missing, figures)
        if found.low >= self.least:
            return Judgement("reproduced", f"{found.mean:.1f} fps and more than {self.least:g} throughout.", figures)
        if found.high < self.least:
            return Judgement("not reproduced", f"{found.mean:.1f} fps, below {self.least:g} throughout.", figures)
        return Judgement("inconclusive", f"{found.mean:.1f} fps; the interval holds {self.least:g}.", figures)
