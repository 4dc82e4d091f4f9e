"""Everything one experiment left behind, read once; what is missing is noted, not fatal."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from bench import artifacts, evidence, settings
from bench.evidence import Reader
from bench.protocol import Protocol
from bench.splits import NAMES
from bench.statistics import Runs
from reports import glossary, measures
from reports.measures import Measure


@dataclass(frozen=True)
class Results:
    """One experiment of this run, or one that is committed to the repository (`committed`).

    explainers: in the order of display, controls last.
    scores: (explainer, metric) -> value by image_id, the mean over seeds; NaN where the metric does not apply.
    rows: explainer -> its scores as they are, one row per image, metric and seed.
    runs: (explainer, metric) -> a row per image, a column per seed; of explainers with several seeds.
    perturbation: explainer -> class probabilities while pixels change, `artifacts.PERTURBATION_COLUMNS`; empty in
        results that were scored before these were kept.
    seeds: how many seeds the scores come from.
    protocols: metric -> the protocol of its numbers.
    claims: claims.json, a verdict per claim of the paper.
    timings: explainer -> pytest-benchmark JSON.
    benchmarks: pytest-benchmark JSON of the whole throughput suite, see `make benchmark`; empty if it was not run.
    elsewhere: file -> pytest-benchmark JSON of the suite on another machine or at another precision, by hand.
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
    measures: dict[str, Measure] = field(default_factory=dict)
    predictions: pd.DataFrame | None = None
    scores: dict[tuple[str, str], pd.Series] = field(default_factory=dict)
    rows: dict[str, pd.DataFrame] = field(default_factory=dict)
    runs: dict[tuple[str, str], Runs] = field(default_factory=dict)
    perturbation: dict[str, pd.DataFrame] = field(default_factory=dict)
    seeds: int = 1
    protocols: dict[str, Protocol] = field(default_factory=dict)
    claims: dict[str, dict[str, Any]] = field(default_factory=dict)
    timings: dict[str, dict[str, Any]] = field(default_factory=dict)
    benchmarks: dict[str, Any] = field(default_factory=dict)
    elsewhere: dict[str, dict[str, Any]] = field(default_factory=dict)
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
    def stem(self) -> str:
        """The key as part of the name of a file."""
        return self.key.replace("/", "-")

    @property
    def title(self) -> str:
        """The title given in params.yaml, or the name."""
        return str(self.settings.get("title") or self.name)

    @property
    def split(self) -> str:
        """The split that was explained and scored, in words: `test`, or `validation` to choose settings by."""
        return NAMES[self.settings.get("evaluation_split", "test")]

    def of_kind(self, kind: str) -> list[str]:
        """Return the explainers that are `method`, `ablation` or `control`; only methods are ranked."""
        return [name for name in self.explainers if glossary.kind(name) == kind]

    @property
    def ranking(self) -> list[str]:
        """The metrics with a direction; the others describe maps."""
        return [name for name, measure in self.measures.items() if measure.better in ("higher", "lower")]

    @property
    def better(self) -> dict[str, str]:
        """Metric -> which direction is better, of those that have one."""
        return {name: self.measures[name].better for name in self.ranking}


def read_all(params: Path, artifacts_folder: Path, reference: Path) -> list[Results]:
    """Read the experiments of this run (key `run`), then the committed ones (key `references`)."""
    chosen = settings.read(params)
    ran = [read(artifacts_folder / "results" / name, committed=False) for name in chosen.get("run") or []]
    return ran + [read(reference / name, committed=True) for name in chosen.get("references") or []]


def read(folder: Path, committed: bool) -> Results:
    """Read one experiment's folder; the names of its files come from its settings.json, but for those elsewhere/."""
    found = evidence.read(folder)
    reader, chosen = Reader(folder), found.settings
    explainers = glossary.display_order(found.explainers)
    return Results(
        name=folder.name,
        committed=committed,
        folder=folder,
        settings=chosen,
        data=reader.json("data.json"),
        environment=reader.json("environment.json"),
        teacher=reader.json("teacher.json"),
        explainers=explainers,
        measures=measures.measures(found.described, [metric for _, metric in found.samples]),
        predictions=reader(artifacts.read_rows, "predictions.parquet", None),
        scores=found.samples,
        rows=found.rows,
        runs=found.runs,
        perturbation=_perturbation(reader, explainers),
        seeds=found.seeds,
        protocols=found.protocols,
        claims=reader.json("claims.json"),
        timings={name: reader.json(f"throughput/{name}.json", optional=True) for name in explainers},
        benchmarks=reader.json("benchmarks.json", optional=True),
        elsewhere={path.stem: reader.json(f"elsewhere/{path.name}") for path in artifacts.timed_elsewhere(folder)},
        fits={name: reader.json(f"fits/{name}.json") for name in explainers},
        curves=_curves(reader, chosen, explainers),
        gallery=None if committed else (reader.json("gallery/gallery.json") or None),
        map_sizes=found.map_sizes,
        missing=(*found.missing, *reader.missing),
    )


def _curves(reader: Reader, chosen: dict[str, Any], explainers: list[str]) -> dict[str, pd.DataFrame]:
    """Read the curves that training wrote; what was not trained here has none and misses none."""
    trained = {name: bool((chosen["explainers"][name] or {}).get("fit")) for name in explainers}
    trained = {"teacher": bool((chosen.get("teacher") or {}).get("fit")), **trained}
    empty = pd.DataFrame()
    found = {
        name: reader(artifacts.read_rows, f"curves/{name}.csv", empty, optional=not fits)
        for name, fits in trained.items()
    }
    return {name: rows for name, rows in found.items() if len(rows) and "epoch" in rows}


def _perturbation(reader: Reader, explainers: list[str]) -> dict[str, pd.DataFrame]:
    """Read the curves behind areas; where no explainer has them, none is missing."""
    files = {name: f"perturbation/{name}.parquet" for name in explainers}
    kept = any((reader.folder / file).is_file() for file in files.values())
    found = {name: reader(_perturbation_rows, file, None, optional=not kept) for name, file in files.items()}
    return {name: rows for name, rows in found.items() if rows is not None}


def _perturbation_rows(path: Path) -> pd.DataFrame:
    rows = artifacts.read_rows(path)
    absent = set(artifacts.PERTURBATION_COLUMNS) - set(rows.columns)
    if absent:
        raise ValueError(f"no column {sorted(absent)}")
    return rows
