"""Bare passes are timed in turn with what they are compared with."""

from itertools import pairwise

import pytest

from bench.throughput import measuring
from bench.throughput.measuring import Turns


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


def blocks(machine, turns, calls):
    """For each of the other calls, whether bare passes were timed before it."""
    found = []
    for _ in range(calls):
        machine.calls.clear()
        turns.take()
        found.append(bool(machine.calls))
    return found


@pytest.mark.parametrize("calls", [1, 2, 5, 8, 9, 16, 200])
def test_blocks_are_spread_evenly(machine, calls):
    found = blocks(machine, Turns({1: machine.call("bare", 0.01)}, calls, 0.5), calls)
    assert sum(found) == min(calls, Turns.BLOCKS)
    at = [index for index, one in enumerate(found) if one]
    lengths = {after - before for before, after in pairwise(at)} | {at[0] + calls - at[-1]}
    assert max(lengths) - min(lengths) <= 1


def test_the_ratio_does_not_drift_with_the_machine(machine):
    explain = machine.call("explain", 0.02)
    turns, spent = Turns({1: machine.call("bare", 0.01)}, 100, 0.5), []
    for index in range(100):
        machine.speed = 1 - index / 200
        turns.take()
        spent.append(measuring.elapsed(explain))
    assert sorted(spent)[50] / turns.median(1) == pytest.approx(2, rel=0.05)


def test_every_pass_is_timed_three_times_a_block_at_least(machine):
    turns = Turns({1: machine.call("one", 0.001), 32: machine.call("many", 10.0)}, 5, 0.5)
    turns.take()
    assert machine.calls.count("many") == 1 + 3  # warmed up once
    assert turns.median(32) == pytest.approx(10)
