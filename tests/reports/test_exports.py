"""Tables for papers."""

from pathlib import Path

import pytest

from reports import exports, page
from reports.results import Results
from tests.reports.reading import rendered, small

NAMES = ("surrogate", "grad_cam", "rise", "uniform")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("exports")
    _, params = small(root, names=NAMES, metrics=("insertion", "deletion"))
    rendered(root, params)
    return {path.name: path.read_text(encoding="utf-8") for path in (root / "report/tables").iterdir()}


def test_markdown_has_a_row_per_explainer_and_the_best_in_bold(written):
    lines = written["parts.md"].splitlines()
    assert len(lines) == 2 + len(NAMES)
    assert lines[0].startswith("| method") and "↑" in lines[0] and "↓" in lines[0]
    bold = [line for line in lines if "**" in line]
    assert bold and all(line.count("|") == lines[0].count("|") for line in lines)


def test_latex_is_a_booktabs_table_in_plain_ascii(written):
    text = written["parts.tex"]
    for command in (r"\begin{tabular}", r"\toprule", r"\midrule", r"\bottomrule", r"\textbf{", r"$\uparrow$"):
        assert command in text
    assert text.isascii()


def test_nothing_is_written_for_an_experiment_without_results(tmp_path):
    exports.write(tmp_path, [page.section(0, Results("parts", False, Path()), gallery_bytes=0)])
    assert list(tmp_path.iterdir()) == []
