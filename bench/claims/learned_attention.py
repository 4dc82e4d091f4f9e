"""The maps owe their accuracy to attention that distillation taught."""

from dataclasses import dataclass
from typing import ClassVar

from bench.claims._contrasts import superiority
from bench.claims.base import PRIMARY, Claim, Judgement, Names
from bench.evidence import Evidence


@dataclass(frozen=True)
class LearnedAttention(Claim):
    """The surrogate against itself without attention and without distillation.

    metrics: on which.
    """

    title: ClassVar[str] = "The maps come from attention learned by distillation"
    quote: ClassVar[str] = (
        "Experiments demonstrated that the saliency maps are the result of spatially attentive features learned from "
        "the "
        "distillation."
    )
    test: ClassVar[str] = (
        "As for Grad-CAM, against two surrogates trained alike: one whose features are not weighted by attention, "
        "one whose "
        "student learns the labels instead of the teacher's outputs."
    )
    metrics: Names = PRIMARY

    def hypothesis(self, evidence: Evidence) -> str:
        """See `Claim.hypothesis`."""
        return (
            "With attention and with distillation the surrogate's maps score better than without either, by "
            f"{', '.join(map(evidence.title, self.metrics))}."
        )

    def judge(self, evidence: Evidence) -> Judgement:
        """See `Claim.judge`."""
        return superiority(evidence, ("surrogate_no_attention", "surrogate_no_distillation"), self.metrics)
