"""Verdicts on differences that were put there by hand."""

import gc
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.protocol import Protocol
from reports import compare_networks, compare_rows, compare_unpaired, measures, provenance
from reports.compare_experiment import compared
from reports.results import Results

gc.freeze()  # what is imported stays: statsmodels collects garbage in every test it makes

IMAGES = [f"image-{i}" for i in range(40)]
NOISE = np.random.default_rng(0).normal(0, 0.1, 40)
PROTOCOL = Protocol({"metric": "x", "precision": "fp32", "dataset.name": "parts"})
HIGHER, LOWER, NEITHER = "insertion", "deletion", "gini"


def made(scores=None, images=IMAGES, protocol=PROTOCOL, top1=None, tests=1000, **fits) -> Results:
    """Return results with values per (explainer, metric)."""
    scores = scores or {}
    kept = {key: pd.Series(values, index=images[: len(values)], dtype=float) for key, values in scores.items()}
    metrics = dict.fromkeys(metric for _, metric in kept)
    explainers = list(dict.fromkeys([*(name for name, _ in kept), *fits]))
    return Results(
        "parts",
        True,
        Path(),
        settings={"explainers": {name: {} for name in explainers}},
        data={"images": {"test": tests}},
        teacher={"top1": {"test": top1}},
        explainers=explainers,
        measures=measures.measures({}, list(metrics)),
        scores=kept,
        protocols=dict.fromkeys(metrics, protocol) if protocol else {},
        fits={name: {"agreement": {"test": share}} for name, share in fits.items()},
    )


def one(a: Results, b: Results, metric: str = HIGHER, explainer: str = "rise") -> compare_rows.Row:
    found = [row for row in compared("x", a, b).rows if (row.explainer, row.metric) == (explainer, metric)]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("metric", "verdict"), [(HIGHER, "better"), (LOWER, "worse"), (NEITHER, "changed"), ("unheard_of", "changed")]
)
def test_direction_comes_from_the_metric_and_the_difference_is_b_minus_a(metric, verdict):
    a = made({("rise", metric): 0.5 + NOISE})
    b = made({("rise", metric): 0.5 + NOISE + 0.2 + 0.01 * NOISE[::-1]})
    row = one(a, b, metric)
    assert row.verdict == verdict
    assert row.difference.mean == pytest.approx(0.2 + 0.01 * NOISE.mean())
    assert row.difference.low < row.difference.mean < row.difference.high < 0.21
    assert (row.pairing, row.difference.n, row.n_a, row.n_b) == ("paired", 40, 40, 40)
    assert (row.mean_a, row.mean_b) == (pytest.approx(0.5 + NOISE.mean()), pytest.approx(row.mean_a + 0.2, abs=0.01))
    assert one(b, a, metric).verdict == {"better": "worse", "worse": "better"}.get(verdict, verdict)


def test_pairs_are_by_image_whatever_the_order():
    a = made({("rise", HIGHER): 0.5 + NOISE})
    shuffled = replace(a, scores={key: values.sample(frac=1, random_state=0) for key, values in a.scores.items()})
    assert one(a, shuffled).identical


def test_identical_means_every_value_within_the_tolerance_on_the_same_images():
    a = made({("rise", HIGHER): [*NOISE[:30], *[math.nan] * 10]})
    row = one(a, a)
    assert (row.verdict, row.identical, row.note) == ("same", True, "identical")
    near, far = ({("rise", HIGHER): [*NOISE[:29], NOISE[29] + d, *[math.nan] * 10]} for d in (0.9e-6, 1.1e-6))
    assert one(a, made(near)).identical
    row = one(a, made(far))
    assert (row.verdict, row.identical) == ("same", False), "one image among 30 is no difference of the mean"
    assert not one(a, made({("rise", HIGHER): NOISE[:40]})).identical, "the same values, but known on more images"


