"""A mistake in settings or data ends in one clear line that names the thing and the remedy, and writes nothing."""

import subprocess
import sys

import pandas as pd
import pytest
from PIL import Image

from bench import artifacts
from tests import miniature
from tests.bench.running import error_of
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"explainers": {"grad_camm": {}}}, ["unknown explainer 'grad_camm'", "did you mean 'grad_cam'?"]),
        ({"explainers": {"my_package.mine": {}}}, ["'my_package.mine' cannot be imported", "install the package"]),
        ({"claims": {"sped": {}}}, ["unknown claim 'sped'", "did you mean 'speed'?"]),
        ({"claims": {"speed": {"least": 0}}}, ["claim 'speed': least", "greater than 0"]),
        ({"claims": {"speed_ratio": {"others": []}}}, ["claim 'speed_ratio': others", "at least 1 item"]),
        (
            {"claims": {"finer_than_last_layer": {"metrics": ["insertoin"]}}},
            ["'metrics' of claim 'finer_than_last_layer' 'insertoin': did you mean 'insertion'"],
        ),
        (
            {"claims": {"as_accurate_as_iterative": {"margins": {"deletions": 0.1}}}},
            ["'margins' of claim 'as_accurate_as_iterative' 'deletions': did you mean 'deletion'"],
        ),
        (
            {"claims": {"learned_attention": {"metrics": ["gini"]}}},
            ["'gini' under 'metrics' of claim 'learned_attention' has no better direction", "insertion"],
        ),
        (
            {"claims": {"learned_attention": {"metrics": ["part_pointing:wing"]}}},
            ["'part_pointing:wing' under 'metrics' of claim 'learned_attention' has no better direction"],
        ),
        (
            {"claims": {"speed_ratio": {"others": ["rice"]}}},
            ["'others' of claim 'speed_ratio' 'rice': did you mean 'rise'"],
        ),
        ({"explainers": {"surrogate": {}}}, ["explainer 'surrogate' must be trained", "give it a 'fit' section"]),
        ({"explainers": {"grad_cam": {"fit": {"epochs": 1}}}}, ["'grad_cam' has nothing to learn", "remove its 'fit'"]),
        (
            {"explainers": {"surrogate": {"student": {"architecture": "resnet"}, "fit": {"epochs": 1}}}},
            ["unknown architecture 'resnet': did you mean 'resnet"],
        ),
        ({"teacher": {"architecture": "test_resnett"}}, ["'test_resnett': did you mean 'test_resnet'?"]),
        (
            {"teacher": {"architecture": "test_resnet", "weights": "mine.safetensors"}},
            ["weights 'mine.safetensors' not"],
        ),
        ({"teacher": {"architecture": "darknet17", "weights": "pretrained"}}, ["timm has no weights of 'darknet17'"]),
        ({"explainers": {"surrogate": {"losses": {"temperature": 0}}}}, ["losses.temperature", "greater than 0"]),
        ({"explainers": {"rise": {"mask": 5}}}, ["unknown setting of explainer 'rise' 'mask'", "'masks'"]),
        ({"explainers": {"rise": {"masks": 0}}}, ["explainer 'rise': masks", "greater than 0"]),
        ({"explainers": {"rise": {"masks": "many"}}}, ["explainer 'rise': masks", "'many'"]),
        ({"explainers": {"surrogate": {"fit": 3}}}, ["fit of explainer 'surrogate'", "must be a mapping", "got 3"]),
        ({"explainers": {"surrogate": {"fit": {"epoch": 1}}}}, ["setting of fit of explainer 'surrogate'", "'epochs'"]),
        ({"metrics": {"insertoin": {}}}, ["unknown metric 'insertoin'", "did you mean 'insertion'?"]),
        ({"metrics": {"deletion": {"step": 4}}}, ["unknown setting of metric 'deletion' 'step'", "'steps'"]),
        ({"dataset": {"name": "partz"}}, ["unknown dataset 'partz'", "did you mean 'parts'?"]),
        ({"dataset": {"name": "parts", "clases": 4}}, ["unknown setting of dataset 'parts' 'clases'", "'classes'"]),
        ({"dataset": {}}, ["dataset needs a 'name'"]),
        ({"dataset": {"name": 3}}, ["experiment 'mini': dataset needs a 'name'", "got 3"]),
        ({"dataset": 3}, ["experiment 'mini': dataset", "valid dictionary (got 3)"]),
        ({"explainers": ["surrogate"]}, ["experiment 'mini': explainers", "valid dictionary (got ['surrogate'])"]),
        ({"metrics": {"insertion": {"kernel": 10}}}, ["metric 'insertion': kernel: Input should be odd", "(got 10)"]),
        ({"metrics": {"road": {"percentages": []}}}, ["metric 'road': percentages", "at least 1 item"]),
        ({"image_sice": 32}, ["unknown setting of experiment 'mini' 'image_sice'", "'image_size'"]),
        ({"image_size": -3}, ["experiment 'mini': image_size"]),
        (
            {"teacher": {"architecture": "test_resnet", "mean": [124, 116, 104], "std": [0.2, 0.2, 0.2]}},
            ["experiment 'mini': teacher.mean.0: Input should be in [0, 1], as images are", "by 255 (got 124)"],
        ),
        (
            {"teacher": {"architecture": "test_resnet", "mean": [0, 0.5, 1], "std": [1, 57, 57]}},
            ["teacher.std.1: Input should be in [0, 1]", "by 255 (got 57)"],
        ),
        ({"seed": 2**70}, ["experiment 'mini': seed", "less than"]),
        ({"seed": -(2**63) - 1}, ["experiment 'mini': seed", "greater than"]),
        ({"metrics": {"model_randomisation": {"seed": 2**70}}}, ["metric 'model_randomisation': seed", "less than"]),
        ({"evaluation_images": {"cpu": 3}}, ["experiment 'mini': evaluation_images.cuda: Field required"]),
        ({"evaluation_images": {"cpu": 3, "cuda": 0}}, ["images.cuda: Input should be greater than 0 (got 0)"]),
        ({"evaluation_images": 0}, ["evaluation_images: Input should be greater than 0 (got 0)"]),
        ({"precision": "fp8"}, ["experiment 'mini': precision", "bf16"]),
    ],
)
def test_mistakes_in_params(stages, capsys, monkeypatch, changes, named):
    miniature.write(stages.params, miniature.settings(**changes))
    line = error_of(stages, capsys, monkeypatch, "prepare")
    assert line.startswith("error: ")
    for words in named:
        assert words in line, line


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"experiments": {"mini": None}}, ["experiments.mini", "valid dictionary (got None)"]),
        ({"experiments": [1]}, ["experiments", "valid dictionary (got [1])"]),
        ({"run": "mini"}, ["run", "valid list (got 'mini')"]),
        ({"run": [1]}, ["run.0", "valid string (got 1)"]),
        ({"references": {"mini": {}}}, ["references", "valid list"]),
        ({"compare": 3}, ["compare", "valid list (got 3)"]),
        ({"compare": "surrogate"}, ["compare", "valid list (got 'surrogate')"]),
    ],
)
def test_mistakes_at_the_top_of_params(stages, capsys, monkeypatch, changes, named):
    miniature.write(stages.params, miniature.settings() | changes)
    line = error_of(stages, capsys, monkeypatch, "prepare")
    for words in [f"settings file '{stages.params}': ", *named]:
        assert words in line, line


