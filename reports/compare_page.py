"""The page of a comparison."""

from reports import compare_networks, compare_verify, provenance
from reports.compare_experiment import Comparison
from reports.compare_rows import TOLERANCE
from reports.compare_verify import Verification
from reports.page import templates

SIGNS = {
    "better": "▲",
    "worse": "▼",
    "changed": "◆",
    "same": "=",
    "undecided": "?",
    "different protocol": "≠",
    "only in A": "A",
    "only in B": "B",
}


def html(found: list[Comparison], labels: tuple[str, str], verified: dict[str, Verification]) -> str:
    """Return the whole page; `labels` are what the user named A and B, `verified` is empty without --verify."""
    return (
        templates()
        .get_template("compare.html")
        .render(
            comparisons=found,
            labels=labels,
            verified=verified,
            rule=compare_verify.RULE,
            margin=compare_verify.margin,
            tolerance=TOLERANCE,
            signs=SIGNS,
            name_of=compare_networks.title,
            hardware=provenance.hardware,
        )
    )
