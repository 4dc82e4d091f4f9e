"""A comparison as a table: aligned text for the terminal, rows for CSV files."""

from collections.abc import Iterable
from dataclasses import asdict

import pandas as pd

from reports import compare_networks, compare_verify, glossary, provenance
from reports.compare_experiment import Comparison
from reports.compare_networks import Pace
from reports.compare_rows import Row

COLUMNS = ["experiment", "explainer", "metric", "better", "mean_a", "n_a", "mean_b", "n_b", "difference", "low", "high"]
COLUMNS += ["n", "pairing", "p", "p_holm", "identical", "margin", "verdict", "note"]
PACE_COLUMNS = ["experiment", "explainer", "fps_a", "fps_b", "ratio", "hardware_a", "hardware_b"]
PACE_COLUMNS += ["image_size_a", "image_size_b", "precision_a", "precision_b"]
HEADINGS = ("method", "metric", "A", "B", "B − A", "95 % interval", "n", "p", "verdict", "note")
WIDTH = 44


def text(rows: Iterable[Row], notes: dict[int, str] | None = None) -> str:
    """Return the rows as lines; `notes` (by position) take the place of the rows' own."""
    lines = [_cells(row, (notes or {}).get(place, row.note)) for place, row in enumerate(rows)]
    return _aligned([HEADINGS, *lines])


def pace_text(found: Comparison) -> str:
    """Return the speeds as lines."""
    head = ("method", "A, frames/s", "B, frames/s", "B / A")
    lines = [
        (
            shown(glossary.title(one.explainer)),
            glossary.significant(one.a.fps),
            glossary.significant(one.b.fps),
            glossary.significant(one.ratio),
        )
        for one in found.paces
    ]
    return _aligned([head, *lines])


def shown(words: object, width: int = WIDTH) -> str:
    """Return one printable line of at most `width` characters: names may hold anything."""
    line = "".join(one if one.isprintable() else "?" for one in str(words))
    return line if len(line) <= width else f"{line[: width - 1]}…"


def frame(found: Iterable[Comparison]) -> pd.DataFrame:
    """Return every row of every experiment for comparison.csv; `difference` is B minus A."""
    return pd.DataFrame([_record(one.name, row) for one in found for row in one.rows], columns=COLUMNS)


def pace_frame(found: Iterable[Comparison]) -> pd.DataFrame:
    """Return the speeds for throughput.csv; `ratio` is B over A."""
    return pd.DataFrame([_pace_record(c, one) for c in found for one in c.paces], columns=PACE_COLUMNS)


def _record(experiment: str, row: Row) -> dict[str, object]:
    difference = asdict(row.difference)
    return {
        "experiment": experiment,
        **{name: getattr(row, name) for name in COLUMNS if hasattr(row, name)},
        "better": row.measure.better,
        **difference,
        "difference": difference["mean"],
        "margin": compare_verify.margin(row),
    }


def _pace_record(found: Comparison, one: Pace) -> dict[str, object]:
    return {
        "experiment": found.name,
        "explainer": one.explainer,
        "ratio": one.ratio,
        "hardware_a": provenance.hardware(found.a),
        "hardware_b": provenance.hardware(found.b),
        **{f"{name}_a": getattr(one.a, name) for name in ("fps", "image_size", "precision")},
        **{f"{name}_b": getattr(one.b, name) for name in ("fps", "image_size", "precision")},
    }


def _cells(row: Row, note: str) -> tuple[str, ...]:
    unit, difference = row.measure.unit, row.difference
    low, high = (glossary.number(value, unit, signed=True) for value in (difference.low, difference.high))
    return (
        shown(compare_networks.title(row)),
        shown(row.measure.title),
        glossary.number(row.mean_a, unit),
        glossary.number(row.mean_b, unit),
        glossary.number(difference.mean, unit, signed=True),
        f"{low} … {high}" if low != "–" else "–",
        str(difference.n) if row.pairing == "paired" else f"{row.n_a}, {row.n_b}",
        glossary.p_value(row.p_holm),
        row.verdict + (", unpaired" if row.pairing == "unpaired" else ""),
        shown(note, 100),
    )


def _aligned(lines: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
