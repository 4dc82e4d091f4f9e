"""`python -m bench.explain` on a miniature trained run: what it writes, and what it refuses."""

import os
import sys
import time
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from bench import artifacts, explain, explaining, explaining_files, prepared
from bench.stages import command
from methods.errors import UserError
from methods.explainers.grad_cam import GradCam
from methods.runtime import Runtime
from tests import miniature
from tests.bench.running import Stages
from tests.reports.reading import Page

METHODS = ["surrogate", "grad_cam", "uniform"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    done = Stages(tmp_path_factory.mktemp("trained"))
    miniature.write(done.params, miniature.settings() | {"compare": METHODS})
    for stage in ("prepare", "teacher"):
        done.run(stage)
    for name in METHODS:
        done.run("fit", explainer=name)
    return done


@pytest.fixture
def files(trained):
    """Where the run lies, as options of the command."""
    work = trained.work
    return {"params": trained.params, "data": work / "data", "teacher": work / "teacher.safetensors", "fits": work}


@pytest.fixture
def image(trained, tmp_path):
    """The first evaluation image as a file of the user's."""
    data = prepared.read(trained.work / "data")
    first = artifacts.read_rows(trained.results / "predictions.parquet")["image_id"][0]
    path = tmp_path / "bird.png"
    Image.fromarray(data.images[data.rows([first], path)[0]].permute(1, 2, 0).numpy()).save(path)
    return path


def page_of(out):
    return Page((out / "explained.html").read_text(encoding="utf-8"))


def test_maps_and_predictions_are_those_of_the_pipeline(trained, files, image, tmp_path, capsys):
    explain.main([image], out=tmp_path / "out", **files)
    maps = artifacts.read_tensors(tmp_path / "out/bird.explained.safetensors")
    told = artifacts.read_metadata(tmp_path / "out/bird.explained.safetensors")
    expected = artifacts.read_rows(trained.results / "predictions.parquet").iloc[0]
    assert list(maps) == sorted(METHODS)
    assert (told["explained"], told["image_size"]) == (expected["target_name"], 32)
    assert told["probability"] == pytest.approx(expected["probability"], abs=1e-5)
    for name in ("surrogate", "grad_cam"):
        trained.run("explain", explainer=name)
        saliency = artifacts.read_tensors(trained.work / f"{name}.maps.safetensors")["saliency"][0]
        torch.testing.assert_close(maps[name], saliency, rtol=1e-3, atol=1e-5)
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith(f"{image}: {expected['target_name']}, ") for line in lines)
    assert [line for line in lines if line.startswith("  Grad-CAM ") and line.endswith(" 4 × 4 map")]


def test_precision_is_that_of_the_run(trained, files, image, tmp_path):
    settings = miniature.settings(precision="bf16") | {"compare": METHODS}
    params = miniature.write(tmp_path / "params.yaml", settings)
    explain.main([image], out=tmp_path / "out", methods="grad_cam", **files | {"params": params})
    trained.run("explain", params=params, maps=tmp_path / "maps.safetensors")
    found = artifacts.read_tensors(tmp_path / "out/bird.explained.safetensors")["grad_cam"]
    expected = artifacts.read_tensors(tmp_path / "maps.safetensors")["saliency"][0]
    trained.run("explain", maps=tmp_path / "fp32.safetensors")
    exact = artifacts.read_tensors(tmp_path / "fp32.safetensors")["saliency"][0]
    largest = float(exact.abs().max())
    assert float((found - expected).abs().max()) < 0.02 * largest
    assert not torch.allclose(found, exact, rtol=1e-4, atol=1e-4 * largest), "it would be fp32"


def test_same_picture_gives_the_same_maps_wherever_it_lies(files, image, tmp_path):
    (tmp_path / "other").mkdir()
    copy = tmp_path / "other/copy.png"
    copy.write_bytes(image.read_bytes())
    explain.main([image, copy], out=tmp_path / "out", methods="uniform", **files)
    maps = [artifacts.read_tensors(tmp_path / f"out/{name}.explained.safetensors") for name in ("bird", "copy")]
    assert torch.equal(maps[0]["uniform"], maps[1]["uniform"])


