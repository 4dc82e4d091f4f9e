"""Stages of a miniature experiment, run in this process."""

import sys

import pytest

from bench.stages import command, describe, explain, fit, intervene, prepare, score, teacher
from tests import miniature


class Stages:
    """The stages of one miniature experiment below a folder."""

    def __init__(self, root):
        self.root, self.work, self.results = root, root / "work", root / "results"
        self.params = root / "params.yaml"
        miniature.write(self.params)

    def options(self, stage, explainer="grad_cam"):
        paths = {
            "prepare": {"data": self.work / "data", "summary": self.results / "data.json"},
            "teacher": {
                "data": self.work / "data",
                "weights": self.work / "teacher.safetensors",
                "predictions": self.results / "predictions.parquet",
                "summary": self.results / "teacher.json",
                "curve": self.results / "teacher.csv",
            },
            "fit": {
                "explainer": explainer,
                "data": self.work / "data",
                "teacher": self.work / "teacher.safetensors",
                "weights": self.work / f"{explainer}.safetensors",
                "summary": self.results / f"{explainer}.json",
                "curve": self.results / f"{explainer}.csv",
            },
            "explain": {
                "explainer": explainer,
                "data": self.work / "data",
                "teacher": self.work / "teacher.safetensors",
                "predictions": self.results / "predictions.parquet",
                "fit": self.work / f"{explainer}.safetensors",
                "maps": self.work / f"{explainer}.maps.safetensors",
            },
            "intervene": {
                "data": self.work / "data",
                "teacher": self.work / "teacher.safetensors",
                "predictions": self.results / "predictions.parquet",
                "effects": self.results / "effects.parquet",
            },
            "score": {
                "explainer": explainer,
                "data": self.work / "data",
                "teacher": self.work / "teacher.safetensors",
                "predictions": self.results / "predictions.parquet",
                "effects": self.results / "effects.parquet",
                "fit": self.work / f"{explainer}.safetensors",
                "maps": self.work / f"{explainer}.maps.safetensors",
                "scores": self.results / f"{explainer}.parquet",
                "perturbation": self.results / f"{explainer}.perturbation.parquet",
                "protocols": self.results / f"{explainer}.protocols.json",
            },
            "describe": {
                "chosen": self.results / "settings.json",
                "metrics": self.results / "metrics.json",
                "environment": self.results / "environment.json",
            },
        }[stage]
        return {"params": self.params, "experiment": "mini", **paths}

    def run(self, stage, **changes):
        modules = [prepare, teacher, fit, explain, intervene, score, describe]
        main = {module.__name__.rpartition(".")[2]: module.main for module in modules}[stage]
        explainer = changes.get("explainer", "grad_cam")
        main(**(self.options(stage, explainer) | changes))

    def files(self):
        return {p: p.stat().st_mtime_ns for p in self.root.rglob("*") if p.is_file() and p != self.params}


def error_of(stages, capsys, monkeypatch, stage, **changes):
    """Run a stage as from the shell; return its one line on standard error."""
    before = stages.files()
    options = stages.options(stage, changes.get("explainer", "grad_cam")) | changes
    monkeypatch.setattr(sys, "argv", [stage, *(f"--{key}={value}" for key, value in options.items())])
    module = {"prepare": prepare, "teacher": teacher, "fit": fit, "explain": explain, "score": score}[stage]
    with pytest.raises(SystemExit) as stopped:
        command.run(module.main)
    assert stopped.value.code == 2
    lines = [line for line in capsys.readouterr().err.replace("\r", "\n").splitlines() if "it/s" not in line]
    lines = [line for line in lines if line.strip() and "%|" not in line]
    assert len(lines) == 1, lines
    assert stages.files() == before, "something was written"
    return lines[0]
