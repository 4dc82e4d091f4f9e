"""The throughput suite explains what its options name."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_peers_explain_the_evaluation_images_with_the_trained_teacher_in_turn(trained, tmp_path):
    out = tmp_path / "peers.json"
    options = {
        "params": trained.params,
        "experiment": "mini",
        "teacher": trained.work / "teacher.safetensors",
        "data": trained.work / "data",
        "predictions": trained.results / "predictions.parquet",
        "benchmark-json": out,
    }
    command = [
        sys.executable,
        "-m",
        "pytest",
        "bench/throughput/test_peers.py",
        "-k",
        "transcription",
        "--benchmark-only",
    ]
    words = [*command, "-q", "-p", "no:cacheprovider", *(f"--{name}={value}" for name, value in options.items())]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = json.loads(out.read_text(encoding="utf-8"))["benchmarks"]
    info = found["extra_info"]
    assert (info["experiment"], info["pair"], info["images"]) == ("mini", "rise, transcription", "evaluation")
    assert [len(seconds) for seconds in info["timings"].values()] == [6, 6] and len(found["stats"]["data"]) == 6
    assert info["seconds"]["ours"] == found["stats"]["median"]