def test_page_shows_every_image_and_method_and_needs_nothing_else(files, image, tmp_path):
    explain.main([image], out=tmp_path / "out", **files)
    page = page_of(tmp_path / "out")
    pictures = page.all("img")
    assert len(pictures) == 1 + len(METHODS)
    assert all(one["src"].startswith("data:image/jpeg;base64,") and one["alt"] for one in pictures)
    assert not page.all("script") and not page.all("link")
    assert {link["href"] for link in page.all("a")} == {"bird.explained.png", "bird.explained.safetensors"}
    for words in ("Attentive surrogate", "Grad-CAM", "Uniform noise", "control", "8 × 8", "32 × 32 pixels", " ms"):
        assert words in page.text
    assert page.text.count(" %") == 1 + 4  # the explained class, and all four
    width, height = Image.open(tmp_path / "out/bird.explained.png").size
    assert round(width / height * 1.75 / 1.5) == 1 + len(METHODS)


def test_class_is_chosen_by_index_or_name(files, image, tmp_path):
    names = prepared.read_class_names(files["data"])
    assert explain.class_index("3", names) == 3 == names.index("01b green cap crown")
    assert explain.class_index("2", ["3", "2", "1"]) == 1, "a name comes first"
    explain.main([image], explained=names[0], methods="grad_cam", out=tmp_path / "out", **files)
    told = artifacts.read_metadata(tmp_path / "out/bird.explained.safetensors")
    assert told["explained"] == names[0]
    assert f"explained: {names[0]}" in page_of(tmp_path / "out").text


def test_options_and_defaults_from_the_shell(trained, image, tmp_path, monkeypatch, capsys):
    work = tmp_path / "artifacts/work/mini"
    (work / "fits").mkdir(parents=True)
    (work / "data").symlink_to(trained.work / "data")
    (work / "teacher.safetensors").symlink_to(trained.work / "teacher.safetensors")
    (work / "fits/uniform.safetensors").symlink_to(trained.work / "uniform.safetensors")
    (tmp_path / "params.yaml").symlink_to(trained.params)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["explain", "bird.png", "bird.png", "--methods", "uniform", "--class", "0"])
    with pytest.raises(SystemExit) as left:
        command.run(explain.main)
    assert left.value.code == 0
    names = {path.name for path in (tmp_path / "artifacts/explained").iterdir()}
    assert names == {"explained.html", "bird.explained.png", "bird.explained.safetensors"}
    assert "bird.png: " in capsys.readouterr().out


def test_hostile_and_equal_names(files, image, tmp_path):
    names = [
        "<b>&\"x\" 'y' čáp 鳥.png",
        "ä" * 120 + ".png",
        os.fsdecode(b"line\nbreak\xff.png"),
        "a.PNG",
        "A.png",
        ".png",
    ]
    paths = [tmp_path / "one" / name for name in names] + [tmp_path / "two" / "a.png"]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(image.read_bytes())
    explain.main(paths, methods="uniform", out=tmp_path / "out", **files)
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert len({name.casefold() for name in written}) == len(written) == 2 * len(paths) + 1
    assert {"a.explained.png", "A-2.explained.png", "a-3.explained.png"} <= set(written)
    page = page_of(tmp_path / "out")
    assert "<b>&\"x\" 'y' čáp 鳥.png" in page.text and "line�break�.png" in page.text
    assert len(page.all("article")) == len(paths) and "two/a.png" in page.text


