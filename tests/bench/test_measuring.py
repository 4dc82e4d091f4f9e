"""Bare passes are timed in turn with what they are compared with, and passes counted."""

import pytest

from bench.throughput import measuring
from bench.throughput.measuring import Turns, counted
from methods import batch_size
from methods.classifier import Classifier
from methods.explainers.grad_cam import GradCam
from methods.explainers.rise import Rise
from tests.conftest import small_classifier


class Machine:
    """A clock that calls put forward by what they take, and a machine that slows down."""

    def __init__(self):
        self.now, self.speed, self.calls = 0.0, 1.0, []

    def call(self, name, work):
        def made():
            self.now += work / self.speed
            self.calls.append(name)

        return made


@pytest.fixture
def machine(monkeypatch):
    made = Machine()
    monkeypatch.setattr(measuring.time, "perf_counter", lambda: made.now)
    return made


def timings(machine, turns, calls):
    """How many passes were timed before each of the other calls."""
    found = []
    for _ in range(calls):
        machine.calls.clear()
        turns.take()
        found.append(len(machine.calls))
    return found


@pytest.mark.parametrize("calls", [1, 2, 5, 15, 16, 40, 200])
def test_timings_are_spread_evenly(machine, calls):
    found = timings(machine, Turns({1: machine.call("bare", 0.01)}, calls, 0.3), calls)
    assert sum(found) == max(Turns.FEWEST, min(calls, 30))
    assert max(found) - min(found) <= 1


def test_the_ratio_does_not_drift_with_the_machine(machine):
    explain = machine.call("explain", 0.02)
    turns, spent = Turns({1: machine.call("bare", 0.01)}, 100, 1.5), []
    for index in range(100):
        machine.speed = 1 - index / 200
        turns.take()
        spent.append(measuring.elapsed(explain))
    assert sorted(spent)[50] / turns.median(1) == pytest.approx(2, rel=0.01)


def test_every_pass_has_timings_of_its_own(machine):
    turns = Turns({1: machine.call("one", 0.001), 32: machine.call("many", 10.0)}, 5, 0.5)
    for _ in range(5):
        turns.take()
    assert (turns.median(1), turns.median(32)) == pytest.approx((0.001, 10))


@pytest.mark.parametrize(("explainer", "expected"), [(GradCam(), [4]), (Rise(masks=20), 4 * [16, 4])])
def test_every_forward_pass_is_counted_with_its_images(explainer, expected, classifier, images, targets, seeds):
    with counted(classifier) as passes:
        explainer.explain(classifier, images, targets, seeds)
    assert passes == expected
    explainer.explain(classifier, images, targets, seeds)
    assert passes == expected, "counted within the context alone"


def test_masks_that_fill_a_pass_on_a_gpu_are_not_asked_for(images, targets, seeds, monkeypatch):
    monkeypatch.setitem(batch_size.CANDIDATES, "cpu", (16, 64))  # as if a CPU were searched for
    monkeypatch.setattr(
        batch_size, "_costs", lambda model, image: {16: batch_size.Cost(1, 0), 64: batch_size.Cost(0, 0)}
    )
    classifier, taken = small_classifier(), []
    logits = classifier.logits_of_normalised
    monkeypatch.setattr(Classifier, "logits_of_normalised", lambda self, some: taken.append(len(some)) or logits(some))
    with counted(classifier) as passes:
        Rise(masks=70).explain(classifier, images[:1], targets[:1], seeds[:1])
        GradCam().explain(classifier, images, targets, seeds)
    assert (passes, taken) == ([64, 6, 4], [64, 16])
    with counted(classifier) as passes:
        Rise(masks=5).explain(classifier, images[:1], targets[:1], seeds[:1])
    assert passes == [5]