def test_same_is_said_after_correction_over_all_rows():
    """Eight of 40 images differ: p = 2 / 2^8 = 0.0078, which ten rows correct to 0.078."""
    moved = NOISE + np.array([0.1] * 8 + [0] * 32)
    alone = one(made({("rise", HIGHER): NOISE}), made({("rise", HIGHER): moved}))
    assert (alone.verdict, alone.p_holm) == ("better", pytest.approx(2 / 2**8))
    others = {(f"method_{i}", HIGHER): NOISE for i in range(9)}
    among = one(made({("rise", HIGHER): NOISE} | others), made({("rise", HIGHER): moved} | others))
    assert (among.verdict, among.p_holm) == ("same", pytest.approx(20 / 2**8))


def test_too_few_images_for_any_test_are_undecided_and_never_called_the_same():
    a, b = (made({("rise", HIGHER): NOISE[:5] + shift}) for shift in (0, 0.5))
    row = one(a, b)
    assert (row.verdict, row.p) == ("undecided", pytest.approx(2 / 2**5))
    assert "too few images" in row.note
    assert one(a, a).verdict == "same"
    assert one(made({("rise", HIGHER): [0.1]}), made({("rise", HIGHER): [0.2]})).verdict == "undecided"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_values_that_are_not_finite_are_undecided(value):
    a, b = made({("rise", HIGHER): NOISE}), made({("rise", HIGHER): [value] * 40})
    assert one(a, b).verdict == one(b, a).verdict == "undecided"
    assert one(b, b).verdict == "same"


def test_other_images_are_compared_unpaired():
    other = [f"other-{i}" for i in range(40)]
    a = made({("rise", HIGHER): 0.5 + NOISE})
    b = made({("rise", HIGHER): 0.7 + NOISE[::-1]}, images=other)
    row = one(a, b)
    assert (row.verdict, row.pairing) == ("better", "unpaired")
    assert 0.1 < row.difference.low < row.difference.mean < row.difference.high < 0.3
    paired = one(a, made({("rise", HIGHER): 0.7 + NOISE}))
    width = [r.difference.high - r.difference.low for r in (row, paired)]
    assert width[0] > 10 * width[1], "the same difference, known less well"
    assert width[0] == pytest.approx(2 * 1.96 * NOISE.std() * math.sqrt(2 / 40), rel=0.1)


def test_unpaired_constants_and_few_values():
    nothing = compare_unpaired.means(pd.Series([0.1, 0.2]), pd.Series([0.3] * 5))
    assert math.isnan(nothing[0].low) and math.isnan(nothing[1])
    assert nothing[0].mean == pytest.approx(0.15)
    assert compare_unpaired.means(pd.Series([0.1] * 4), pd.Series([0.1] * 4))[1] == 1
    difference, p = compare_unpaired.means(pd.Series([0.0] * 4), pd.Series([1.0] * 4))
    assert (difference.low, difference.high, p) == (1, 1, pytest.approx(2 / 70))


def test_shares_follow_agresti_and_caffo():
    difference, p = compare_unpaired.shares(0.5, 0.9, 20, 40)
    x, y = 11 / 22, 37 / 42
    error = 1.959964 * math.sqrt(x * (1 - x) / 22 + y * (1 - y) / 42)
    assert difference.mean == pytest.approx(0.4)
    assert (difference.low, difference.high) == (pytest.approx(y - x - error), pytest.approx(y - x + error))
    assert p < 0.01
    assert compare_unpaired.shares(1.0, 1.0, 20, 20)[1] > 0.5


def test_different_protocols_are_not_compared_and_their_fields_are_named():
    a = made({("rise", HIGHER): NOISE})
    b = made({("rise", HIGHER): NOISE + 1}, protocol=Protocol(PROTOCOL.fields | {"precision": "bf16", "steps": 2}))
    row = one(a, b)
    assert row.verdict == "different protocol"
    assert row.fields == {"precision": ('"fp32"', '"bf16"'), "steps": ("–", "2")}
    assert math.isnan(row.difference.mean) and math.isnan(row.p)
    assert compared("x", a, b).protocol_fields[("steps", "–", "2")] == ["Insertion AUC"]
    assert 'precision: A "fp32", B "bf16"' in row.note


