"""What the page shows of a gallery: its layers as data URIs, and every image's scores beside its maps."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isnan
from pathlib import Path
from typing import Any

import pandas as pd

from reports import cases, glossary
from reports.results import Results

CASES = ("best", "median", "worst")
# Metrics told image by image, in few letters.
TOLD = {
    "insertion": "Insertion",
    "deletion": "Deletion",
    "average_drop": "Drop %",
    "part_pointing": "Part",
}


@dataclass(frozen=True)
class Gallery:
    """The pictures of one experiment, ready to be laid out.

    first: the first images in evaluation order, each with every map.
    cases: one row per method: `name` and, by case, the image with that method's map alone.
    case_metric: the title of the metric by which cases are chosen.
    layers: name of file -> data URI, of the images and of their parts: each is on the page once.
    names: the methods that have a map here, in the order of display.
    told: metric -> its short title, of those told image by image.
    left_out: how many of the first images do not fit into the page.
    """

    first: list[dict[str, Any]] = field(default_factory=list)
    cases: list[dict[str, Any]] = field(default_factory=list)
    case_metric: str = ""
    layers: dict[str, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    told: dict[str, str] = field(default_factory=dict)
    photographs: bool = True
    left_out: int = 0

    @property
    def shown(self) -> list[dict[str, Any]]:
        """Every image on the page, as often as it is shown."""
        return [*self.first, *(row[case] for row in self.cases for case in CASES)]


def read(results: Results, budget: int) -> Gallery:
    """Read the gallery of an experiment; what would take more than `budget` bytes of the page is left out."""
    told = results.gallery
    if not told or "first" not in told:
        return Gallery()
    chosen = {metric: title for metric, title in TOLD.items() if metric in results.measures}
    results = replace(results, scores=_of_first_seed(results.rows))
    folder = _Folder(results.folder / "gallery", budget)
    by_id = {image["image_id"]: image for image in told["images"]}
    first = told["images"][: told["first"]]
    shown = [_embedded(folder, image, results, chosen, list(image["maps"])) for image in first]
    kept = [image for image in shown if image]
    rows = []
    for name, own in told["cases"].items():
        row = {case: _embedded(folder, {**by_id[own[case]], "stages": []}, results, chosen, [name]) for case in CASES}
        rows += [{"name": name, **row}] if all(row.values()) else []
    metric = results.measures.get(told["case_metric"])
    return Gallery(
        first=kept,
        cases=rows,
        case_metric=metric.title if metric else told["case_metric"],
        layers=folder.layers,
        names=glossary.display_order(list(dict.fromkeys(m["name"] for image in kept for m in image["maps"]))),
        told=chosen,
        photographs=bool(told["photographs"]),
        left_out=len(shown) - len(kept),
    )


def _of_first_seed(rows: Mapping[str, pd.DataFrame]) -> dict[tuple[str, str], pd.Series]:
    """Return (explainer, metric) -> value by image, of the seed whose maps are shown."""
    return {
        (name, str(metric)): values.set_index("image_id")["value"]
        for name, own in rows.items()
        for metric, values in cases.first_seed(own).groupby("metric")
    }


class _Folder:
    """Reads pictures as data URIs while the budget lasts."""

    def __init__(self, path: Path, budget: int) -> None:
        self.path, self.left = path, budget
        self.layers: dict[str, str] = {}

    def uri(self, name: str | None) -> str | None:
        """Return a picture, or None if it is not there."""
        path = self.path / Path(name or "").name
        if not name or not path.is_file():
            return None
        found = f"data:image/webp;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
        self.left -= len(found)
        return found

    def layer(self, name: str | None) -> str | None:
        """Put a picture that many tiles share on the page; return its name, or None if it is not there."""
        if name and name not in self.layers:
            found = self.uri(name)
            if found is None:
                return None
            self.layers[name] = found
        return name


def _embedded(
    folder: _Folder, image: dict[str, Any], results: Results, chosen: Mapping[str, str], names: list[str]
) -> dict[str, Any] | None:
    """Return an image with its layers, the maps called `names` and their scores; None once the budget is spent."""
    if folder.left < 0:
        return None
    maps = [
        {**image["maps"][name], "name": name, "src": src, "scores": _scores(results, name, image["image_id"], chosen)}
        for name in names
        if name in image["maps"] and (src := folder.uri(image["maps"][name]["file"]))
    ]
    stages = [
        {**stage, **{part: {**stage[part], "src": folder.uri(stage[part]["file"])} for part in ("attention", "map")}}
        for stage in image.get("stages", [])
    ]
    own = {"image": folder.layer(image["image"]), "parts": folder.layer(image["parts"])}
    return {**image, **own, "maps": maps, "stages": stages}


def _scores(results: Results, name: str, image_id: str, chosen: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return short title and value of each chosen metric on one image; part pointing is a hit or a miss."""
    found = []
    for metric, title in chosen.items():
        samples = results.scores.get((name, metric))
        value = float("nan") if samples is None else float(samples.get(image_id, float("nan")))
        text = glossary.number(value, results.measures[metric].unit)
        if metric == "part_pointing" and value in (0.0, 1.0):
            text = "hit" if value else "miss"
        found += [] if samples is None or isnan(value) else [(title, text)]
    return found
