"""The report's page: what every experiment shows, laid out for the templates."""

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports import comparisons, figures, glossary, tables
from reports.results import Results
from reports.tables import Speed

GALLERY_BYTES = 6_000_000
SPEED_METRICS = ("insertion", "deletion")
ACROSS_METRICS = ("insertion", "deletion", "part_pointing")


@dataclass(frozen=True)
class Section:
    """One experiment, ready to be laid out; see the modules that make each member."""

    anchor: str
    results: Results
    rows: pd.DataFrame
    means: dict[str, dict[str, float]]
    cells: dict[tuple[str, str], dict[str, Any]]
    control_wins: list[tables.ControlWin]
    speeds: list[Speed]
    fidelity: list[dict[str, Any]]
    comparisons: dict[str, comparisons.Comparison]
    fine_grained: list[dict[str, Any]]
    speed_figures: list[Markup]
    interval_figures: list[Markup]
    training_figures: list[Markup]
    settings: str
    gallery: list[dict[str, Any]] = field(default_factory=list)
    gallery_left_out: int = 0

    @property
    def undefined(self) -> list[str]:
        """The metrics that were scored but apply to none of the images."""
        most = self.rows.groupby("metric")["n"].max()
        return [name for name in self.results.measures if most.get(name) == 0]

    @property
    def evaluated(self) -> int:
        """How many images were explained and scored."""
        predictions = self.results.predictions
        return 0 if predictions is None else len(predictions)

    @property
    def surrogate_speed(self) -> Speed | None:
        """The surrogate's speed, if it was timed."""
        found = [s for s in self.speeds if s.explainer == glossary.SURROGATE and s.fps]
        return found[0] if found else None

    @property
    def agreement(self) -> float | None:
        """The share of test images on which the surrogate's student and the teacher agree."""
        return (self.results.fits.get(glossary.SURROGATE, {}).get("agreement") or {}).get("test")


def section(number: int, results: Results, gallery_bytes: int) -> Section:
    """Compute everything the page shows of one experiment."""
    rows, speeds = tables.accuracy(results), tables.throughput(results)
    means = tables.means(rows)
    metrics = list(results.measures)
    by_speed = [figures.accuracy_against_speed(results, rows, speeds, m) for m in SPEED_METRICS if m in metrics]
    gallery, left_out = _gallery(results, gallery_bytes)
    return Section(
        anchor=f"experiment-{number}",
        results=results,
        rows=rows,
        means=means,
        cells=_cells(results, rows),
        control_wins=tables.control_wins(results, rows),
        speeds=speeds,
        fidelity=tables.fidelity(results),
        comparisons=comparisons.compare(results, speeds),
        fine_grained=comparisons.fine_grained(results, means),
        speed_figures=[figure for figure in by_speed if figure],
        interval_figures=[f for f in (figures.intervals(results, rows, m) for m in metrics) if f],
        training_figures=[f for name in results.curves for f in figures.training(results, name)],
        settings=yaml.safe_dump(results.settings, sort_keys=False, allow_unicode=True),
        gallery=gallery,
        gallery_left_out=left_out,
    )


def html(sections: list[Section]) -> str:
    """Return the whole page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    words = {"title": glossary.title, "number": glossary.number, "significant": glossary.significant}
    environment.globals |= words
    return environment.get_template("page.html").render(
        sections=sections,
        across=_across(sections),
        measures={name: m for s in sections for name, m in s.results.measures.items()},
        paper_fps=glossary.PAPER_FPS,
        controls=glossary.CONTROLS,
        iterative=comparisons.ITERATIVE,
    )


def _cells(results: Results, rows: pd.DataFrame) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what each cell of the accuracy table says."""
    marks = tables.best(results, rows)
    return {
        (row["explainer"], row["metric"]): {**row, "mark": marks.get((row["explainer"], row["metric"]), "")}
        for row in rows.to_dict("records")
    }


def _across(sections: list[Section]) -> dict[str, Any]:
    """Return the comparison over experiments: a row per explainer, some metrics and the speed per experiment."""
    names = list(dict.fromkeys(name for s in sections for name in s.results.explainers))
    groups = [(s, [m for m in ACROSS_METRICS if m in s.results.measures and m not in s.undefined]) for s in sections]
    fps = {(s.anchor, speed.explainer): speed.fps for s in sections for speed in s.speeds}
    return {"names": glossary.display_order(names), "groups": groups, "fps": fps}


def _gallery(results: Results, budget: int) -> tuple[list[dict[str, Any]], int]:
    """Return the images with their pictures as data URIs while `budget` bytes last, and how many are left out."""
    images = (results.gallery or {}).get("images", [])
    folder, shown = results.folder / "gallery", []
    for image in images:
        maps = [{**told, "name": name, "src": _data_uri(folder, told["file"])} for name, told in image["maps"].items()]
        embedded = {
            **image,
            "image": _data_uri(folder, image["image"]),
            "parts": _data_uri(folder, image["parts"]),
        }
        embedded["maps"] = maps
        budget -= sum(len(src or "") for src in [embedded["image"], embedded["parts"], *(m["src"] for m in maps)])
        if budget < 0:
            break
        shown.append(embedded)
    return shown, len(images) - len(shown)


def _data_uri(folder: Path, name: str | None) -> str | None:
    path = folder / Path(name or "").name
    if not name or not path.is_file():
        return None
    kind = "png" if path.suffix == ".png" else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
