"""Tables and figures for papers."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.artifacts import read_json, read_rows
from reports import distributions, exports, page, perturbation, render
from reports.drawing import canvas, drawn
from reports.results import Results, read
from tests.reports.reading import Page, rendered, small

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


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    root = tmp_path_factory.mktemp("figures")
    _, params = small(root, metrics=("insertion", "deletion"))
    render.main(params, root, root / "reference", root / "report")
    return root


def test_every_figure_of_a_run_is_a_file_in_black_ink(saved):
    folder = saved / "report/figures/parts"
    kinds = [f"{m}-{kind}" for m in ("insertion", "deletion") for kind in ("speed", "intervals", "curves")]
    kinds += [
        "ranks",
        "insertion-distribution",
        "training-teacher-losses",
        "training-teacher-accuracy",
    ]
    assert {f"{name}.{suffix}" for name in kinds for suffix in ("svg", "pdf")} <= {p.name for p in folder.iterdir()}
    for path in folder.glob("*.svg"):
        assert ElementTree.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"
        text = path.read_text(encoding="utf-8")
        assert "#000" in text and "currentColor" not in text
        assert "<image" not in text and len(text) < 60_000
    for path in folder.glob("*.pdf"):
        content = path.read_bytes()
        assert content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF")
        assert b"CreationDate" not in content and b"/Subtype /Image" not in content


def test_page_and_files_show_the_same_figures(saved):
    html = (saved / "report/index.html").read_text(encoding="utf-8")
    labels = [
        ElementTree.parse(path).getroot().get("aria-label") for path in (saved / "report/figures/parts").glob("*.svg")
    ]
    on_page = {one["aria-label"] for one in Page(html).all("svg")}
    assert len(labels) == len(set(labels)) and set(labels) == on_page
    assert "currentColor" in html


def test_same_results_give_the_same_files(saved, tmp_path):
    results = read(saved / "results/parts", committed=False)
    for draw in (perturbation.curves, distributions.boxes):
        for metric in ("insertion", "deletion"):
            draw(results, metric).save(tmp_path)
    again = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(again) == 8
    assert again == {name: (saved / "report/figures/parts" / name).read_bytes() for name in again}


def test_names_of_files_hold_nothing_that_a_path_could_misread():
    with canvas(1, 1) as (figure, _):
        assert drawn(figure, "parts", "../My metric:ÄÖ-curves", "x").name == "-my-metric-curves"


def test_dvc_finds_the_means_and_verdicts_of_a_run(saved):
    metrics, accuracy = saved / "report/metrics", read_rows(saved / "report/accuracy.csv")
    means = accuracy.set_index(["experiment", "explainer", "metric"])["mean"]
    own = read_json(metrics / "parts/surrogate.json")
    assert own == {name: pytest.approx(means["parts", "surrogate", name]) for name in ("insertion", "deletion")}
    verdicts = read_rows(saved / "report/claims.csv").query("experiment == 'parts'").set_index("claim")["verdict"]
    assert read_json(metrics / "parts.json") == verdicts.to_dict() != {}
    assert {path.name for path in metrics.iterdir()} == {"parts", "parts.json"}, "committed references never change"


def test_dvc_plots_a_row_per_method_of_a_run(saved):
    methods = read_rows(saved / "report/methods.csv").set_index("explainer")
    assert set(methods["experiment"]) == {"parts"}, "committed references never change"
    fps = read_rows(saved / "report/throughput.csv").query("experiment == 'parts'").set_index("explainer")["fps"]
    assert methods["fps"].dropna().to_dict() == fps.dropna().to_dict() != {}
    for name, row in methods.iterrows():
        assert row["insertion"] == read_json(saved / f"report/metrics/parts/{name}.json")["insertion"]


def test_committed_references_have_files_of_their_own(tmp_path):
    folder, _ = small(tmp_path, metrics=("insertion",))
    exports.write_figures(tmp_path / "figures", [page.section(0, read(folder, committed=True), gallery_bytes=0)])
    assert list((tmp_path / "figures").iterdir()) == []


def test_nothing_is_written_for_an_experiment_without_results(tmp_path):
    exports.write(tmp_path, [page.section(0, Results("parts", False, Path()), gallery_bytes=0)])
    assert list(tmp_path.iterdir()) == []
