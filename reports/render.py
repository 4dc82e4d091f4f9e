"""Stage: one self-contained page over all experiments, and the numbers behind it.

`python -m reports.render --params params.yaml --artifacts artifacts --reference reports/reference \
--out artifacts/report`
"""

from pathlib import Path

from tqdm import tqdm

from bench.artifacts import write_atomically
from bench.stages.command import run, say
from reports import comparisons, exports, ledger, page, tables
from reports.results import Results, read_all


def render(found: list[Results], out: Path) -> list[page.Section]:
    """Write index.html and tables/ into `out`, and accuracy, differences, throughput, claims and others as CSV."""
    pictured = sum(results.gallery is not None for results in found)
    share = page.GALLERY_BYTES // max(1, pictured)
    sections = [page.section(i, results, share) for i, results in enumerate(tqdm(found, desc="report"))]
    text = page.html(sections)
    write_atomically(out / "index.html", lambda path: path.write_text(text, encoding="utf-8"))
    rows = {section.results.key: section.rows for section in sections}
    minus = comparisons.table({section.results.key: section.differences for section in sections})
    tables.write(out, rows, minus, [speed for section in sections for speed in section.speeds], ledger.rows(found))
    elsewhere = [speed for section in sections for run in section.elsewhere for speed in run.speeds]
    tables.write_speeds(out / "throughput_elsewhere.csv", elsewhere)
    exports.write(out / "tables", sections)
    return sections


def main(params: Path, artifacts: Path, reference: Path, out: Path) -> None:
    """Lay out the results below --artifacts and those committed in --reference as one page in folder --out.

    Of the former every figure is also a file in figures/, and what DVC compares lies in metrics/ and methods.csv.
    """
    found = read_all(params, artifacts, reference)
    sections = render(found, out)
    exports.write_figures(out / "figures", sections)
    exports.write_metrics(out / "metrics", sections)
    exports.write_methods(out / "methods.csv", sections)
    missing = sum(len(results.missing) for results in found)
    say("report", f"{len(found)} experiments ({missing} files missing)", out / "index.html")


if __name__ == "__main__":
    run(main)
