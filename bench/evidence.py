"""What one experiment found, as far as it is there: samples, protocols, timings."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import pandas as pd

from bench import artifacts
from bench.protocol import Protocol, require_same
from bench.statistics import Runs
from methods.errors import UserError

T = TypeVar("T")


@dataclass(frozen=True)
class Timing:
    """Whole explanations of `batch` images at a time.

    seconds: of every timed call.
    device, precision, image_size: under which; only equal ones may be compared.
    forward: seconds of one bare forward pass of as many images, timed in turn; None in old files.
    """

    batch: int
    seconds: tuple[float, ...]
    device: str
    precision: str
    image_size: int
    forward: float | None = None

    @property
    def conditions(self) -> tuple[str, str, int]:
        """What must be equal for two timings to be compared."""
        return self.device, self.precision, self.image_size


@dataclass(frozen=True)
class Evidence:
    """One experiment's samples.

    explainers: those that the settings compare.
    samples: (explainer, metric) -> value by image_id, the mean over seeds; NaN where the metric does not apply.
    rows: explainer -> its rows as they are, `artifacts.SCORE_COLUMNS`.
    runs: (explainer, metric) -> a row per image, a column per seed; of explainers with several seeds.
    protocols: metric -> the protocol of its numbers, the same for all explainers.
    described: metric -> its title and which direction is better.
    timings: explainer -> one per batch size.
    missing: files that could not be read, relative to the folder, each with the reason.
    """

    name: str
    settings: dict[str, Any]
    explainers: list[str]
    samples: dict[tuple[str, str], pd.Series]
    described: dict[str, dict[str, Any]]
    rows: dict[str, pd.DataFrame] = field(default_factory=dict)
    runs: dict[tuple[str, str], Runs] = field(default_factory=dict)
    protocols: dict[str, Protocol] = field(default_factory=dict)
    timings: dict[str, list[Timing]] = field(default_factory=dict)
    map_sizes: dict[str, list[int]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    @property
    def better(self) -> dict[str, str]:
        """Metric -> `higher`, `lower` or `neither`."""
        return {metric: str(column.get("better", "")) for metric, column in self.described.items()}

    def title(self, metric: str) -> str:
        """Return the metric's name in tables."""
        return str(self.described.get(metric, {}).get("title", metric))

    @property
    def seeds(self) -> int:
        """How many seeds the samples come from."""
        return len({seed for rows in self.rows.values() for seed in rows["seed"].unique()})

    def seeds_of(self, explainer: str) -> int:
        """Return how many seeds an explainer's samples come from."""
        return self.rows[explainer]["seed"].nunique() if explainer in self.rows else 1


class Reader:
    """Reads optional files below one folder and remembers which failed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.missing: list[str] = []

    def __call__(self, read: Callable[[Path], T], name: str, otherwise: T, optional: bool = False) -> T:
        """Return what `read` makes of the file, or `otherwise`; only `optional` files may be absent unnoticed."""
        path = self.folder / name
        if optional and not path.is_file():
            return otherwise
        try:
            return read(path)
        except (UserError, ValueError):
            self.missing.append(f"{name} ({'unreadable' if path.is_file() else 'not found'})")
        return otherwise

    def json(self, name: str, optional: bool = False) -> dict[str, Any]:
        """Return a JSON object, or an empty one."""
        nothing: dict[str, Any] = {}
        return self(artifacts.read_json, name, nothing, optional)


def read(folder: Path) -> Evidence:
    """Read one experiment's results; the names of its files come from its settings.json, never from the disk.

    Raises:
        UserError: the numbers of one metric were taken under different protocols.
    """
    reader = Reader(folder)
    settings = reader.json("settings.json")
    explainers = list(settings.get("explainers", {}))
    found = {name: reader(_score_rows, f"scores/{name}.parquet", None) for name in explainers}
    rows = {name: table for name, table in found.items() if table is not None}
    fields = {name: reader.json(f"protocols/{name}.json") for name in rows}
    timed = {name: reader.json(f"throughput/{name}.json") for name in explainers}
    return Evidence(
        name=folder.name,
        settings=settings,
        explainers=explainers,
        samples={key: values for name, table in rows.items() for key, values in _samples(name, table).items()},
        described=reader.json("metrics.json"),
        rows=rows,
        runs={key: values for name, table in rows.items() for key, values in _runs(name, table).items()},
        protocols=shared_protocols(rows, fields, f"experiment '{folder.name}'"),
        timings={name: _timings(content) for name, content in timed.items()},
        map_sizes=reader.json("map_sizes.json", optional=True),
        missing=tuple(reader.missing),
    )


def shared_protocols(
    rows: dict[str, pd.DataFrame], fields: dict[str, dict[str, Any]], where: str
) -> dict[str, Protocol]:
    """Return each metric's protocol, refusing if explainers or seeds were scored under different ones."""
    known = {one: own for found in fields.values() for one, own in found.items()}
    by_metric: dict[str, dict[str, Protocol]] = {}
    for name, table in rows.items():
        for metric, one in table[["metric", "protocol"]].drop_duplicates().itertuples(index=False):
            who = f"{name} ({one})" if name in by_metric.get(metric, {}) else name
            by_metric.setdefault(metric, {})[who] = Protocol(known.get(one, {"protocol": one}))
    for metric, found in by_metric.items():
        require_same(found, f"the table of '{metric}' in {where}")
    return {metric: next(iter(found.values())) for metric, found in by_metric.items()}


def _samples(explainer: str, table: pd.DataFrame) -> dict[tuple[str, str], pd.Series]:
    grouped = table.groupby("metric", sort=False)
    return {
        (explainer, str(metric)): group.groupby("image_id", sort=False)["value"].mean() for metric, group in grouped
    }


def _runs(explainer: str, table: pd.DataFrame) -> dict[tuple[str, str], Runs]:
    if table["seed"].nunique() < 2:
        return {}
    wide = table.groupby(["metric", "image_id", "seed"], sort=False)["value"].mean().unstack("seed")
    return {(explainer, str(metric)): group.droplevel("metric") for metric, group in wide.groupby("metric", sort=False)}


def _score_rows(path: Path) -> pd.DataFrame:
    rows = artifacts.read_rows(path)
    absent = set(artifacts.SCORE_COLUMNS) - set(rows.columns)
    if absent:
        raise ValueError(f"no column {sorted(absent)}")
    return rows.astype({"value": "float64"})  # means in fp32 would differ where they are the same


def _timings(content: dict[str, Any]) -> list[Timing]:
    found = []
    for benchmark in content.get("benchmarks") or []:
        info = benchmark.get("extra_info", {})
        if "batch" in info and {"data", "median"} & set(benchmark.get("stats", {})):
            stats = benchmark.get("stats", {})
            seconds = tuple(map(float, stats.get("data") or [stats["median"]]))
            place = str(info.get("device", "")), str(info.get("precision", "")), int(info.get("image_size") or 0)
            ratio = info.get("forward_ratio")
            forward = median(seconds) / ratio if ratio else None
            found.append(Timing(int(info["batch"]), seconds, *place, forward))
    return found
