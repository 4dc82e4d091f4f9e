"""The throughput suite explains what its options name."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from torch import nn

from bench.throughput.conftest import untrained
from methods.explainers.grad_cam import GradCam
from tests.conftest import SIZE

ROOT = Path(__file__).parents[2]


def timed(trained, out, name, *words):
    """What the suite's file of this name records of the trained teacher and the evaluation images."""
    options = {
        "params": trained.params,
        "experiment": "mini",
        "teacher": trained.work / "teacher.safetensors",
        "data": trained.work / "data",
        "predictions": trained.results / "predictions.parquet",
        "benchmark-json": out,
    }
    command = [sys.executable, "-m", "pytest", f"bench/throughput/{name}", "--benchmark-only", "-q"]
    words = [*command, "-p", "no:cacheprovider", *words, *(f"--{name}={value}" for name, value in options.items())]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(out.read_text(encoding="utf-8"))["benchmarks"]


def test_peers_explain_the_evaluation_images_with_the_trained_teacher_in_turn(trained, tmp_path):
    (found,) = timed(trained, tmp_path / "peers.json", "test_peers.py", "-k", "transcription")
    info = found["extra_info"]
    assert (info["experiment"], info["pair"], info["images"]) == ("mini", "rise, transcription", "evaluation")
    assert [len(seconds) for seconds in info["timings"].values()] == [6, 6] and len(found["stats"]["data"]) == 6
    assert info["seconds"]["ours"] == found["stats"]["median"]


def test_peers_meet_ours_at_our_precision_and_how_near_that_is_to_fp32_is_recorded(trained, tmp_path):
    words = ("-k", "transcription", "--precision", "bf16")
    (found,) = timed(trained, tmp_path / "peers.json", "test_peers.py", *words)
    info = found["extra_info"]
    assert info["precision"] == "bf16" and info["refused_in_our_runtime"] is None
    assert 0 < info["rank_correlation_with_fp32"]["least"] < 1  # 1 would be fp32 under another name


def test_a_peer_that_cannot_run_at_our_precision_is_timed_as_shipped_alone(trained, tmp_path):
    pytest.importorskip("pytorch_grad_cam", reason="pytorch_grad_cam is not installed: make peers")
    words = ("-k", "grad_cam and pytorch_grad_cam and not score_cam", "--precision", "bf16")
    (found,) = timed(trained, tmp_path / "peers.json", "test_peers.py", *words)
    info = found["extra_info"]
    assert "BFloat16" in info["refused_in_our_runtime"] and info["speedup_in_our_runtime"] is None
    assert set(info["seconds"]) == {"ours", "theirs_as_shipped"}
    assert [len(seconds) for seconds in info["timings"].values()] == [6] and len(found["stats"]["data"]) == 6


def test_the_bare_pass_that_an_explainer_is_compared_with_is_recorded(trained, tmp_path):
    (found,) = timed(trained, tmp_path / "one.json", "test_explainers.py", "-k", "centre and one", "--seconds", "0.1")
    info = found["extra_info"]
    assert info["forward_seconds"] > 0 and info["batch"] == 1
    assert info["forward_ratio"] == pytest.approx(found["stats"]["median"] / info["forward_seconds"])


def test_without_a_fit_the_network_that_prepare_returns_is_timed(classifier, machine, monkeypatch):
    class Objective(nn.Module):
        def __init__(self):
            super().__init__()
            self.trained = nn.Linear(3, 2)

    class Explained(nn.Module):
        def __init__(self, weights):
            super().__init__()
            self.generator = nn.Linear(3, 2)
            self.generator.load_state_dict(weights)

        def forward(self, images):
            return self.generator(images.mean((2, 3)))

    assert type(untrained(GradCam(), classifier, SIZE, machine)) is type(classifier)
    monkeypatch.setattr(GradCam, "objective", lambda self, teacher, size: Objective())
    monkeypatch.setattr(GradCam, "prepare", lambda self, teacher, weights, size: Explained(weights))
    assert isinstance(untrained(GradCam(), classifier, SIZE, machine), Explained)