def test_protocol_whose_fields_were_lost_is_known_by_its_id_and_one_never_recorded_by_nothing():
    scores = {("rise", HIGHER): NOISE}
    lost = made(scores, protocol=Protocol({"protocol": PROTOCOL.id}))
    assert one(made(scores), lost).verdict == "same"
    assert one(made(scores), made(scores, protocol=Protocol({"protocol": "abc"}))).fields == {
        "protocol": (PROTOCOL.id, "abc")
    }
    row = one(made(scores, protocol=None), made(scores, protocol=None))
    assert row.verdict == "different protocol"
    assert row.note == "protocol: A not recorded, B not recorded; the values are identical"


def test_metric_whose_direction_changed_is_another_metric():
    a, b = (made({("rise", HIGHER): NOISE}) for _ in range(2))
    b = replace(b, measures={HIGHER: replace(b.measures[HIGHER], better="lower")})
    assert one(a, b).fields == {"better": ("higher", "lower")}


def test_what_one_side_alone_has_is_listed():
    a = made({("rise", HIGHER): NOISE, ("rise", LOWER): NOISE})
    b = made({("rise", HIGHER): NOISE, ("sobel", HIGHER): NOISE})
    found = {(row.explainer, row.metric): row.verdict for row in compared("x", a, b).rows}
    expected = {("rise", HIGHER): "same", ("rise", LOWER): "only in A", ("sobel", HIGHER): "only in B"}
    assert found == expected
    assert compared("x", a, b).counts == {"only in A": 1, "only in B": 1, "same, identical": 1}
    assert compared("x", a, b).unequal == []


def test_teacher_and_students_are_rows_over_the_whole_test_split():
    scores = {("surrogate", HIGHER): NOISE}
    a, b = made(scores, top1=0.97, surrogate=0.95), made(scores, top1=0.8, surrogate=0.95)
    teacher, student = one(a, b, "top1", "teacher"), one(a, b, "agreement", "surrogate")
    assert (teacher.verdict, student.verdict) == ("worse", "same")
    assert teacher.difference.mean == pytest.approx(-0.17)
    assert (teacher.n_a, teacher.pairing, student.identical) == (1000, "unpaired", True)
    other = made(scores, top1=0.8, protocol=Protocol(PROTOCOL.fields | {"dataset.name": "birds"}))
    assert set(one(a, other, "top1", "teacher").fields) == {"dataset.name"}
    assert one(a, made(scores), "top1", "teacher").verdict == "only in A"
    assert one(a, made(scores, top1=0.8, tests=0), "top1", "teacher").verdict == "undecided"


def test_speed_is_a_ratio_only_between_like_and_like():
    def timed(seconds: float, size: int) -> Results:
        info = {"batch": 1, "image_size": size, "precision": "fp32", "device": "cpu"}
        timings = {"rise": {"benchmarks": [{"stats": {"median": seconds}, "extra_info": info}]}}
        return replace(made({("rise", HIGHER): NOISE}), timings=timings)

    (pace,) = compare_networks.paces(timed(0.1, 96), timed(0.05, 96))
    assert (pace.a.fps, pace.b.fps, pace.ratio) == (pytest.approx(10), pytest.approx(20), pytest.approx(2))
    assert compare_networks.paces(timed(0.1, 96), timed(0.1, 224))[0].ratio is None
    assert compare_networks.paces(made(), timed(0.1, 224))[0].ratio is None


def test_circumstances_that_differ_are_named_with_both_values():
    a = made({("rise", HIGHER): NOISE})
    settings = {"explainers": {"rise": {"masks": 8}, "sobel": {"x": 1}}, "seed": 3}
    b = replace(a, settings=settings, explainers=["rise", "sobel"], environment={"torch": "2.9"})
    assert compare_networks.circumstances(a, b) == {
        "settings.explainers.rise.masks": ("–", "8"),
        "settings.seed": ("–", "3"),
        "environment.torch": ("–", '"2.9"'),
    }
    assert provenance.hardware(b) == "not recorded"
    assert compare_networks.circumstances(a, a) == {}
