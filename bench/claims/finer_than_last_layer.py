"""The surrogate's maps are more accurate than those of the last layer."""

from dataclasses import dataclass
from typing import ClassVar

from bench.claims._contrasts import superiority
from bench.claims.base import PRIMARY, Claim, Judgement, Names
from bench.evidence import Evidence


@dataclass(frozen=True)
class FinerThanLastLayer(Claim):
    """Better than Grad-CAM, the method of the last convolution.

    metrics: on which; those that do not apply to the data are left out.
    """

    title: ClassVar[str] = "More accurate than maps of the last convolution"
    quote: ClassVar[str] = (
        "Existing explanation methods typically only use the output of the last convolution layer of the model to "
        "generate a saliency map [...]. Thus, the corresponding explanations are coarse and result in limited accuracy."
    )
    test: ClassVar[str] = (
        "Two-sided sign-flip permutation test of the paired mean difference per metric, Holm-corrected over all; "
        "better, or worse, if every training of the one is better than every training of the other too. Reproduced "
        "if better on more than half and worse on none, not reproduced if worse on one and on at least as many as "
        "better."
    )
    metrics: Names = PRIMARY

    def hypothesis(self, evidence: Evidence) -> str:
        """See `Claim.hypothesis`."""
        names = ", ".join(map(evidence.title, self.metrics))
        return f"On the same images the surrogate's maps score better than Grad-CAM's by {names}."

    def judge(self, evidence: Evidence) -> Judgement:
        """See `Claim.judge`."""
        return superiority(evidence, ("grad_cam",), self.metrics)
