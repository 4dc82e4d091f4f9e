"""Speeds from pytest-benchmark files."""

from pathlib import Path

import pytest

from reports import speeds
from reports.results import Results
from tests.reports import result_tree


@pytest.fixture
def results():
    found = Results("parts", False, Path(), explainers=["surrogate", "rise"])
    found.timings["surrogate"] = result_tree.throughput("parts", "surrogate")
    return found


def test_throughput_is_read_per_batch_and_a_missing_file_is_empty(results):
    surrogate, rise = speeds.throughput(results)
    assert surrogate.median_ms == pytest.approx(4)
    assert surrogate.fps == pytest.approx(250)
    assert (surrogate.batch, surrogate.fps_batch) == (8, pytest.approx(8 / 0.02))
    assert surrogate.forward_ratio == pytest.approx(0.004 / 0.003)
    assert (surrogate.forward_passes, surrogate.memory_mb) == (1, pytest.approx(30))
    assert surrogate.overhead == pytest.approx(0.02 / 8 / 0.002), "of the batch where it is smaller"
    assert rise == speeds.Speed("parts", "rise")


def test_older_files_lack_some_numbers_and_few_calls_have_their_slowest_as_percentile(results):
    benchmarks = results.timings["surrogate"]["benchmarks"]
    benchmarks[0]["stats"]["data"] = [0.001, 0.009, 0.004]
    for benchmark in benchmarks:
        for key in ("forward_passes", "overhead", "peak_memory"):
            del benchmark["extra_info"][key]
    surrogate = speeds.throughput(results)[0]
    assert (surrogate.iqr_ms, surrogate.p99_ms) == (pytest.approx(4), pytest.approx(9))
    assert (surrogate.forward_passes, surrogate.overhead, surrogate.memory_mb) == (None, None, None)


def test_the_surrogate_breaks_even_once_its_training_is_repaid(results):
    results.timings["rise"] = result_tree.throughput("parts", "rise")
    results.fits.update(surrogate={"seconds": 100.0}, rise={})
    surrogate, rise = speeds.throughput(results)
    saved = (rise.median_ms - surrogate.median_ms) / 1000
    assert (rise.break_even - 1) * saved < 100 <= rise.break_even * saved
    assert surrogate.break_even is None
    results.fits["rise"] = {"seconds": 100.0}
    assert speeds.throughput(results)[1].break_even is None, "its own training would have to be told too"


def test_break_even_is_of_times_over_a_forward_pass_for_machines_drift(results):
    results.timings["rise"] = result_tree.throughput("parts", "rise")
    results.fits.update(surrogate={"seconds": 100.0}, rise={})
    rise = results.timings["rise"]["benchmarks"][0]
    rise["extra_info"]["forward_ratio"] = 10 * 0.004 / 0.003
    assert speeds.throughput(results)[1].break_even == 2778, "100 s over nine times the 4 ms of the surrogate"
    rise["extra_info"]["forward_ratio"] = 0.9 * 0.004 / 0.003
    assert speeds.throughput(results)[1].break_even is None, "faster in turn, though its own median is slower"
    del rise["extra_info"]["forward_ratio"]
    assert speeds.throughput(results)[1].break_even == 17, "100 s over 6 s less 4 ms: older files have medians alone"


@pytest.mark.parametrize("missing", range(3))
def test_nothing_breaks_even_if_something_was_not_measured_or_the_other_is_as_fast(missing):
    known = [100.0, 0.01, 0.5]
    assert speeds.break_even(*known) == 205
    known[missing] = None
    assert speeds.break_even(*known) is None
    assert speeds.break_even(100.0, 0.01, 0.01) is None
