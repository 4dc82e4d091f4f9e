"""Compare two sets of results, or verify a run against the committed reference.

`python -m reports.compare A B [--experiment parts] [--out folder] [--verify]`

A and B are each the results of one experiment (artifacts/results/parts), a folder of several
(reports/reference), or a git revision, which stands for the references committed in it. With --verify A
is the reference, B the run, and the exit status 1 if the run does not reproduce it; the rule stands in
`reports.compare_verify`. Exit status 2 is a user's mistake, such as a run that is not there.
"""

from pathlib import Path
from typing import Annotated

import typer

from bench.artifacts import write_atomically, write_rows
from bench.stages.command import run, say
from methods.errors import UserError
from reports import compare_page, compare_sources, compare_table, provenance
from reports.compare_experiment import Comparison, compared
from reports.compare_sources import Source
from reports.compare_verify import RULE, Verification
from reports.compare_verify import verify as verified

A = Annotated[str, typer.Argument(help="A results folder, a folder of several, or a git revision; the reference.")]
B = Annotated[str, typer.Argument(help="The same; the run.")]


def main(a: A, b: B, experiment: str | None = None, out: Path | None = None, verify: bool = False) -> None:
    """Compare B with A; write a page and tables into --out; with --verify fail if B does not reproduce A."""
    first, second = compare_sources.resolve(a), _run(b) if verify else compare_sources.resolve(b)
    found = [compared(*pair) for pair in compare_sources.matched(first, second, experiment)]
    checks = {one.name: verified(one) for one in found} if verify else {}
    for one in found:
        print(_report(one, first, second, checks.get(one.name)), flush=True)
    if out is not None:
        write(out, found, (first.label, second.label), checks)
        say("compare", f"{first.label} and {second.label}", out / "index.html")
    if not all(check.passed for check in checks.values()):
        raise SystemExit(1)


def write(out: Path, found: list[Comparison], labels: tuple[str, str], checks: dict[str, Verification]) -> None:
    """Write index.html, comparison.csv and throughput.csv into `out`."""
    text = compare_page.html(found, labels, checks)
    write_atomically(out / "index.html", lambda path: path.write_text(text, encoding="utf-8"))
    write_rows(out / "comparison.csv", compare_table.frame(found))
    write_rows(out / "throughput.csv", compare_table.pace_frame(found))


def _run(named: str) -> Source:
    try:
        return compare_sources.resolve(named)
    except UserError as error:
        raise UserError(f"{error}; there is no finished run to verify: run `make repro` first") from None


def _report(found: Comparison, first: Source, second: Source, check: Verification | None) -> str:
    """Return what the terminal shows of one experiment: its sides, then what differs or, verifying, what failed."""
    lines = [f"experiment {compare_table.shown(found.name)}"]
    for side, source, results in (("A", first, found.a), ("B", second, found.b)):
        lines.append(f"{side}: {source.label} on {provenance.hardware(results)}")
        lines += [f"   could not be read: {compare_table.shown(', '.join(results.missing), 300)}"] * bool(
            results.missing
        )
    lines.append(", ".join(f"{count} {word}" for word, count in found.counts.items()) or "no row on either side")
    return "\n".join([*lines, *(_differences(found) if check is None else _failures(check)), ""])


def _differences(found: Comparison) -> list[str]:
    lines = ["", compare_table.text(found.unequal)] if found.unequal else []
    for (name, a, b), metrics in found.protocol_fields.items():
        lines += [compare_table.shown(f"protocols differ in {name}: A {a}, B {b} ({len(metrics)} metrics)", 300)]
    if found.paces:
        lines += ["", "throughput, one image at a time; never judged, for it belongs to the hardware"]
        lines += [compare_table.pace_text(found)]
    if found.circumstances:
        lines += ["", f"circumstances that differ: {compare_table.shown(', '.join(found.circumstances), 400)}"]
    return lines


def _failures(check: Verification) -> list[str]:
    table = compare_table.text([one.row for one in check.failures], check.reasons)
    return ["", *([table, "", RULE, ""] if check.failures else []), f"{check.word}: {check.sentence}"]


if __name__ == "__main__":
    run(main)
