"""Whether a fresh run reproduces committed results: the rule of `make verify`.

The same code, machine and versions give the same bytes. Elsewhere floating point differs, training
drifts with it, and every map and score of a retrained network moves a little, all images together: a
test over images alone would call such drift a difference, and a tolerance alone would have to be
guessed per metric. A row therefore fails only if both hold:

1. a difference is found: the paired sign-flip test's p, Holm-corrected over all rows, is at most 0.05;
2. it matters: the mean difference exceeds the margin. For scores the margin is half a standard
   deviation over the images of the reference, a medium effect (Cohen 1988), in the metric's own unit and
   so neither too strict for one metric nor too loose for another; where all images of the reference
   have one value the margin is 0. For the accuracy of the teacher and the agreement of the students
   it is 0.03.

The margins were chosen before any run on other hardware was seen. A difference for the better fails
too: it is no reproduction. A row of a method that the run has fails as well if its protocol or its images
are other than the reference's, if the run has no finite value, or values on fewer than half of the
reference's images. What the run did not run at all does not fail (`make repro` leaves out the ablations of
`make full`), nor does what it has on top. Rows over so few images that no test can find a difference
are counted and not decided.
"""

import math
from dataclasses import dataclass

from reports import glossary
from reports.compare_experiment import Comparison
from reports.compare_networks import TEACHER
from reports.compare_rows import Row

DEVIATIONS = 0.5
SHARE = 0.03
COVERAGE = 0.5
BEYOND = "differs by more than the margin"
RULE = (
    "A row fails if the reference and the run differ on the same images (sign-flip test, Holm-corrected over all rows, "
    f"p at most 0.05) and the mean difference exceeds the margin: {DEVIATIONS} standard deviations over the images of "
    f"the reference, or {SHARE} for the accuracy of the teacher and the agreement of the students. It also fails if "
    "the run has another protocol, other images, no finite value, or values on fewer than half of the images. Methods "
    "that only the reference has do not fail, and rows over too few images for any test are not decided."
)


@dataclass(frozen=True)
class Failure:
    """A row that does not reproduce, and why."""

    row: Row
    reason: str


@dataclass(frozen=True)
class Verification:
    """A run (B) against its reference (A).

    checked: rows that were held against the reference, failures included.
    identical, within: of those, how many are identical, and how many differ by less than the margin.
    undecided: rows of too few images. left_out: methods that only the reference has.
    """

    failures: tuple[Failure, ...]
    checked: int
    identical: int
    within: int
    undecided: int
    left_out: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether something was checked and nothing failed."""
        return self.checked > 0 and not self.failures

    @property
    def word(self) -> str:
        """The outcome in a word or two."""
        return "verified" if self.passed else "NOT verified"

    @property
    def reasons(self) -> dict[int, str]:
        """Position of a failure -> its reason, with the margin where that decides."""
        return {
            place: f"{one.reason} ({margin(one.row):.3g})" if one.reason == BEYOND else one.reason
            for place, one in enumerate(self.failures)
        }

    @property
    def sentence(self) -> str:
        """The outcome in one sentence."""
        if not self.checked:
            return "the run and the reference have no row in common that could be checked"
        told = f"{self.checked} rows checked, {self.identical} identical"
        told += f", {self.within} with a difference within the margin" if self.within else ""
        told += f"; {self.undecided} more of too few images to tell" if self.undecided else ""
        told += f"; not run: {'; '.join(map(glossary.title, self.left_out))}" if self.left_out else ""
        failed = f"{len(self.failures)} row{'s' if len(self.failures) > 1 else ''} failed; " if self.failures else ""
        return failed + told


def verify(found: Comparison) -> Verification:
    """Hold the run, B, against the reference, A, by the rule above."""
    ran = {*found.b.explainers, TEACHER}
    rows = [row for row in found.rows if row.explainer in ran and row.verdict != "only in B"]
    failures = tuple(Failure(row, reason) for row in rows if (reason := _reason(row)))
    failed = {id(one.row) for one in failures}
    undecided = sum(row.verdict == "undecided" and id(row) not in failed for row in rows)
    return Verification(
        failures,
        checked=len(rows) - undecided,
        identical=sum(row.identical for row in rows),
        within=sum(row.verdict in ("better", "worse", "changed") and id(row) not in failed for row in rows),
        undecided=undecided,
        left_out=tuple(name for name in found.a.explainers if name not in ran),
    )


def margin(row: Row) -> float:
    """Return the largest difference that does not matter, in the metric's unit."""
    if row.network:
        return SHARE
    return 0.0 if math.isnan(row.spread) else DEVIATIONS * row.spread


def _reason(row: Row) -> str:
    if row.verdict == "different protocol":
        return f"different protocol: {row.note}"
    if row.identical:
        return ""
    if row.n_a and not math.isfinite(row.mean_b):
        return "the run has no finite value"
    if row.pairing == "unpaired" and not row.network:
        return "the run explained other images"
    if row.pairing == "paired" and row.difference.n < COVERAGE * row.n_a:
        return f"the run has values on {row.difference.n} of {row.n_a} images"
    beyond = abs(row.difference.mean) > margin(row)
    return BEYOND if row.verdict in ("better", "worse", "changed") and beyond else ""
