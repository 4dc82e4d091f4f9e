"""What papers and notes take from the report: the table of accuracy as Markdown and LaTeX, and every figure."""

from functools import partial
from pathlib import Path

import pandas as pd

from bench.artifacts import write_atomically, write_json, write_rows
from bench.claims.base import PRIMARY
from reports import glossary
from reports.page import Section
from reports.side_by_side import side_by_side

ARROWS = {"higher": "↑", "lower": "↓"}


def write(out: Path, sections: list[Section]) -> None:
    """Write <experiment>.md and <experiment>.tex into `out`, a row per explainer and a column per metric."""
    for section in sections:
        if section.cells:
            name, (shown, best) = section.results.stem, table(section)
            for suffix, text in (("md", markdown(shown, best)), ("tex", latex(shown, best))):
                write_atomically(out / f"{name}.{suffix}", partial(Path.write_text, data=text, encoding="utf-8"))


def write_figures(out: Path, sections: list[Section]) -> None:
    """Write <experiment>/<figure>.svg and .pdf into `out` of what was run; a committed reference has its own files."""
    out.mkdir(parents=True, exist_ok=True)
    for section in sections:
        if not section.results.committed:
            side_by_side([partial(one.save, out / section.results.stem) for one in section.drawings.files])


def write_metrics(out: Path, sections: list[Section]) -> None:
    """Write what `dvc metrics show` makes a table of, a row per explainer of a run: <experiment>/<explainer>.json.

    Each holds the means on which claims are judged, and no timing, so that two runs can be compared;
    <experiment>.json holds the verdicts.
    """
    for section in sections:
        if not section.results.committed:
            for explainer, own in section.means.items():
                shown = {metric: own[metric] for metric in PRIMARY if metric in own}
                write_json(out / section.results.stem / f"{explainer}.json", shown)
            verdicts = {name: claim["verdict"] for name, claim in section.results.claims.items()}
            write_json(out / f"{section.results.stem}.json", verdicts)


def write_methods(path: Path, sections: list[Section]) -> None:
    """Write what `dvc plots` draws, a row per explainer of a run: its means on claims' metrics and its frames/s."""
    rows = []
    for section in sections:
        if not section.results.committed:
            speeds = {speed.explainer: speed.fps for speed in section.speeds}
            for explainer, own in section.means.items():
                named = {"experiment": section.results.key, "explainer": explainer, "fps": speeds.get(explainer)}
                rows.append(named | {metric: own.get(metric) for metric in PRIMARY})
    write_rows(path, pd.DataFrame(rows, columns=["experiment", "explainer", "fps", *PRIMARY]))


def table(section: Section) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what each cell says, mean (low to high), and which cells hold a metric's best method."""
    results, shown, best = section.results, {}, {}
    for metric in (name for name in results.ranking if name not in section.undefined):
        measure = results.measures[metric]
        title = f"{measure.title} {ARROWS[measure.better]}"
        cells = {name: section.cells.get((name, metric)) for name in results.explainers}
        shown[title] = {
            glossary.title(name): _interval(cell, measure.unit) if cell else "–" for name, cell in cells.items()
        }
        best[title] = {glossary.title(name): bool(cell and cell["mark"] == "best") for name, cell in cells.items()}
    return pd.DataFrame(shown), pd.DataFrame(best)


def markdown(shown: pd.DataFrame, best: pd.DataFrame) -> str:
    """Return a pipe table, the best method of each metric in bold."""
    marked = shown.where(~best, "**" + shown + "**")
    marked.index = pd.Index([str(name).replace("|", r"\|") for name in marked.index], name="method")
    return str(marked.to_markdown()) + "\n"


def latex(shown: pd.DataFrame, best: pd.DataFrame) -> str:
    """Return a tabular with booktabs' rules, the best method of each metric in bold."""
    weights = best.map(lambda is_best: "textbf:--rwrap" if is_best else "")
    style = shown.style.format(escape="latex").format_index(escape="latex", axis=0).format_index(escape="latex", axis=1)
    text = style.apply(lambda _: weights, axis=None).to_latex(hrules=True, column_format="l" + "r" * shown.shape[1])
    for sign, command in (("↑", r"$\uparrow$"), ("↓", r"$\downarrow$"), ("–", "--"), ("−", "$-$")):
        text = text.replace(sign, command)
    return text


def _interval(cell: dict[str, float], unit: str) -> str:
    mean, low, high = (glossary.number(cell[key], unit) for key in ("mean", "low", "high"))
    return mean if low == "–" else f"{mean} ({low} to {high})"
