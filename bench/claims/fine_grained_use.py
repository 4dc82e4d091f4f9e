"""The maps are of use in fine-grained classification."""

from dataclasses import dataclass
from typing import ClassVar

from bench.claims._contrasts import superiority
from bench.claims.base import Claim, Judgement, Names
from bench.evidence import Evidence
from bench.method_names import title


@dataclass(frozen=True)
class FineGrainedUse(Claim):
    """The teacher reads a crop that the map chose, against crops that no map chose.

    metrics: of `bench.metrics.zoom`.
    others: map-free controls; `uniform` chooses a random window, `centre` the central one.
    """

    title: ClassVar[str] = "Crops useful for fine-grained classification"
    quote: ClassVar[str] = "Thus, they are useful for fine-grained classification tasks."
    test: ClassVar[str] = (
        "As for Grad-CAM: share of test images that the teacher classifies correctly from the window with the "
        "largest sum "
        "of the map, against a random window and the central one of the same size, paired over images. Whether image "
        "and crop together are classified better than the image alone stands in the tables and decides nothing here."
    )
    metrics: Names = ("zoom_accuracy",)
    others: Names = ("uniform", "centre")

    def hypothesis(self, evidence: Evidence) -> str:
        """See `Claim.hypothesis`."""
        return (
            "A crop chosen by the surrogate's map is classified correctly more often than a crop chosen without a map "
            f"({', '.join(map(title, self.others))})."
        )

    def judge(self, evidence: Evidence) -> Judgement:
        """See `Claim.judge`."""
        return superiority(evidence, self.others, self.metrics)
