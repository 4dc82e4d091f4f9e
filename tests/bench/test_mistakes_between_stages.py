"""What one stage hands to the next may be wrong or missing: one clear line, and nothing is written."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from bench import artifacts, prepared, training
from bench.stages import claims, teacher
from methods.classifier import check_trained, create
from methods.errors import UserError
from methods.network_settings import NetworkSettings
from tests import miniature
from tests.bench.running import error_of

DAMAGED = "is damaged or not what its stage writes"


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


UNVALIDATED = miniature.SETTINGS["experiments"]["mini"]["dataset"] | {"validation": 0}


def test_a_split_that_is_evaluated_and_empty_is_refused_before_the_training(stages, capsys, monkeypatch):
    changed = miniature.settings(dataset=UNVALIDATED, evaluation_split="val")
    params = miniature.write(stages.root / "other.yaml", changed)
    stages.run("prepare", params=params)
    monkeypatch.setattr(teacher, "train", lambda *_: pytest.fail("it was trained"))
    line = error_of(stages, capsys, monkeypatch, "teacher", params=params)
    assert "the validation split is empty: check the data set and its split settings" in line


def test_what_is_unknown_without_a_validation_split_is_null(stages):
    miniature.write(stages.params, miniature.settings(dataset=UNVALIDATED))
    for stage in ("prepare", "teacher"):
        stages.run(stage)
    stages.run("fit", explainer="surrogate")
    for name, key in (("teacher.json", "top1"), ("surrogate.json", "agreement")):
        text = (stages.results / name).read_text()
        told = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))[key]
        assert told["val"] is None and 0 <= told["test"] <= 1


def test_training_that_diverges(stages, capsys, monkeypatch):
    stages.run("prepare")
    recipe = {"epochs": 2, "learning_rate": 1e30, "batch_size": 8, "warmup": 0.0, "optimizer": "sgd", "clip": 1e30}
    changed = {"teacher": {"architecture": "test_resnet", "fit": recipe}}
    other = miniature.write(stages.root / "other.yaml", miniature.settings(**changed))
    line = error_of(stages, capsys, monkeypatch, "teacher", params=other)
    assert "lower learning_rate" in line or "NaN" in line


def test_rate_of_a_part_that_the_network_lacks(trained, capsys, monkeypatch):
    changed = miniature.settings()
    changed["experiments"]["mini"]["explainers"]["surrogate"]["fit"]["rates"] = {"clasifier": 0.1}
    other = miniature.write(trained.root / "rates.yaml", changed)
    line = error_of(trained, capsys, monkeypatch, "fit", explainer="surrogate", params=other)
    assert "unknown part of the network under 'rates' 'clasifier': did you mean 'classifier'?" in line


@pytest.mark.parametrize("handed", ["teacher", "predictions", "fit"])
def test_missing_and_truncated_files_between_stages(trained, capsys, monkeypatch, handed):
    absent = trained.root / "absent"
    line = error_of(trained, capsys, monkeypatch, "explain", **{handed: absent})
    assert f"'{absent}' does not exist: run the stage that writes it" in line
    cut = trained.root / "cut"
    cut.write_bytes(trained.options("explain")[handed].read_bytes()[:-5])
    line = error_of(trained, capsys, monkeypatch, "explain", **{handed: cut})
    assert f"'{cut}' {DAMAGED}" in line and "run the stage that writes it again" in line


def test_another_file_as_the_teacher_or_the_data(trained, capsys, monkeypatch):
    other = trained.work / "grad_cam.safetensors"
    line = error_of(trained, capsys, monkeypatch, "explain", teacher=other)
    assert f"'{other}' {DAMAGED} (no 'classes' in it): run the stage that writes it again" in line
    for metadata in (None, {"format": "pt"}):
        raw = trained.root / "raw.safetensors"
        save_file(create("test_resnet", 4).backbone.state_dict(), raw, metadata)
        line = error_of(trained, capsys, monkeypatch, "explain", teacher=raw)
        assert f"'{raw}' {DAMAGED} (it has no metadata of a stage; weights of your own are named under tea" in line
    folder = trained.root / "other"
    artifacts.write_tensors(folder / "arrays.safetensors", {"saliency": torch.zeros(1)})
    artifacts.write_rows(folder / "index.parquet", artifacts.read_rows(trained.work / "data/index.parquet"))
    line = error_of(trained, capsys, monkeypatch, "explain", data=folder)
    assert f"arrays.safetensors' {DAMAGED} (no 'images' in it)" in line


@pytest.mark.parametrize("stage", ["teacher", "fit", "explain", "score"])
def test_data_prepared_at_another_size(trained, capsys, monkeypatch, stage):
    params = miniature.write(trained.root / "size.yaml", miniature.settings(image_size=48))
    learner = {} if stage == "teacher" else {"explainer": "surrogate"}
    line = error_of(trained, capsys, monkeypatch, stage, params=params, **learner)
    assert f"'{trained.work / 'data'}' was made with image_size 32, not 48: " in line
    assert "run stage prepare again" in line


@pytest.mark.parametrize("stage", ["fit", "explain", "score"])
def test_a_teacher_of_other_settings_or_classes(trained, capsys, monkeypatch, stage):
    changed = miniature.settings()
    changed["experiments"]["mini"]["teacher"]["arguments"] = {"output_stride": 16}
    other, path = miniature.write(trained.root / "other.yaml", changed), trained.work / "teacher.safetensors"
    line = error_of(trained, capsys, monkeypatch, stage, params=other, explainer="surrogate")
    assert f"'{path}' was made with arguments {{'output_stride': 8}}, not {{'output_stride': 16}}: " in line
    data = prepared.read(trained.work / "data")
    first = data.class_names[0]
    replace(data, index=data.index.replace({"class_name": {first: "wren"}})).write(trained.root / "renamed")
    line = error_of(trained, capsys, monkeypatch, stage, data=trained.root / "renamed", explainer="surrogate")
    assert f"'{path}' was made with class 0 '{first}', not 'wren': " in line and "run stage teacher again" in line


def test_files_tell_of_their_making_under_one_key_so_that_their_bytes_repeat(trained, tmp_path):
    """Under several, safetensors writes them in another order in every process, and DVC would take maps for changed."""
    told = artifacts.read_metadata(trained.work / "teacher.safetensors")
    assert told["arguments"] == {"output_stride": 8} and told["classes"] > 1
    tensors = {"saliency": torch.zeros(2)}
    artifacts.write_tensors(tmp_path / "new.safetensors", tensors, explainer="rise", images="abc")
    with safe_open(tmp_path / "new.safetensors", framework="pt") as file:
        assert list(file.metadata()) == ["about"]
    save_file(tensors, tmp_path / "old.safetensors", {"explainer": '"rise"', "images": '"abc"'})
    for name in ("new", "old"):
        assert artifacts.read_metadata(tmp_path / f"{name}.safetensors") == {"explainer": "rise", "images": "abc"}


def test_a_table_that_holds_no_predictions(trained, capsys, monkeypatch):
    other = trained.root / "effects.parquet"
    artifacts.write_rows(other, artifacts.read_rows(trained.results / "predictions.parquet").drop(columns="target"))
    line = error_of(trained, capsys, monkeypatch, "explain", predictions=other)
    assert f"'{other}' holds no predictions (no column 'target'): run stage teacher again" in line


def test_a_fit_of_other_settings(trained, capsys, monkeypatch):
    trained.run("fit", explainer="surrogate")
    wider = miniature.settings(explainers={"surrogate": {"width": 9, "fit": {"epochs": 1}}})
    other = miniature.write(trained.root / "wider.yaml", wider)
    fit = trained.options("explain", explainer="surrogate")["fit"]
    line = error_of(trained, capsys, monkeypatch, "explain", explainer="surrogate", params=other)
    assert f"'{fit}' is of other settings (size mismatch for " in line and "run stage fit again" in line


def test_a_fit_of_another_explainer_of_the_same_shape(trained, capsys, monkeypatch):
    trained.run("fit", explainer="surrogate")
    both = {"surrogate": {"width": 8, "fit": {"epochs": 1}}, "surrogate_no_keep": {"width": 8, "fit": {"epochs": 1}}}
    other = miniature.write(trained.root / "ablation.yaml", miniature.settings(explainers=both))
    fit = trained.options("explain", explainer="surrogate")["fit"]
    line = error_of(trained, capsys, monkeypatch, "explain", explainer="surrogate_no_keep", params=other, fit=fit)
    assert f"'{fit}' was made with explainer 'surrogate', not 'surrogate_no_keep'" in line and "stage fit" in line


def test_a_fit_of_another_teacher(trained, capsys, monkeypatch):
    trained.run("fit", explainer="surrogate")
    kept = trained.options("explain")["teacher"]
    network = artifacts.read_tensors(kept)
    first = next(name for name, tensor in network.items() if tensor.is_floating_point())
    later = trained.root / "later.safetensors"
    moved = {**network, first: network[first] + 1e-6}
    artifacts.write_tensors(later, moved, **artifacts.read_metadata(kept))
    line = error_of(trained, capsys, monkeypatch, "explain", explainer="surrogate", teacher=later)
    own, other = (artifacts.fingerprint(tensors) for tensors in (network, moved))
    assert own != other and f"was made with teacher '{own}', not '{other}'" in line and "run stage fit again" in line


def test_a_fit_that_tells_nothing_of_its_making(trained, capsys, monkeypatch):
    trained.run("fit", explainer="surrogate")
    untold = trained.root / "untold.safetensors"
    artifacts.write_tensors(untold, artifacts.read_tensors(trained.options("explain", "surrogate")["fit"]))
    line = error_of(trained, capsys, monkeypatch, "explain", explainer="surrogate", fit=untold)
    assert f"'{untold}' is damaged or not what its stage writes" in line and "run the stage that writes it" in line


def test_predictions_of_another_experiment(trained, capsys, monkeypatch):
    table = artifacts.read_rows(trained.results / "predictions.parquet")
    other = trained.root / "other.parquet"
    artifacts.write_rows(other, table.assign(image_id=[*table["image_id"][:-1], "photograph"]))
    line = error_of(trained, capsys, monkeypatch, "explain", predictions=other)
    assert f"'{other}' is of another experiment (image 'photograph' was not prepared)" in line
    assert "run the stage that writes it again" in line


@pytest.mark.parametrize(("content", "reason"), [("{", "Expecting"), ("[]", "not a JSON object"), ("é", "utf-8")])
def test_settings_that_are_no_json_object(stages, content, reason):
    path, ledger = stages.results / "settings.json", stages.results / "claims.json"
    path.parent.mkdir()
    path.write_text(content, encoding="latin-1")
    with pytest.raises(UserError, match=rf"settings\.json' {DAMAGED} .*{reason}.*run the stage"):
        claims.main(stages.params, "mini", stages.results, ledger)
    assert not ledger.exists()


def test_surrogate_that_was_never_trained(trained, capsys, monkeypatch):
    changed = miniature.settings()
    del changed["experiments"]["mini"]["explainers"]["surrogate"]["fit"]
    other = miniature.write(trained.root / "unfit.yaml", changed)
    trained.run("fit", explainer="surrogate", params=other)
    line = error_of(trained, capsys, monkeypatch, "explain", explainer="surrogate", params=other)
    assert "explainer 'surrogate' learns: give it a 'fit' section in params.yaml and run stage fit" in line


def test_fit_section_for_a_method_that_learns_nothing(trained, capsys, monkeypatch):
    changed = miniature.settings(explainers={"grad_cam": {"fit": {"epochs": 1}}})
    other = miniature.write(trained.root / "fit.yaml", changed)
    line = error_of(trained, capsys, monkeypatch, "fit", params=other)
    assert "has nothing to learn: remove its 'fit' section" in line


def test_explainer_that_returns_nan(trained, capsys, monkeypatch):
    from methods.explainers.grad_cam import GradCam

    monkeypatch.setattr(GradCam, "explain", lambda self, m, images, t, s: torch.full((len(images), 2, 2), float("nan")))
    assert "explainer 'grad_cam' returned NaN" in error_of(trained, capsys, monkeypatch, "explain")


@pytest.mark.parametrize("shape", [(), (1, 2, 2), (0, 2)])
def test_explainer_that_returns_no_map_per_image(trained, capsys, monkeypatch, shape):
    from methods.explainers.grad_cam import GradCam

    monkeypatch.setattr(GradCam, "explain", lambda self, m, images, t, s: torch.zeros(len(images), *shape))
    line = error_of(trained, capsys, monkeypatch, "explain")
    assert "explainer 'grad_cam' returned [" in line and "return [B, h, w]" in line


def test_maps_of_another_explainer_or_of_other_images(trained, capsys, monkeypatch):
    trained.run("intervene")
    for name in ("grad_cam", "uniform"):
        trained.run("fit", explainer=name)
        trained.run("explain", explainer=name)
    other = trained.options("explain", explainer="uniform")["maps"]
    line = error_of(trained, capsys, monkeypatch, "score", maps=other)
    assert f"'{other}' holds maps of 'uniform', not of 'grad_cam': name the right file" in line
    table = artifacts.read_rows(trained.results / "predictions.parquet")
    turned = trained.root / "turned.parquet"
    artifacts.write_rows(turned, table[::-1].reset_index(drop=True))
    for predictions in (turned, trained.root / "fewer.parquet"):
        artifacts.write_rows(trained.root / "fewer.parquet", table[:-1])
        line = error_of(trained, capsys, monkeypatch, "score", predictions=predictions)
        assert "holds maps of other images or classes than are evaluated: run stage explain again" in line
    fit = trained.options("score")["fit"]
    line = error_of(trained, capsys, monkeypatch, "score", maps=fit)
    assert f"'{fit}' {DAMAGED} (no 'explainer' in it)" in line or f"'{fit}' {DAMAGED}" in line


@pytest.mark.parametrize(("returned", "named"), [(None, "NoneType"), ((), "tuple"), (np.zeros((4, 2, 2)), "ndarray")])
def test_explainer_that_returns_no_tensor(trained, capsys, monkeypatch, returned, named):
    from methods.explainers.grad_cam import GradCam

    monkeypatch.setattr(GradCam, "explain", lambda self, m, images, t, s: returned)
    line = error_of(trained, capsys, monkeypatch, "explain")
    assert f"explainer 'grad_cam' returned {named}: return a tensor [B, h, w] of float32" in line


def test_a_fit_of_fewer_seeds(trained, capsys, monkeypatch):
    trained.run("fit", explainer="surrogate")
    changed = miniature.settings()
    changed["experiments"]["mini"]["explainers"]["surrogate"]["fit"]["seeds"] = 3
    other = miniature.write(trained.root / "seeds.yaml", changed)
    line = error_of(trained, capsys, monkeypatch, "explain", explainer="surrogate", params=other)
    assert "holds fewer networks than `seeds` asks for (1): run stage fit again" in line


def test_a_teacher_that_would_answer_by_chance(stages, capsys, monkeypatch):
    stages.run("prepare")

    def line(**teacher):
        other = miniature.write(stages.root / "other.yaml", miniature.settings(teacher=teacher))
        return error_of(stages, capsys, monkeypatch, "teacher", params=other)

    assert "would explain 4 classes by random weights. Give it a 'fit' section" in line(architecture="test_resnet")
    weights = stages.root / "ten.safetensors"
    save_file(create("test_resnet", 10).backbone.state_dict(), weights)
    found = line(architecture="test_resnet", weights=str(weights))
    assert (
        f"by a random head: '{weights}' has no 'fc.weight' of that size. Give it a 'fit' section, or weights" in found
    )
    whole = create("test_resnet", 4).backbone.state_dict()
    for absent in ("fc.weight", "fc.bias"):
        save_file({key: value for key, value in whole.items() if key != absent}, weights)
        found = line(architecture="test_resnet", weights=str(weights))
        assert f"by a random head: '{weights}' has no '{absent}' of that size" in found
    with pytest.raises(UserError, match="4 classes by a random head: timm's has other classes"):
        check_trained(NetworkSettings("resnet18", "pretrained"), 4)
    check_trained(NetworkSettings("resnet18", "pretrained"), 1000)
    save_file(create("test_resnet", 4).backbone.state_dict(), weights)
    other = {"architecture": "test_resnet", "weights": str(weights)}
    stages.run("teacher", params=miniature.write(stages.root / "other.yaml", miniature.settings(teacher=other)))


def test_sizes_that_the_teacher_takes_are_tried_before_it_is_trained(stages, capsys, monkeypatch):
    stages.run("prepare")

    def params(**arguments):
        own = {"global_pool": "avg", "img_size": 32, **arguments}
        teacher = {"architecture": "test_vit", "arguments": own, "fit": {"epochs": 1, "batch_size": 8}}
        return miniature.write(stages.root / "o.yaml", miniature.settings(teacher=teacher, timing_size=64))

    line = error_of(stages, capsys, monkeypatch, "teacher", params=params(dynamic_img_size=False))
    assert "cannot classify an image of 64 px" in line and "dynamic_img_size: true" in line
    stages.run("teacher", params=params(dynamic_img_size=True))


def test_a_class_token_needs_a_student_of_another_kind(stages, capsys, monkeypatch):
    """Which is told before anything is trained; methods that read the teacher explain it as it is."""
    own = {"img_size": 32, "patch_size": 8, "dynamic_img_size": True}
    vit = {"architecture": "test_vit", "arguments": own, "fit": {"epochs": 1, "batch_size": 8}}
    miniature.write(stages.params, miniature.settings(teacher=vit))
    for stage in ("prepare", "teacher", "fit", "explain"):
        stages.run(stage)
    maps = artifacts.read_tensors(stages.work / "grad_cam.maps.safetensors")
    assert {tuple(some.shape[1:]) for some in maps.values()} == {(4, 4)}
    monkeypatch.setattr(training, "train", lambda *_: pytest.fail("it was trained"))
    line = error_of(stages, capsys, monkeypatch, "fit", explainer="surrogate")
    assert "classifies by its class token" in line and "give the surrogate a 'student'" in line


@pytest.mark.parametrize(
    ("architecture", "arguments", "named"),
    [
        (
            "test_vit",
            {"dynamic_img_size": True, "depth": 1},
            ["has one block only", "class token", "set arguments: {global_pool: avg}"],
        ),
        ("test_vit", {"dynamic_img_size": True, "global_pool": ""}, ["gives [1, 5, 4] for an image", "global_pool"]),
        ("test_resnet", {"features_only": True}, ["gives a list for an image", "features_only"]),
        ("test_resnet", {"global_pool": ""}, ["cannot classify an image of 32 px (mat1", "such as global_pool"]),
    ],
)
def test_a_teacher_without_scores_or_a_last_map_is_not_trained(
    trained, capsys, monkeypatch, architecture, arguments, named
):
    monkeypatch.setattr(teacher, "train", lambda *_: pytest.fail("it was trained"))
    own = {"architecture": architecture, "arguments": arguments, "fit": {"epochs": 1}}
    other = miniature.write(trained.root / "other.yaml", miniature.settings(teacher=own))
    line = error_of(trained, capsys, monkeypatch, "teacher", params=other)
    for words in named:
        assert words in line, line


def test_a_network_that_cannot_be_built(trained, capsys, monkeypatch):
    for arguments in ({"output_stride": 7}, {"global_pool": "nonsense"}, {"act_layer": "nonsense"}, {"nonsense": 1}):
        teacher = {"architecture": "resnet18", "arguments": arguments, "fit": {"epochs": 1}}
        other = miniature.write(trained.root / "other.yaml", miniature.settings(teacher=teacher))
        line = error_of(trained, capsys, monkeypatch, "teacher", params=other)
        assert "architecture 'resnet18' cannot be built (" in line and "check its arguments" in line
    teacher = {"architecture": "test_resnet", "mean": [0.5, 0.5, 0.5], "std": [0, 1, 1], "fit": {"epochs": 1}}
    other = miniature.write(trained.root / "other.yaml", miniature.settings(teacher=teacher))
    assert "teacher.std.0" in error_of(trained, capsys, monkeypatch, "teacher", params=other)


def test_an_output_that_cannot_be_written(trained, capsys, monkeypatch):
    trained.run("fit")
    (trained.root / "file").touch()
    line = error_of(trained, capsys, monkeypatch, "explain", maps=trained.root / "file/maps.safetensors")
    assert line.startswith(f"error: '{trained.root / 'file'}") and "make it accessible" in line
