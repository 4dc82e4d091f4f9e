"""Two results of one experiment, row by row: what is the same, what differs, what cannot be compared.

A row is one method on one metric. Where both sides scored the same images, differences are paired by
image and tested by sign flips; otherwise both sides are resampled apart and tested by Welch's t-test.
All rows that are tested are one family of Holm-corrected tests. Verdicts, always of B against A:

    same                 every image's value is equal (`identical`), or no difference was found
    better, worse        a difference was found; the metric's direction says which
    changed              a difference was found; the metric has no direction
    undecided            no test could find a difference: too few images, or values that are not finite
    different protocol   the numbers were taken under different protocols and are not compared
    only in A, only in B one side has no row
"""

import json
import math
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from bench.protocol import Protocol
from bench.statistics import CONFIDENCE, FEWEST, Estimate, holm, paired_test
from bench.statistics.paired import FLIPS
from reports import compare_unpaired, glossary, protocols
from reports.measures import Measure
from reports.results import Results

TOLERANCE = 1e-6  # within which two values are equal, in the metric's unit: ten times the rounding of float32
LEAST_P = 1 / (FLIPS + 1)
_NOTHING = Estimate(math.nan, math.nan, math.nan, 0)


@dataclass(frozen=True)
class Row:
    """One method on one metric in A and in B.

    mean_a, mean_b, n_a, n_b: means over the images on which the value is known, and their number.
    difference: B minus A and its uncorrected interval; its `n` is of pairs, or of the smaller side.
    pairing: `paired` by image, `unpaired`, or empty where nothing was compared.
    p, p_holm, least_p: of the test, corrected over all rows, and the least the test can give.
    identical: every value is equal within `TOLERANCE` and known on the same images.
    spread: standard deviation over the images of A.
    network: the row is about a network's predictions and not about maps.
    fields: protocol fields that differ -> (in A, in B), written out.
    """

    explainer: str
    metric: str
    measure: Measure
    mean_a: float = math.nan
    mean_b: float = math.nan
    n_a: int = 0
    n_b: int = 0
    difference: Estimate = _NOTHING
    pairing: str = ""
    p: float = math.nan
    p_holm: float = math.nan
    least_p: float = math.nan
    identical: bool = False
    spread: float = math.nan
    network: bool = False
    fields: dict[str, tuple[str, str]] = field(default_factory=dict)
    verdict: str = ""
    note: str = ""


def judged(drafts: list[Row]) -> list[Row]:
    """Return the rows with corrected p-values and verdicts; all of them are the family."""
    corrected = holm({place: row.p for place, row in enumerate(drafts)})
    family = sum(not math.isnan(row.p) for row in drafts)
    return [_judged(replace(row, p_holm=corrected[place]), family) for place, row in enumerate(drafts)]


def differing(a: Protocol | None, b: Protocol | None) -> dict[str, tuple[str, str]]:
    """Return the fields in which two protocols differ -> (in A, in B); one that was not recorded differs from all."""
    if a is None or b is None:
        first, second = ("not recorded" if one is None else "recorded" for one in (a, b))
        return {"protocol": (first, second)}
    if protocols.identity(a) == protocols.identity(b):
        return {}
    if any(set(one.fields) == {"protocol"} for one in (a, b)):
        return {"protocol": (protocols.identity(a), protocols.identity(b))}
    x, y = ({k: json.dumps(v, default=str, ensure_ascii=False) for k, v in one.fields.items()} for one in (a, b))
    pairs = {name: (x.get(name, "–"), y.get(name, "–")) for name in sorted({**x, **y})}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def scores(a: Results, b: Results) -> list[Row]:
    """Return one row per method and metric that either side scored, not yet judged."""
    names = glossary.display_order(list(dict.fromkeys([*a.explainers, *b.explainers])))
    known = b.measures | a.measures
    metrics = dict.fromkeys([*a.measures, *b.measures])
    return [
        _score_row(a, b, Row(name, metric, known[metric]))
        for name in names
        for metric in metrics
        if (name, metric) in a.scores or (name, metric) in b.scores
    ]


def _score_row(a: Results, b: Results, row: Row) -> Row:
    key = row.explainer, row.metric
    first, second = (side.scores.get(key, pd.Series(dtype=float)) for side in (a, b))
    row = replace(
        row,
        mean_a=float(first.mean()),
        mean_b=float(second.mean()),
        n_a=int(first.notna().sum()),
        n_b=int(second.notna().sum()),
        spread=float(first.std()) if np.isfinite(first.dropna()).all() else math.nan,
        identical=key in a.scores and key in b.scores and _identical(first, second),
    )
    if key not in a.scores or key not in b.scores:
        return replace(row, verdict="only in A" if key in a.scores else "only in B")
    fields = differing(a.protocols.get(row.metric), b.protocols.get(row.metric))
    directions = a.measures[row.metric].better, b.measures[row.metric].better
    if directions[0] != directions[1]:
        fields |= {"better": directions}
    if fields:
        return other_protocol(row, fields)
    if set(first.index) == set(second.index):
        test = paired_test(second, first)
        least = max(LEAST_P, 2.0 ** (1 - test.n)) if test.n else 1.0
        return replace(row, difference=test.difference, pairing="paired", p=test.p_value, least_p=least)
    difference, p = compare_unpaired.means(first, second)
    least = compare_unpaired.least_p(row.n_a, row.n_b)
    return replace(row, difference=difference, pairing="unpaired", p=p, least_p=least)


def _judged(row: Row, family: int) -> Row:
    if row.verdict:
        return row
    if row.identical:
        return replace(row, verdict="same", note="identical" if row.n_a else "defined on no image")
    if math.isnan(row.p_holm):
        few = row.difference.n < FEWEST
        note = f"a value on both sides for {row.difference.n} images" if few else "values are not finite"
        return replace(row, verdict="undecided", note=note)
    if row.p_holm <= 1 - CONFIDENCE:
        direction = {"higher": 1, "lower": -1}.get(row.measure.better, 0) * row.difference.mean
        return replace(row, verdict="better" if direction > 0 else "worse" if direction < 0 else "changed")
    if row.least_p * family > 1 - CONFIDENCE:
        return replace(row, verdict="undecided", note="too few images for a test to find a difference")
    return replace(row, verdict="same")


def _identical(first: pd.Series, second: pd.Series) -> bool:
    if set(first.index) != set(second.index):
        return False
    aligned = second.reindex(first.index)
    return bool(np.allclose(first, aligned, rtol=0, atol=TOLERANCE, equal_nan=True))


def other_protocol(row: Row, fields: dict[str, tuple[str, str]]) -> Row:
    """Return the row with the verdict that its numbers are not compared, and why."""
    told = "; ".join(f"{name}: A {pair[0]}, B {pair[1]}" for name, pair in fields.items())
    note = f"{told}; the values are identical" if row.identical and row.n_a else told
    return replace(row, verdict="different protocol", fields=fields, note=note)