def shell_error(monkeypatch, capsys, *arguments):
    """Run as from the shell; return the one line on standard error."""
    monkeypatch.setattr(sys, "argv", ["explain", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        command.run(explain.main)
    assert left.value.code == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--methods=grad_camm"], ["unknown method", "did you mean 'grad_cam'?"]),
        (["--methods=uniform,,grad_cam"], ["unknown method", "''"]),
        (["--class=green cap crow"], ["unknown class 'green cap crow'", "did you mean '01b green cap crown'?"]),
        (["--class=4"], ["class index 4 is out of range", "4 classes"]),
        (["--class=-1"], ["unknown class '-1'"]),
        (["--experiment=minni"], ["unknown experiment 'minni'"]),
        (["--out={image}"], ["bird.png' is not a folder", "--out"]),
        (["--out={image}/below"], ["bird.png' is not a folder", "--out"]),
        (["--out={taken}"], ["explained.html' is a folder", "--out"]),
        (["--teacher=gone.safetensors"], ["gone.safetensors' is missing", "`make repro` runs those under `run`"]),
        (["--fits=gone"], ["surrogate.safetensors' is missing", "'surrogate' was not run in experiment 'mini'"]),
        (
            ["--methods=rise"],
            ["rise.safetensors' is missing", "put it under `compare` in params.yaml, or run all with"],
        ),
        (["nowhere.png"], ["nowhere.png' does not exist"]),
        (["{broken}"], ["broken.jpg' cannot be read"]),
    ],
)
def test_mistakes_end_in_one_line_and_write_nothing(files, image, tmp_path, monkeypatch, capsys, arguments, named):
    broken = tmp_path / "broken.jpg"
    broken.write_text("no image")
    (tmp_path / "taken/explained.html").mkdir(parents=True)
    given = [argument.format(image=image, broken=broken, taken=tmp_path / "taken") for argument in arguments]
    options = [f"--{name}={path}" for name, path in files.items()]
    before = sorted(tmp_path.rglob("*"))
    line = shell_error(monkeypatch, capsys, image, *options, f"--out={tmp_path / 'out'}", *given)
    for words in named:
        assert words in line
    assert sorted(tmp_path.rglob("*")) == before


def test_a_method_that_was_run_can_be_asked_for_though_it_is_no_longer_compared(trained, files, image, tmp_path):
    settings = miniature.settings() | {"compare": ["grad_cam"]}
    params = miniature.write(tmp_path / "params.yaml", settings)
    explain.main([image], out=tmp_path / "out", methods="uniform", **files | {"params": params})
    assert list(artifacts.read_tensors(tmp_path / "out/bird.explained.safetensors")) == ["uniform"]


def test_params_without_run_need_an_experiment(files, image, tmp_path):
    params = miniature.write(tmp_path / "params.yaml", miniature.settings() | {"run": []})
    with pytest.raises(UserError, match="lists no experiment under 'run'"):
        explain.main([image], out=tmp_path / "out", **files | {"params": params})


def test_files_of_different_runs_are_refused(trained, files, image, tmp_path):
    index = artifacts.read_rows(files["data"] / "index.parquet")
    artifacts.write_rows(tmp_path / "data/index.parquet", index[index["label"] < 3])
    with pytest.raises(
        UserError, match=r"teacher\.safetensors' was made with classes 4, not 3: .*run stage teacher again"
    ):
        explain.main([image], out=tmp_path / "out", **files | {"data": tmp_path / "data"})
    wider = miniature.settings() | {"compare": METHODS}
    wider["experiments"]["mini"]["explainers"]["surrogate"]["width"] = 16
    params = miniature.write(tmp_path / "params.yaml", wider)
    with pytest.raises(UserError, match=r"surrogate\.safetensors' is of other settings .*run stage fit again"):
        explain.main([image], out=tmp_path / "out", **files | {"params": params})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"image_size": 48}, "image_size 32, not 48"),
        ({"architecture": "test_resnet2"}, "architecture 'test_resnet', not 'test_resnet2'"),
        ({"arguments": {"output_stride": 16}}, "arguments {'output_stride': 8}, not {'output_stride': 16}"),
        ({"mean": [0.5, 0.5, 0.5]}, "mean None, not [0.5, 0.5, 0.5]"),
        ({"std": [0.5, 0.5, 0.5]}, "std None, not [0.5, 0.5, 0.5]"),
    ],
)
def test_settings_other_than_the_run_was_trained_with_are_named(files, image, tmp_path, change, named):
    changed = miniature.settings() | {"compare": METHODS}
    mini = changed["experiments"]["mini"]
    (mini if "image_size" in change else mini["teacher"]).update(change)
    params = miniature.write(tmp_path / "params.yaml", changed)
    with pytest.raises(UserError) as refused:
        explain.main([image], out=tmp_path / "out", **files | {"params": params})
    assert f"teacher.safetensors' was made with {named}: set it back" in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_data_of_other_classes_are_refused(files, image, tmp_path):
    index = artifacts.read_rows(files["data"] / "index.parquet")
    names = index["class_name"].replace("01b green cap crown", "wren")
    artifacts.write_rows(tmp_path / "data/index.parquet", index.assign(class_name=names))
    with pytest.raises(UserError, match="was made with class 3 '01b green cap crown', not 'wren': .*run stage teacher"):
        explain.main([image], out=tmp_path / "out", **files | {"data": tmp_path / "data"})