def test_a_missing_setting_is_named_alone(stages, capsys, monkeypatch):
    without = miniature.settings()
    del without["experiments"]["mini"]["teacher"]
    miniature.write(stages.params, without)
    line = error_of(stages, capsys, monkeypatch, "prepare")
    assert line == "error: experiment 'mini': teacher: Field required"


def test_unknown_experiment_and_missing_params(stages, capsys, monkeypatch):
    assert "unknown experiment 'minni'" in error_of(stages, capsys, monkeypatch, "prepare", experiment="minni")
    nowhere = stages.root / "nowhere.yaml"
    assert "not found: name it with --params" in error_of(stages, capsys, monkeypatch, "prepare", params=nowhere)
    line = error_of(stages, capsys, monkeypatch, "prepare", params=stages.root)
    assert f"'{stages.root}' cannot be read (Is a directory): name it with --params" in line
    for content in ("run: [", "title: Vögel", "title: 2001-99-99"):
        stages.params.write_text(content, encoding="latin-1")
        assert f"'{stages.params}' is not YAML in UTF-8" in error_of(stages, capsys, monkeypatch, "prepare")


def test_unknown_teacher(trained, capsys, monkeypatch):
    changed = {"teacher": {"architecture": "test_resnett"}}
    other = miniature.write(trained.root / "other.yaml", miniature.settings(**changed))
    line = error_of(trained, capsys, monkeypatch, "teacher", params=other)
    assert "unknown architecture 'test_resnett'" in line
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
    assert line.startswith("error: image '") and "1.jpg" in line


@pytest.mark.parametrize(
    ("count", "told"), [(3, "3 images cannot be used: "), (12, "12 images cannot be used, the first 10 ")]
)
def test_unreadable_images_are_named_together(stages, capsys, monkeypatch, tmp_path, count, told):
    for label in ("a", "b"):
        (tmp_path / "tree" / label).mkdir(parents=True)
        Image.new("RGB", (40, 40)).save(tmp_path / "tree" / label / "whole.png")
    for i in range(count):
        (tmp_path / "tree/b" / f"broken{i}.png").write_text("no image")
    dataset = {"name": "image_folder", "folder": str(tmp_path / "tree"), "validation": 0, "test": 0}
    miniature.write(stages.params, miniature.settings(dataset=dataset))
    line = error_of(stages, capsys, monkeypatch, "prepare")
    assert told in line and line.count("cannot be read") == min(count, 10) and "whole" not in line


def test_a_single_class(stages, capsys, monkeypatch, tmp_path):
    (tmp_path / "tree/wren").mkdir(parents=True)
    for i in range(9):
        Image.effect_noise((40, 40), 50).convert("RGB").save(tmp_path / "tree/wren" / f"{i}.png")
    dataset = {"name": "image_folder", "folder": str(tmp_path / "tree")}
    miniature.write(stages.params, miniature.settings(dataset=dataset))
    assert "single class" in error_of(stages, capsys, monkeypatch, "prepare")


def test_what_prepare_leaves_out_is_said(stages, capsys, tmp_path):
    for name in ("wren/1.png", "wren/2.heic", "auk/1.png", "loose.png"):
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((40, 40), 50).convert("RGB").save(tmp_path / "tree" / name, "PNG")
    dataset = {"name": "image_folder", "folder": str(tmp_path / "tree"), "validation": 0, "test": 0}
    miniature.write(stages.params, miniature.settings(dataset=dataset))
    stages.run("prepare")
    told = "'image_folder', leaving out files: 1 of other types (.heic), 1 beside the class folders; wrote 2 images"
    assert told in capsys.readouterr().out


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
