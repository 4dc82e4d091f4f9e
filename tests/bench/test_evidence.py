"""What is read of an experiment's results: runs apart, and timings with the pass that was timed in turn."""

import pandas as pd
import pytest

from bench import artifacts, evidence


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "mini"
    artifacts.write_json(folder / "settings.json", {"explainers": {"surrogate": {}, "grad_cam": {}}})
    artifacts.write_json(folder / "metrics.json", {"insertion": {"title": "Insertion AUC", "better": "higher"}})
    values = {"surrogate": {0: (1.0, 2.0), 1: (3.0, float("nan"))}, "grad_cam": {0: (5.0, 6.0)}}
    for name, seeds in values.items():
        rows = [
            ("mini", seed, image, name, "insertion", value, "p")
            for seed, own in seeds.items()
            for image, value in zip("ba", own, strict=True)
        ]
        artifacts.write_rows(folder / f"scores/{name}.parquet", pd.DataFrame(rows, columns=artifacts.SCORE_COLUMNS))
        artifacts.write_json(folder / f"protocols/{name}.json", {"p": {"metric": "insertion"}})
    return folder


def timing(**info):
    return {"benchmarks": [{"stats": {"data": [0.2, 0.3, 0.4]}, "extra_info": {"batch": 1, "device": "cpu", **info}}]}


def test_samples_are_means_over_the_runs_that_are_kept_apart(folder):
    found = evidence.read(folder)
    assert found.samples["surrogate", "insertion"].to_dict() == {"b": 2.0, "a": 2.0}
    runs = found.runs["surrogate", "insertion"]
    assert runs[0].to_dict() == {"b": 1.0, "a": 2.0} and runs[1].dropna().to_dict() == {"b": 3.0}
    assert ("grad_cam", "insertion") not in found.runs and found.seeds_of("surrogate") == 2


def test_a_timing_knows_the_pass_that_was_timed_in_turn(folder):
    artifacts.write_json(folder / "throughput/surrogate.json", timing(forward_ratio=1.5))
    artifacts.write_json(folder / "throughput/grad_cam.json", timing())
    timings = evidence.read(folder).timings
    assert timings["surrogate"][0].forward == pytest.approx(0.2) and timings["grad_cam"][0].forward is None
