"""Accuracy of the teachers, agreement of the students, speed and circumstances of two results."""

import json
import math
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from bench.protocol import Protocol
from reports import compare_unpaired, glossary, speeds
from reports.compare_rows import TOLERANCE, Row, differing, other_protocol
from reports.measures import Measure
from reports.results import Results
from reports.speeds import Speed

TEACHER = "teacher"
TOP1 = Measure("Top-1 accuracy, test", "higher", "")
AGREEMENT = Measure("Agreement with the teacher, test", "higher", "")
_SHARED_FIELDS = ("dataset", "image_size", "preprocessing", "teacher")


@dataclass(frozen=True)
class Pace:
    """How fast one method was on both sides; speed is never judged, for it belongs to the hardware.

    ratio: frames per second of B over those of A, one image at a time; None where one is missing or the
        images' size or the precision differ.
    """

    explainer: str
    a: Speed
    b: Speed
    ratio: float | None


def rows(a: Results, b: Results) -> list[Row]:
    """Return the teacher's accuracy and the students' agreement over the whole test split, not yet judged.

    The predictions on all of those images are not kept, so the two sides are tested as independent.
    """
    names = dict.fromkeys([*a.explainers, *b.explainers])
    found = [_row(a, b, Row(TEACHER, "top1", TOP1, network=True), a.teacher, b.teacher)]
    for name in names:
        row = Row(name, "agreement", AGREEMENT, network=True)
        found.append(_row(a, b, row, a.fits.get(name) or {}, b.fits.get(name) or {}))
    return [row for row in found if not (math.isnan(row.mean_a) and math.isnan(row.mean_b))]


def title(row: Row) -> str:
    """Return the name a reader knows the row's method or network by."""
    return "Teacher" if row.network and row.explainer == TEACHER else glossary.title(row.explainer)


def paces(a: Results, b: Results) -> list[Pace]:
    """Return one entry per method that either side timed."""
    first, second = ({one.explainer: one for one in speeds.throughput(side)} for side in (a, b))
    found = []
    for name in glossary.display_order(list(dict.fromkeys([*first, *second]))):
        x, y = first.get(name, Speed(a.key, name)), second.get(name, Speed(b.key, name))
        alike = (x.image_size, x.precision) == (y.image_size, y.precision)
        if x.fps or y.fps:
            found.append(Pace(name, x, y, y.fps / x.fps if x.fps and y.fps and alike else None))
    return found


def circumstances(a: Results, b: Results) -> dict[str, tuple[str, str]]:
    """Return what differs in settings, data and environment -> (in A, in B); of the methods that both have."""
    both = set(a.explainers) & set(b.explainers)
    first, second = (_flat(side, both) for side in (a, b))
    pairs = {name: (first.get(name, "–"), second.get(name, "–")) for name in {**first, **second}}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _row(a: Results, b: Results, row: Row, first: dict[str, Any], second: dict[str, Any]) -> Row:
    key = row.metric
    x, y = _share(first.get(key)), _share(second.get(key))
    row = replace(row, mean_a=x, mean_b=y, n_a=_images(a, x), n_b=_images(b, y))
    if math.isnan(x) or math.isnan(y):
        return replace(row, verdict="only in B" if math.isnan(x) else "only in A")
    row = replace(row, identical=row.n_a == row.n_b and abs(x - y) <= TOLERANCE)
    fields = differing(_protocol(a), _protocol(b))
    if fields:
        return other_protocol(row, fields)
    if not row.n_a or not row.n_b:
        return row
    difference, p = compare_unpaired.shares(x, y, row.n_a, row.n_b)
    least = compare_unpaired.least_p(row.n_a, row.n_b)
    return replace(row, difference=difference, pairing="unpaired", p=p, least_p=least)


def _protocol(results: Results) -> Protocol | None:
    """Return what the predictions of teacher and student rest on, out of the protocol of any metric."""
    one = next((p for p in results.protocols.values() if set(p.fields) != {"protocol"}), None)
    if one is None:
        return None
    return Protocol({k: v for k, v in one.fields.items() if k.partition(".")[0] in _SHARED_FIELDS})


def _share(told: object) -> float:
    value = told.get("test") if isinstance(told, dict) else None
    return float(value) if isinstance(value, int | float) and 0 <= value <= 1 else math.nan


def _images(results: Results, share: float) -> int:
    images = results.data.get("images")
    count = images.get("test") if isinstance(images, dict) else None
    return count if isinstance(count, int) and not math.isnan(share) else 0


def _flat(results: Results, explainers: set[str]) -> dict[str, str]:
    """Return settings, data and environment as dotted names and JSON."""
    chosen = dict(results.settings)
    chosen["explainers"] = {name: chosen["explainers"][name] for name in results.explainers if name in explainers}
    told = {"settings": chosen, "data": results.data, "environment": results.environment}
    flat = pd.json_normalize(told).iloc[0].to_dict()
    return {str(name): json.dumps(value, default=str, ensure_ascii=False) for name, value in flat.items()}
