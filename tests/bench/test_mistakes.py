"""A user's mistake ends in one clear line that names the thing and the remedy, and writes nothing."""

import subprocess
import sys

import pandas as pd
import pytest
import torch
from PIL import Image

from bench import artifacts
from bench.stages import command, describe, explain, fit, intervene, prepare, score, teacher
from tests import miniature
from tests.conftest import ROOT


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


@pytest.fixture
def stages(tmp_path):
    return Stages(tmp_path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A miniature experiment after prepare, teacher and fit."""
    done = Stages(tmp_path_factory.mktemp("trained"))
    for stage in ("prepare", "teacher", "intervene", "fit"):
        done.run(stage)
    return done


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


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"explainers": {"grad_camm": {}}}, ["unknown explainer 'grad_camm'", "did you mean 'grad_cam'?"]),
        ({"explainers": {"my_package.mine": {}}}, ["'my_package.mine' cannot be imported", "install the package"]),
        ({"claims": {"sped": {}}}, ["unknown claim 'sped'", "did you mean 'speed'?"]),
        ({"claims": {"speed": {"least": 0}}}, ["claim 'speed': least", "greater than 0"]),
        ({"explainers": {"rise": {"mask": 5}}}, ["unknown setting of explainer 'rise' 'mask'", "'masks'"]),
        ({"explainers": {"rise": {"masks": 0}}}, ["explainer 'rise': masks", "greater than 0"]),
        ({"explainers": {"rise": {"masks": "many"}}}, ["explainer 'rise': masks", "'many'"]),
        ({"explainers": {"surrogate": {"fit": {"epoch": 1}}}}, ["setting of fit of explainer 'surrogate'", "'epochs'"]),
        ({"metrics": {"insertoin": {}}}, ["unknown metric 'insertoin'", "did you mean 'insertion'?"]),
        ({"metrics": {"deletion": {"step": 4}}}, ["unknown setting of metric 'deletion' 'step'", "'steps'"]),
        ({"dataset": {"name": "partz"}}, ["unknown dataset 'partz'", "did you mean 'parts'?"]),
        ({"dataset": {"name": "parts", "clases": 4}}, ["unknown setting of dataset 'parts' 'clases'", "'classes'"]),
        ({"dataset": {}}, ["dataset needs a 'name'"]),
        ({"image_sice": 32}, ["unknown setting of experiment 'mini' 'image_sice'", "'image_size'"]),
        ({"image_size": -3}, ["experiment 'mini': image_size"]),
        ({"precision": "fp8"}, ["experiment 'mini': precision", "bf16"]),
    ],
)
def test_mistakes_in_params(stages, capsys, monkeypatch, changes, named):
    miniature.write(stages.params, miniature.settings(**changes))
    line = error_of(stages, capsys, monkeypatch, "prepare")
    assert line.startswith("error: ")
    for words in named:
        assert words in line, line


def test_unknown_experiment_and_missing_params(stages, capsys, monkeypatch):
    assert "unknown experiment 'minni'" in error_of(stages, capsys, monkeypatch, "prepare", experiment="minni")
    nowhere = stages.root / "nowhere.yaml"
    assert "not found: name it with --params" in error_of(stages, capsys, monkeypatch, "prepare", params=nowhere)
    stages.params.write_text("run: [", encoding="utf-8")
    assert "is not YAML" in error_of(stages, capsys, monkeypatch, "prepare")


def test_unknown_teacher(trained, capsys, monkeypatch):
    changed = {"teacher": {"architecture": "test_resnett"}}
    other = miniature.write(trained.root / "other.yaml", miniature.settings(**changed))
    line = error_of(trained, capsys, monkeypatch, "teacher", params=other)
    assert "unknown teacher architecture 'test_resnett'" in line
    assert "did you mean 'test_resnet'?" in line
    assert len(line) < 400


def test_bench_data_missing_or_incomplete(stages, capsys, monkeypatch, tmp_path):
    birds = {"dataset": {"name": "cub200", "folder": "CUB_100"}}
    miniature.write(stages.params, miniature.settings(**birds))
    monkeypatch.delenv("BENCH_DATA", raising=False)
    line = error_of(stages, capsys, monkeypatch, "prepare")
    assert "BENCH_DATA" in line and "download: true" in line
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "absent"))
    assert "is not a folder" in error_of(stages, capsys, monkeypatch, "prepare")
    (tmp_path / "real" / "CUB_100").mkdir(parents=True)
    (tmp_path / "real" / "CUB_100" / "images.txt").write_text("1 a/b.jpg\n")
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "real"))
    assert "CUB_100" in error_of(stages, capsys, monkeypatch, "prepare")


def test_truncated_image(stages, capsys, monkeypatch, tmp_path):
    for label in ("a", "b"):
        (tmp_path / "tree" / label).mkdir(parents=True)
        for i in range(3):
            Image.effect_noise((40, 40), 50).convert("RGB").save(tmp_path / "tree" / label / f"{i}.jpg")
    broken = tmp_path / "tree" / "b" / "1.jpg"
    broken.write_bytes(broken.read_bytes()[:-300])
    dataset = {"name": "image_folder", "folder": str(tmp_path / "tree")}
    miniature.write(stages.params, miniature.settings(dataset=dataset))
    line = error_of(stages, capsys, monkeypatch, "prepare")
    assert "1.jpg" in line


def test_class_index_out_of_range(trained, capsys, monkeypatch):
    path = trained.results / "predictions.parquet"
    table = artifacts.read_rows(path)
    wrong = trained.root / "wrong.parquet"
    artifacts.write_rows(wrong, table.assign(target=[99, *table["target"][1:]]))
    line = error_of(trained, capsys, monkeypatch, "explain", predictions=wrong)
    assert "class index 99" in line and "0 to 3" in line and "run stage teacher" in line


def test_teacher_that_returns_nan(stages, capsys, monkeypatch):
    stages.run("prepare")
    monkeypatch.setattr(teacher, "predict", lambda model, images, machine: torch.full((len(images), 4), float("nan")))
    line = error_of(stages, capsys, monkeypatch, "teacher")
    assert "the teacher returns NaN" in line and "retrain" in line


def test_training_that_diverges(stages, capsys, monkeypatch):
    stages.run("prepare")
    recipe = {"epochs": 2, "learning_rate": 1e30, "batch_size": 8, "warmup": 0.0, "optimizer": "sgd", "clip": 1e30}
    changed = {"teacher": {"architecture": "test_resnet", "fit": recipe}}
    other = miniature.write(stages.root / "other.yaml", miniature.settings(**changed))
    line = error_of(stages, capsys, monkeypatch, "teacher", params=other)
    assert "lower learning_rate" in line or "NaN" in line


def test_missing_and_truncated_files_between_stages(trained, capsys, monkeypatch):
    absent = trained.root / "absent.safetensors"
    line = error_of(trained, capsys, monkeypatch, "explain", teacher=absent)
    assert "does not exist: run the stage that writes it" in line
    cut = trained.root / "cut.safetensors"
    cut.write_bytes((trained.work / "teacher.safetensors").read_bytes()[:500])
    assert "not a whole safetensors file" in error_of(trained, capsys, monkeypatch, "explain", fit=cut)


def test_surrogate_that_was_never_trained(trained, capsys, monkeypatch):
    changed = miniature.settings()
    del changed["experiments"]["mini"]["explainers"]["surrogate"]["fit"]
    other = miniature.write(trained.root / "unfit.yaml", changed)
    trained.run("fit", explainer="surrogate", params=other)
    line = error_of(trained, capsys, monkeypatch, "explain", explainer="surrogate", params=other)
    assert "give it a 'fit' section" in line


def test_fit_section_for_a_method_that_learns_nothing(trained, capsys, monkeypatch):
    changed = miniature.settings(explainers={"grad_cam": {"fit": {"epochs": 1}}})
    other = miniature.write(trained.root / "fit.yaml", changed)
    line = error_of(trained, capsys, monkeypatch, "fit", params=other)
    assert "has nothing to learn: remove its 'fit' section" in line


def test_explainer_that_returns_nan(trained, capsys, monkeypatch):
    from methods.explainers.grad_cam import GradCam

    monkeypatch.setattr(GradCam, "explain", lambda self, m, images, t, s: torch.full((len(images), 2, 2), float("nan")))
    assert "explainer 'grad_cam' returned NaN" in error_of(trained, capsys, monkeypatch, "explain")


def test_no_traceback_in_a_real_process(stages):
    done = subprocess.run(
        [sys.executable, "-m", "bench.stages.fit"]
        + [f"--{key}={value}" for key, value in (stages.options("fit") | {"experiment": "nope"}).items()],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "error: unknown experiment 'nope': known are mini\n"
    assert done.stdout == ""


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "rows.parquet"
    artifacts.write_rows(path, pd.DataFrame({"a": [1]}))

    def fail(temporary):
        temporary.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        artifacts.write_atomically(path, fail)
    assert artifacts.read_rows(path)["a"].tolist() == [1]
    assert [p.name for p in tmp_path.iterdir()] == ["rows.parquet"]
