"""A throughput run that is cut short keeps what it has timed."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUITE = """
import os

def test_first(benchmark):
    benchmark(len, ())

def test_second(benchmark):
    benchmark(len, ())

def test_that_is_cut_short(benchmark):
    os._exit(3)
"""


@pytest.mark.parametrize("missing", [False, True], ids=["a folder", "a missing folder"])
def test_what_was_timed_before_the_end_is_written(tmp_path, missing):
    (tmp_path / "conftest.py").write_text("from bench.throughput.keeping import kept")
    (tmp_path / "test_suite.py").write_text(SUITE)
    out = tmp_path / "elsewhere/gpu.json"
    if not missing:
        out.parent.mkdir()
    elif tuple(map(int, version("pytest-benchmark").split("."))) < (5, 3, 1):
        pytest.skip("this version of pytest-benchmark opens the file before any test")
    options = ["--benchmark-only", f"--benchmark-json={out}", "-p", "no:cacheprovider", f"--rootdir={tmp_path}"]
    command = [sys.executable, "-m", "pytest", str(tmp_path / "test_suite.py"), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 3, done.stdout + done.stderr
    content = json.loads(out.read_text(encoding="utf-8"))
    assert [one["name"] for one in content["benchmarks"]] == ["test_first", "test_second"]
    assert content["benchmarks"][0]["stats"]["data"] and content["machine_info"]["python_version"]
    assert [path.name for path in out.parent.iterdir()] == ["gpu.json"]
