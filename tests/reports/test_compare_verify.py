"""What fails a verification, and what does not."""

import math

import numpy as np
import pytest

from bench.protocol import Protocol
from reports import compare_verify
from reports.compare_experiment import compared
from tests.reports.test_compare_rows import HIGHER, IMAGES, LOWER, NEITHER, NOISE, PROTOCOL, made

SPREAD = float(NOISE.std(ddof=1))
WOBBLE = np.tile([-0.001, 0.001], 20)
ALL = {("rise", metric): NOISE for metric in (HIGHER, LOWER, NEITHER)}


def check(a, b) -> compare_verify.Verification:
    return compare_verify.verify(compared("parts", a, b))


def reasons(a, b) -> list[str]:
    return [one.reason for one in check(a, b).failures]


def test_identical_run_passes_and_methods_of_the_reference_alone_are_named():
    reference = made(ALL | {("surrogate_no_attention", HIGHER): NOISE}, top1=0.97, surrogate_no_attention=0.9)
    found = check(reference, made(ALL, top1=0.97))
    assert (found.passed, found.checked, found.identical) == (True, 4, 4)
    assert found.left_out == ("surrogate_no_attention",)
    assert found.sentence == "4 rows checked, 4 identical; not run: Surrogate, no attention"


@pytest.mark.parametrize("metric", [HIGHER, LOWER, NEITHER])
@pytest.mark.parametrize("sign", [-1, 1])
def test_difference_fails_beyond_the_margin_in_either_direction(metric, sign):
    def moved(deviations: float):
        return made(ALL | {("rise", metric): NOISE + WOBBLE + sign * deviations * SPREAD})

    inside = check(made(ALL), moved(0.49))
    assert (inside.passed, inside.within) == (True, 1), "found, and too small to matter"
    outside = check(made(ALL), moved(0.51))
    assert [(one.row.metric, one.reason) for one in outside.failures] == [(metric, compare_verify.BEYOND)]
    assert (outside.passed, outside.within, outside.word) == (False, 0, "NOT verified")
    assert outside.reasons == {0: f"differs by more than the margin ({SPREAD / 2:.3g})"}
    assert outside.sentence.startswith("1 row failed; 3 rows checked, 2 identical")


def test_difference_beyond_the_margin_that_chance_explains_does_not_fail():
    wild = made({("rise", HIGHER): NOISE + np.tile([3.0, -2.8], 20)})
    found = check(made({("rise", HIGHER): NOISE}), wild)
    assert compared("x", made({("rise", HIGHER): NOISE}), wild).rows[0].difference.mean > SPREAD / 2
    assert found.passed and found.within == 0


def test_reference_of_one_value_has_no_margin():
    hits = np.ones(40)
    assert reasons(made({("rise", "pointing"): hits}), made({("rise", "pointing"): hits - WOBBLE - 0.01})) == [
        compare_verify.BEYOND
    ]


def test_networks_may_move_by_three_points():
    def top1(value: float, **fits: float):
        return made(ALL, top1=value, tests=20_000, **fits)

    assert check(top1(0.97), top1(0.945)).within == 1
    assert reasons(top1(0.97), top1(0.935)) == [compare_verify.BEYOND]
    assert reasons(top1(0.97, rise=0.9), top1(0.97, rise=0.99)) == [compare_verify.BEYOND]


def test_run_that_lacks_values_fails():
    reference = made(ALL, top1=0.9)
    nothing = {key: [math.nan] * 40 if key[1] == LOWER else values for key, values in ALL.items()}
    assert reasons(reference, made(nothing, top1=0.9)) == ["the run has no finite value"]
    infinite = ALL | {("rise", LOWER): [*NOISE[:39], math.inf]}
    assert reasons(reference, made(infinite, top1=0.9)) == ["the run has no finite value"]
    absent = {key: values for key, values in ALL.items() if key[1] != LOWER}
    assert reasons(reference, made(absent, top1=0.9)) == ["the run has no finite value"]
    assert reasons(reference, made(ALL)) == ["the run has no finite value"], "no teacher"
    half = ALL | {("rise", LOWER): [*NOISE[:19], *[math.nan] * 21]}
    assert reasons(reference, made(half, top1=0.9)) == ["the run has values on 19 of 40 images"]
    assert check(made(nothing, top1=0.9), reference).passed, "the reference has nothing to hold it against"


def test_run_under_another_protocol_or_on_other_images_fails():
    other = Protocol(PROTOCOL.fields | {"precision": "bf16"})
    assert reasons(made(ALL), made(ALL, protocol=other))[0].startswith('different protocol: precision: A "fp32"')
    images = [f"other {image}" for image in IMAGES]
    assert set(reasons(made(ALL), made(ALL, images=images))) == {"the run explained other images"}


def test_rows_of_too_few_images_are_counted_and_decide_nothing():
    few = {("rise", "adcc"): NOISE[:4]}
    found = check(made(ALL | few), made(ALL | {("rise", "adcc"): NOISE[:4] + 1}))
    assert (found.passed, found.checked, found.undecided) == (True, 3, 1)
    assert "1 more of too few images to tell" in found.sentence


def test_nothing_in_common_is_no_verification():
    found = check(made(ALL), made({("mine", HIGHER): NOISE}))
    assert not found.passed and not found.failures
    assert found.word == "NOT verified"
    assert "no row in common" in found.sentence
    assert not check(made({("rise", "adcc"): NOISE[:4]}), made({("rise", "adcc"): NOISE[:4] + 1})).passed
