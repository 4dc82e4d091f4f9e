"""The gallery stage on a small artifacts folder: layers, cases, scores, attention."""

import json
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import colormaps
from PIL import Image

from bench import artifacts, prepared, settings
from bench.overlays import COLOURMAP, unit_map
from bench.stages.command import run
from methods.errors import UserError
from methods.explainers.surrogate import Surrogate
from reports import cases, exhibits, gallery, layers, picture, results, stage_attention
from tests.reports import result_tree
from tests.reports.reading import Page, rendered


@pytest.fixture
def tree(tmp_path):
    params = result_tree.write_params(tmp_path, ["parts"])
    result_tree.write_results(tmp_path / "results/parts")
    result_tree.write_work(tmp_path / "work/parts")
    return params


def test_gallery_shows_the_first_images_in_evaluation_order(tree, tmp_path):
    found = gallery.read(tmp_path, settings.experiment(tree, "parts"))
    data = prepared.read(tmp_path / "work/parts/data")
    assert found.told["image_id"].tolist() == ["image-000", "image-001"]
    assert data.index["image_id"].iloc[-1] == "image-000"
    assert torch.equal(found.images[0], data.images[-1])
    assert torch.equal(found.parts[1].segments, data.segments[-2])
    assert found.parts[0].telling.tolist() == [False, True, False, False]


def test_stage_writes_layers_and_their_description(tree, tmp_path, capsys):
    gallery.main(tree, "parts", tmp_path)
    folder = tmp_path / "results/parts/gallery"
    told = json.loads((folder / "gallery.json").read_text())
    shown = told["images"][: told["first"]]
    assert [image["image_id"] for image in shown] == ["image-000", "image-001"]
    assert json.loads((folder.with_name("map_sizes.json")).read_text())["grad_cam"] == [4, 4]
    assert told["photographs"] is False
    assert list(shown[0]["maps"]) == result_tree.EXPLAINERS
    assert [name for name, own in shown[0]["maps"].items() if own["flat"]] == ["centre"]
    assert [part["name"] for part in shown[0]["named_parts"]] == ["head", "wing", "tail"]
    size = {shown[0]["image"]: 32, shown[0]["parts"]: layers.PARTS_SIDE, shown[0]["maps"]["rise"]["file"]: 32}
    assert {name: Image.open(folder / name).size for name in size} == {name: (n, n) for name, n in size.items()}
    assert Image.open(folder / shown[0]["parts"]).getextrema()[3] == (0, 255)
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_map_is_coloured_after_it_is_scaled_and_reduced_when_large():
    saliency = torch.rand(4, 4, generator=torch.Generator().manual_seed(0))
    drawn = np.asarray(layers.map_layer(saliency, 64))
    wanted = colormaps[COLOURMAP](unit_map(saliency, 64).numpy(), bytes=True)[..., :3]
    assert np.array_equal(drawn, wanted)
    assert layers.map_layer(saliency, 300).size == (layers.MAP_SIDE,) * 2


def test_cases_follow_the_rule():
    values = pd.Series([0.5, 0.9, 0.1, float("nan"), 0.9, 0.1, 0.4], index=list("abcdefg"))
    assert cases.choose(values) == {"best": "b", "median": "a", "worst": "c"}
    assert cases.choose(values.head(2)) == {}


def test_cases_are_those_of_the_scores_and_methods_alone_have_them(tree, tmp_path):
    gallery.main(tree, "parts", tmp_path)
    told = artifacts.read_json(tmp_path / "results/parts/gallery/gallery.json")
    assert list(told["cases"]) == ["surrogate", "grad_cam", "score_cam", "rise"]
    rows = result_tree.scores("parts", "rise", 12, ("insertion",)).set_index("image_id")["value"]
    own = told["cases"]["rise"]
    assert rows[own["best"]] == rows.max() and rows[own["worst"]] == rows.min()
    assert sorted(rows)[6] == rows[own["median"]], "the better of the two in the middle"
    pictured = {image["image_id"]: image["maps"] for image in told["images"]}
    assert all(name in pictured[one] for name, found in told["cases"].items() for one in found.values())


