"""How long a page takes: `python -m pytest tests/reports/test_build_time.py --benchmark-only`, on an idle machine."""

import shutil
import subprocess
import sys

import pandas as pd
import pytest
import yaml

from bench.artifacts import read_rows, write_rows
from reports.compare_sources import REFERENCE

TIMES = 3  # the reference's 100 images
LIMIT = 20  # seconds


@pytest.fixture
def large(tmp_path):
    """Return a folder with a run of 13 methods on 300 images with every metric: the reference, three times over."""
    run = tmp_path / "results/parts"
    shutil.copytree(REFERENCE / "parts", run, ignore=shutil.ignore_patterns("report", "plots"))
    for path in (*run.glob("scores/*"), *run.glob("perturbation/*"), run / "predictions.parquet"):
        rows = read_rows(path)
        copies = [rows.assign(image_id=rows["image_id"].astype(str) + f"-{i}") for i in range(TIMES)]
        write_rows(path, pd.concat(copies, ignore_index=True))
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"run": ["parts"], "experiments": {"parts": {}}}))
    return tmp_path


@pytest.mark.skipif("not config.getoption('--benchmark-only')", reason="a measurement: needs --benchmark-only")
def test_page_of_13_methods_and_300_images_takes_20_seconds_at_most(large, benchmark):
    out = large / "report"
    words = ["--params", large / "params.yaml", "--artifacts", large, "--reference", large / "none", "--out", out]
    command = [sys.executable, "-m", "reports.render", *map(str, words)]
    benchmark.pedantic(lambda: subprocess.run(command, check=True, cwd=REFERENCE.parents[1]), rounds=1)
    text = (out / "index.html").read_text(encoding="utf-8")
    assert "300 evaluation images" in text and len(list((out / "figures/parts").glob("*.pdf"))) > 50
    assert benchmark.stats.stats.max <= LIMIT
