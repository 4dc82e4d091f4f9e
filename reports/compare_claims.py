"""What each side made of the paper's claims; shown beside each other and never judged."""

from dataclasses import dataclass

from reports import ledger
from reports.ledger import Verdict
from reports.results import Results

ORDER = ("changed", "only in A", "only in B", "same")


@dataclass(frozen=True)
class ClaimPair:
    """One claim; a side that did not judge it has None."""

    title: str
    a: Verdict | None
    b: Verdict | None

    @property
    def verdict(self) -> str:
        """Whether B's verdict is A's, one of `ORDER`."""
        if self.a is None or self.b is None:
            return "only in A" if self.a else "only in B"
        return "same" if self.a.word == self.b.word else "changed"


def claims(a: Results, b: Results) -> list[ClaimPair]:
    """Return a pair for every claim of either side, those that changed first; a claim is known by its name."""
    first, second = ledger.verdicts(a), ledger.verdicts(b)
    titles = ledger.titles(a) | ledger.titles(b)
    pairs = [ClaimPair(title, first.get(name), second.get(name)) for name, title in titles.items()]
    return sorted(pairs, key=lambda pair: ORDER.index(pair.verdict))