def test_of_several_seeds_the_first_is_shown_and_its_scores_and_cases(tree, tmp_path):
    result_tree.write_results(tmp_path / "results/parts", seeds=3)
    gallery.main(tree, "parts", tmp_path)
    told = artifacts.read_json(tmp_path / "results/parts/gallery/gallery.json")
    first = result_tree.scores("parts", "rise", 12, ("insertion",), seed=0).set_index("image_id")["value"]
    assert first[told["cases"]["rise"]["best"]] == first.max() and first[told["cases"]["rise"]["worst"]] == first.min()
    shown = exhibits.read(results.read(tmp_path / "results/parts", committed=False), budget=10**6)
    scored = dict(next(one for one in shown.first[1]["maps"] if one["name"] == "rise")["scores"])
    assert scored["Insertion"] == f"{first['image-001']:.3f}"
    assert "Of several trainings or draws the first is shown" in Page(rendered(tmp_path, tree)).text


def test_without_scores_there_are_no_cases(tree, tmp_path):
    for path in (tmp_path / "results/parts/scores").iterdir():
        path.unlink()
    gallery.main(tree, "parts", tmp_path)
    assert artifacts.read_json(tmp_path / "results/parts/gallery/gallery.json")["cases"] == {}


def test_a_rerun_is_byte_identical(tree, tmp_path):
    found = []
    for _ in range(2):
        gallery.main(tree, "parts", tmp_path)
        found.append({path.name: path.read_bytes() for path in (tmp_path / "results/parts/gallery").iterdir()})
    assert found[0] == found[1]


def test_page_shows_the_scores_of_each_image_and_keeps_to_the_budget(tree, tmp_path):
    gallery.main(tree, "parts", tmp_path)
    found = results.read(tmp_path / "results/parts", committed=False)
    shown = exhibits.read(found, budget=10**6)
    rows = result_tree.scores("parts", "rise", 12).set_index(["metric", "image_id"])["value"]
    told = dict(next(one for one in shown.first[1]["maps"] if one["name"] == "rise")["scores"])
    assert told["Insertion"] == f"{rows['insertion', 'image-001']:.3f}"
    assert told["Drop %"] == f"{rows['average_drop', 'image-001']:.1f}"
    assert told["Part"] == ("hit" if rows["part_pointing", "image-001"] else "miss")
    assert (len(shown.first), shown.left_out, len(shown.cases)) == (2, 0, 4)
    assert all(uri.startswith("data:image/webp;base64,") for uri in shown.layers.values())
    tight = exhibits.read(found, budget=1)
    assert (len(tight.first), tight.left_out, tight.cases) == (1, 1, [])


def test_attention_is_looked_into_stage_by_stage(classifier, images, targets):
    explainer = Surrogate()
    student = explainer.objective(classifier, 32).trained.eval()
    for attention in student.attentions:
        torch.nn.init.normal_(attention.score.weight, generator=torch.Generator().manual_seed(0))
    torch.nn.init.normal_(student.explanation_head.query, generator=torch.Generator().manual_seed(0))
    inside = stage_attention.look(explainer, student, images, targets)
    stages = len(student.attentions)
    assert inside.attention.shape == (stages, 4, 32, 32)
    assert torch.allclose(inside.attention.mean((2, 3)), torch.ones(stages, 4), atol=1e-5)
    assert torch.allclose(inside.attention[0], _relative(student.attention_maps(images)[-1]), atol=1e-5)
    assert torch.allclose(inside.maps[-1], explainer.explain(student, images, targets, targets))
    with torch.no_grad():
        student.explanation_head.laterals[0][0].weight.zero_()
        student.explanation_head.laterals[0][1].bias.zero_()
    assert torch.allclose(inside.maps[-2], explainer.explain(student, images, targets, targets), atol=1e-6)
    assert not torch.allclose(inside.maps[-2], inside.maps[-1], atol=1e-4)


def _relative(weights):
    return weights / weights.mean((1, 2), keepdim=True)


