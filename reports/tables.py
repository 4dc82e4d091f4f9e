"""The numbers of the report as rows: accuracy, fidelity; and the files that hold them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench import artifacts
from bench.statistics import against, compare_all, in_steps, mean_interval
from reports import glossary, protocols
from reports.results import Results
from reports.speeds import Speed

ACCURACY_COLUMNS = ["experiment", "explainer", "metric", "mean", "low", "high", "n", "better", "protocol"]
OPEN = ("not distinguishable", "seeds disagree")  # outcomes of tests that were made
CLAIM_COLUMNS = ["experiment", "claim", "verdict", "reason"]


@dataclass(frozen=True)
class ControlWin:
    """A control whose mean is better than that of methods on one metric.

    beaten: all such methods; clear: those with a Holm-corrected p of 0.05 or less, over the control's
        comparisons with every method on every metric.
    """

    metric: str
    control: str
    beaten: tuple[str, ...]
    clear: tuple[str, ...]


def accuracy(results: Results) -> pd.DataFrame:
    """Return one row per explainer and metric: mean over images, interval, number of images, protocol."""
    ids = {metric: protocols.identity(one) for metric, one in results.protocols.items()}
    rows = [
        {"experiment": results.key, "explainer": explainer, "metric": metric}
        | {"better": measure.better, "protocol": ids.get(metric, "")}
        | asdict(mean_interval(results.scores[explainer, metric]))
        for explainer in results.explainers
        for metric, measure in results.measures.items()
        if (explainer, metric) in results.scores
    ]
    return pd.DataFrame(rows, columns=ACCURACY_COLUMNS)


def means(rows: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return explainer -> metric -> mean of one experiment's accuracy rows; what has no mean is left out."""
    found: dict[str, dict[str, float]] = {}
    for row in rows.dropna(subset=["mean"]).itertuples():
        found.setdefault(str(row.explainer), {})[str(row.metric)] = float(row.mean)
    return found


def comparable(results: Results) -> dict[str, dict[str, float]]:
    """Return method -> metric -> mean over the images that all methods with values have: only these can be ranked."""
    found: dict[str, dict[str, float]] = {}
    for metric in results.measures:
        for name, mean in _shared(results, metric, results.of_kind("method")).items():
            found.setdefault(name, {})[metric] = mean
    return found


def _shared(results: Results, metric: str, names: Sequence[str]) -> dict[str, float]:
    """Return the means of those with values over the images that all of them have; none if there is no such image."""
    values = {name: results.scores[name, metric] for name in names if (name, metric) in results.scores}
    table = pd.DataFrame({name: found for name, found in values.items() if found.notna().any()}).dropna()
    return {str(name): float(mean) for name, mean in table.mean().items()} if len(table) else {}


def best(results: Results) -> dict[tuple[str, str], str]:
    """Mark each metric's best method, or several of the same mean, `best`; those not distinguishable from it `tied`.

    All pairs of methods on a metric are one family of Holm-corrected tests, so that the choice of the
    best one among them is allowed for. Ablations and controls are not ranked.
    """
    known, marks = comparable(results), {}
    for metric, better in results.better.items():
        ranked = [name for name in results.of_kind("method") if metric in known.get(name, {})]
        if len(ranked) < 2:
            continue
        means = in_steps([_signed(known[name][metric], better) for name in ranked])
        leading = [name for name, mean in zip(ranked, means, strict=True) if mean == means.max()]
        runs = {name: results.runs[name, metric] for name in ranked if (name, metric) in results.runs}
        pairs = compare_all({name: results.scores[name, metric] for name in ranked}, better, intervals=False, runs=runs)
        open_pairs = [{one.method, one.other} for one in pairs if one.outcome in OPEN]
        for name in ranked:
            if name in leading:
                marks[name, metric] = "best"
            elif {name, leading[0]} in open_pairs:
                marks[name, metric] = "tied"
    return marks


def control_wins(results: Results) -> list[ControlWin]:
    """Find every control that beats a method on a metric; a metric it wins does not tell methods apart."""
    wins, methods = [], results.of_kind("method")
    for control in results.of_kind("control"):
        tests = against(
            results.scores, results.better, control, methods, results.ranking, intervals=False, runs=results.runs
        )
        clearly = {(one.metric, one.other) for one in tests if one.outcome == "better"}
        for metric, better in results.better.items():
            pairs = {name: _shared(results, metric, (name, control)) for name in methods}
            both = {name: pair for name, pair in pairs.items() if len(pair) > 1}
            beaten = [n for n, pair in both.items() if _ahead(pair[control], pair[n], better)]
            if beaten:
                clear = tuple(name for name in beaten if (metric, name) in clearly)
                wins.append(ControlWin(metric, control, tuple(beaten), clear))
    return sorted(wins, key=lambda win: results.ranking.index(win.metric))


def fidelity(results: Results) -> list[dict[str, Any]]:
    """Return one row for the teacher and one per explainer that learned something."""
    rows = [{"name": "teacher", "title": "Teacher", **_learned(results.teacher)}]
    for name in results.explainers:
        fit = results.fits.get(name)
        if fit:
            rows.append({"name": name, "title": glossary.title(name), **_learned(fit)})
    return rows


def write(
    out: Path, found: dict[str, pd.DataFrame], differences: pd.DataFrame, speeds: list[Speed], claims: pd.DataFrame
) -> None:
    """Write accuracy.csv, differences.csv, throughput.csv and claims.csv.

    Args:
        out: folder.
        found: experiment -> rows of `accuracy`.
        differences: rows of `comparisons.table`.
        speeds: rows of `speeds.throughput`.
        claims: rows with `CLAIM_COLUMNS`.
    """
    filled = [table for table in found.values() if len(table)]
    joined = pd.concat(filled) if filled else pd.DataFrame(columns=ACCURACY_COLUMNS)
    artifacts.write_rows(out / "accuracy.csv", joined[ACCURACY_COLUMNS])
    artifacts.write_rows(out / "differences.csv", differences)
    write_speeds(out / "throughput.csv", speeds)
    artifacts.write_rows(out / "claims.csv", claims)


def write_speeds(path: Path, speeds: list[Speed]) -> None:
    """Write a row for each speed and a column for each of its members."""
    columns = list(Speed.__dataclass_fields__)
    artifacts.write_rows(path, pd.DataFrame([asdict(speed) for speed in speeds], columns=columns))


def _signed(value: float, better: str) -> float:
    return value if better == "higher" else -value


def _ahead(one: float, other: float, better: str) -> bool:
    """Whether the first mean is better, by more than rounding."""
    first, second = in_steps([_signed(one, better), _signed(other, better)])
    return bool(first > second)


def _learned(summary: dict[str, Any]) -> dict[str, Any]:
    """What training a network came to; the parts that its kind does not have are empty."""
    parts = {name: summary.get(name) or {} for name in ("top1", "agreement", "fidelity")}
    return {"parameters": summary.get("parameters"), "seconds": summary.get("seconds"), **parts}