def test_an_older_teacher_that_tells_how_many_classes_there_are_and_no_more_is_taken(files, image, tmp_path):
    old = tmp_path / "old.safetensors"
    artifacts.write_tensors(old, artifacts.read_tensors(files["teacher"]), classes=4)
    params = miniature.write(tmp_path / "params.yaml", miniature.settings(image_size=48) | {"compare": METHODS})
    explain.main([image], out=tmp_path / "out", methods="uniform", **files | {"params": params, "teacher": old})
    assert (tmp_path / "out/explained.html").is_file()


def test_image_is_never_overwritten(files, image, tmp_path):
    other = tmp_path / "bird.explained.png"
    other.write_bytes(image.read_bytes())
    with pytest.raises(UserError, match=r"bird\.explained\.png' would be overwritten"):
        explain.main([image, other], methods="uniform", out=tmp_path, **files)
    assert other.read_bytes() == image.read_bytes()


def test_a_second_call_says_that_it_replaces_files_of_the_same_name_and_leaves_others(files, image, tmp_path, capsys):
    first, out = tmp_path / "other.png", tmp_path / "out"
    first.write_bytes(image.read_bytes())
    explain.main([image, first], methods="uniform", out=out, **files)
    assert "in place of" not in capsys.readouterr().out
    same = tmp_path / "b/bird.png"
    same.parent.mkdir()
    Image.new("RGB", (32, 32), (200, 30, 40)).save(same)
    explain.main([same], methods="uniform", out=out, **files)
    assert capsys.readouterr().out.endswith("explained.html, in place of earlier files: 3\n")
    assert "other.png" not in page_of(out).text and (out / "other.explained.png").is_file()


def test_full_disk_leaves_the_old_page_and_other_files_of_the_folder(files, image, tmp_path, monkeypatch, capsys):
    (tmp_path / "mine.html").write_text("mine")
    explain.main([image], methods="uniform", out=tmp_path, **files)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(before) == 2 + 3
    capsys.readouterr()
    monkeypatch.setattr(explaining_files, "html", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(UserError, match="cannot write to .*No space left"):
        explain.main([image], methods="uniform", out=tmp_path, **files)
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert after == before  # the same picture again, to the byte
    told = capsys.readouterr().out
    assert f"{image}: " in told and "Uniform noise" in told and "wrote" not in told, "what was found out is lost"


def test_explainer_that_returns_nan_is_named(files, image, tmp_path, monkeypatch):
    monkeypatch.setattr(GradCam, "explain", lambda self, m, images, t, s: torch.full((len(images), 2, 2), float("nan")))
    with pytest.raises(UserError, match="explainer 'grad_cam' returns NaN"):
        explain.main([image], out=tmp_path / "out", **files)
    assert not (tmp_path / "out").exists()


def test_each_timed_call_is_warmed_up_and_synchronised(files, image, tmp_path, monkeypatch):
    events = []

    def record(name, call):
        def recorded(*arguments):
            events.append(name)
            return call(*arguments)

        return recorded

    monkeypatch.setattr(GradCam, "explain", record("explain", GradCam.explain))
    monkeypatch.setattr(Runtime, "synchronise", record("synchronise", Runtime.synchronise))
    monkeypatch.setattr(explaining, "time", SimpleNamespace(perf_counter=record("clock", time.perf_counter)))
    explain.main([image], methods="grad_cam", out=tmp_path / "out", **files)
    assert events == ["synchronise", "clock", "explain", "synchronise", "clock"] * 2  # the first is the warm-up
