"""One experiment as two results have it, compared in everything the command shows."""

from dataclasses import dataclass, field

from reports import compare_claims, compare_networks, compare_rows
from reports.compare_claims import ClaimPair
from reports.compare_networks import Pace
from reports.compare_rows import Row
from reports.results import Results


@dataclass(frozen=True)
class Comparison:
    """B against A.

    name: of the experiment.
    rows: every row, judged; paces, claims: the speeds and the verdicts on claims, which are not judged.
    circumstances: what differs in settings, data and environment -> (in A, in B).
    """

    name: str
    a: Results
    b: Results
    rows: list[Row]
    paces: list[Pace] = field(default_factory=list)
    claims: list[ClaimPair] = field(default_factory=list)
    circumstances: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """Verdict -> number of rows, the most frequent first; `same` is split by whether values are identical."""
        words = [
            f"{row.verdict}, identical" if row.identical and row.verdict == "same" else row.verdict for row in self.rows
        ]
        return dict(sorted(((word, words.count(word)) for word in set(words)), key=lambda pair: (-pair[1], pair[0])))

    @property
    def unequal(self) -> list[Row]:
        """The rows that are neither identical nor on one side alone."""
        return [
            row
            for row in self.rows
            if not row.verdict.startswith("only") and not (row.identical and row.verdict == "same")
        ]

    @property
    def protocol_fields(self) -> dict[tuple[str, str, str], list[str]]:
        """Protocol field that differs, with its value in A and in B -> the metrics whose protocol it is."""
        found: dict[tuple[str, str, str], list[str]] = {}
        for row in self.rows:
            for name, pair in row.fields.items():
                metrics = found.setdefault((name, *pair), [])
                metrics += [row.measure.title] if row.measure.title not in metrics else []
        return found


def compared(name: str, a: Results, b: Results) -> Comparison:
    """Compare two results of one experiment."""
    return Comparison(
        name,
        a,
        b,
        compare_rows.judged([*compare_networks.rows(a, b), *compare_rows.scores(a, b)]),
        compare_networks.paces(a, b),
        compare_claims.claims(a, b),
        compare_networks.circumstances(a, b),
    )
