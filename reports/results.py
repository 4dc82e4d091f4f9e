"""Everything one experiment left behind, read once; what is missing is noted, not fatal."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from bench import artifacts, settings
from methods.errors import UserError
from reports import glossary

T = TypeVar("T")


@dataclass(frozen=True)
class Results:
    """One experiment of this run, or one that is committed to the repository (`committed`).

    explainers: in the order of display, controls last.
    scores: (explainer, metric) -> value by image_id, NaN where the metric does not apply.
    timings: explainer -> pytest-benchmark JSON.
    curves: `teacher` or explainer -> one row per epoch.
    gallery: gallery.json, or None.
    map_sizes: explainer -> [h, w] of its maps, before upsampling.
    missing: files that could not be read, relative to the folder, each with the reason.
    """

    name: str
    committed: bool
    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    teacher: dict[str, Any] = field(default_factory=dict)
    explainers: list[str] = field(default_factory=list)
    measures: dict[str, glossary.Measure] = field(default_factory=dict)
    predictions: pd.DataFrame | None = None
    scores: dict[tuple[str, str], pd.Series] = field(default_factory=dict)
    timings: dict[str, dict[str, Any]] = field(default_factory=dict)
    fits: dict[str, dict[str, Any]] = field(default_factory=dict)
    curves: dict[str, pd.DataFrame] = field(default_factory=dict)
    gallery: dict[str, Any] | None = None
    map_sizes: dict[str, list[int]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The experiment's name in tables and CSV files; committed ones never share a name with a run."""
        return f"reference/{self.name}" if self.committed else self.name

    @property
    def title(self) -> str:
        """The title given in params.yaml, or the name."""
        return str(self.settings.get("title") or self.name)

    @property
    def real(self) -> list[str]:
        """The explainers that are not controls."""
        return [name for name in self.explainers if name not in glossary.CONTROLS]


class _Reader:
    """Reads optional files below one folder and remembers which failed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.missing: list[str] = []

    def __call__(self, read: Callable[[Path], T], name: str, otherwise: T, optional: bool = False) -> T:
        path = self.folder / name
        if optional and not path.is_file():
            return otherwise
        try:
            return read(path)
        except UserError:
            self.missing.append(f"{name} (not found)")
        except (ValueError, OSError) as error:
            self.missing.append(f"{name} (unreadable: {type(error).__name__})")
        return otherwise


def read_all(params: Path, artifacts_folder: Path, reference: Path) -> list[Results]:
    """Read the experiments of this run (key `run`), then the committed ones (key `references`)."""
    chosen = settings.read(params)
    ran = [read(artifacts_folder / "results" / name, committed=False) for name in chosen.get("run") or []]
    return ran + [read(reference / name, committed=True) for name in chosen.get("references") or []]


def read(folder: Path, committed: bool) -> Results:
    """Read one experiment's folder; the names of its files come from its settings.json, never from the disk."""
    reader = _Reader(folder)
    chosen: dict[str, Any] = reader(artifacts.read_json, "settings.json", {})
    explainers = glossary.display_order(list(chosen.get("explainers", {})))
    scores = _scores({name: reader(_score_rows, f"scores/{name}.parquet", None) for name in explainers})
    json = artifacts.read_json
    return Results(
        name=folder.name,
        committed=committed,
        folder=folder,
        settings=chosen,
        data=reader(json, "data.json", {}),
        environment=reader(json, "environment.json", {}),
        teacher=reader(json, "teacher.json", {}),
        explainers=explainers,
        measures=glossary.measures(reader(json, "metrics.json", {}), [metric for _, metric in scores]),
        predictions=reader(artifacts.read_rows, "predictions.parquet", None),
        scores=scores,
        timings={name: reader(json, f"throughput/{name}.json", {}) for name in explainers},
        fits={name: reader(json, f"fits/{name}.json", {}) for name in explainers},
        curves=_curves(reader, chosen, explainers),
        gallery=None if committed else reader(json, "gallery/gallery.json", None),
        map_sizes=reader(json, "map_sizes.json", {}, optional=True),
        missing=tuple(reader.missing),
    )


def _score_rows(path: Path) -> pd.DataFrame:
    rows = artifacts.read_rows(path)
    absent = set(artifacts.SCORE_COLUMNS) - set(rows.columns)
    if absent:
        raise ValueError(f"no column {sorted(absent)}")
    return rows


def _scores(tables: dict[str, pd.DataFrame | None]) -> dict[tuple[str, str], pd.Series]:
    """Return one value per image: the mean over seeds, if there are several."""
    return {
        (name, str(metric)): group.groupby("image_id", sort=False)["value"].mean()
        for name, rows in tables.items()
        if rows is not None
        for metric, group in rows.groupby("metric", sort=False)
    }


def _curves(reader: _Reader, chosen: dict[str, Any], explainers: list[str]) -> dict[str, pd.DataFrame]:
    """Read the curves that training wrote; what was not trained here has none and misses none."""
    trained = {name: bool((chosen["explainers"][name] or {}).get("fit")) for name in explainers}
    trained = {"teacher": bool((chosen.get("teacher") or {}).get("fit")), **trained}
    empty = pd.DataFrame()
    found = {
        name: reader(artifacts.read_rows, f"curves/{name}.csv", empty, optional=not fits)
        for name, fits in trained.items()
    }
    return {name: rows for name, rows in found.items() if len(rows) and "epoch" in rows}