def test_stages_of_a_trained_surrogate_are_pictured(tree, tmp_path, classifier, monkeypatch):
    inside = stage_attention.StageAttention(torch.rand(3, 2, 32, 32), torch.rand(3, 2, 8, 8))
    monkeypatch.setattr(stage_attention, "read", lambda *_: inside)
    gallery.main(tree, "parts", tmp_path)
    folder = tmp_path / "results/parts/gallery"
    told = artifacts.read_json(folder / "gallery.json")["images"]
    assert [len(image["stages"]) for image in told[:3]] == [3, 3, 0]
    first = told[1]["stages"][0]
    assert (first["low"], first["high"]) == pytest.approx(
        (float(inside.attention[0, 1].min()), float(inside.attention[0, 1].max())), abs=1e-3
    )
    assert all((folder / stage[part]["file"]).is_file() for stage in told[0]["stages"] for part in ("attention", "map"))


def test_surrogate_that_was_not_trained_is_not_looked_into(tree, tmp_path):
    chosen = settings.experiment(tree, "parts")
    assert stage_attention.read(tmp_path / "work/parts", chosen, torch.zeros(1, 3, 32, 32), torch.zeros(1)) is None


def test_stage_replaces_what_it_wrote_before(tree, tmp_path):
    folder = tmp_path / "results/parts/gallery"
    folder.mkdir()
    (folder / "stale.jpg").write_bytes(b"")
    gallery.main(tree, "parts", tmp_path)
    assert not (folder / "stale.jpg").exists()
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == []


def test_failure_leaves_the_old_gallery_as_it_was(tmp_path):
    folder = tmp_path / "gallery"
    folder.mkdir()
    (folder / "old.jpg").write_bytes(b"old")

    def fail_halfway():
        with gallery.replaced(folder) as fresh:
            (fresh / "new.jpg").write_bytes(b"new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert [path.name for path in tmp_path.rglob("*")] == ["gallery", "old.jpg"]


def test_missing_maps_are_left_out(tree, tmp_path):
    (tmp_path / "work/parts/maps/rise.safetensors").unlink()
    gallery.main(tree, "parts", tmp_path)
    told = artifacts.read_json(tmp_path / "results/parts/gallery/gallery.json")
    assert "rise" not in told["images"][0]["maps"]


def test_maps_of_other_images_are_refused(tree, tmp_path):
    artifacts.write_tensors(tmp_path / "work/parts/maps/rise.safetensors", {"saliency": torch.rand(3, 4, 4)})
    with pytest.raises(UserError, match="3 maps for 12 predictions"):
        gallery.main(tree, "parts", tmp_path)


def test_picture_has_one_column_per_method(tree, tmp_path):
    picture.main(tree, "parts", tmp_path, tmp_path / "row.png", image_number=3)
    width, height = Image.open(tmp_path / "row.png").size
    assert round(width / height * 1.75 / 1.5) == 2 + 4


@pytest.mark.parametrize("number", [-1, 12])
def test_picture_of_an_image_that_does_not_exist_is_refused(tree, tmp_path, number):
    with pytest.raises(UserError, match="from 0"):
        picture.main(tree, "parts", tmp_path, tmp_path / "row.png", image_number=number)


@pytest.mark.parametrize("module", ["gallery", "picture", "render"])
def test_stages_take_their_options_from_the_shell(module, tree, tmp_path, monkeypatch, capsys):
    own = {
        "gallery": ["--experiment", "parts"],
        "picture": ["--experiment", "parts", "--out", str(tmp_path / "p.png")],
    }
    own["render"] = ["--reference", str(tmp_path), "--out", str(tmp_path / "report")]
    shared = ["--params", str(tmp_path / "gone.yaml"), "--artifacts", str(tmp_path)]
    monkeypatch.setattr("sys.argv", [module, *shared, *own[module]])
    with pytest.raises(SystemExit) as left:
        run(import_module(f"reports.{module}").main)
    assert left.value.code == 2
    assert "gone.yaml' not found" in capsys.readouterr().err
