"""Overlays pixel by pixel, and the gallery stage on a small artifacts folder."""

import json
from importlib import import_module

import numpy as np
import pytest
import torch
from matplotlib import colormaps
from PIL import Image

from bench import artifacts, prepared, settings
from bench.stages.command import run
from methods.errors import UserError
from reports import gallery, overlays, picture
from tests.reports import result_tree


@pytest.fixture
def tree(tmp_path):
    params = result_tree.write_params(tmp_path, ["parts"])
    result_tree.write_results(tmp_path / "results/parts")
    result_tree.write_work(tmp_path / "work/parts")
    return params


def test_map_is_upsampled_bilinearly_without_aligned_corners():
    found = overlays.unit_map(torch.tensor([[2.0, 4.0]]), 4)
    torch.testing.assert_close(found, torch.tensor([0, 0.25, 0.75, 1]).expand(4, 4))


@pytest.mark.parametrize("value", [0.0, 3.0, -1e-9, float("nan"), float("inf")])
def test_flat_or_broken_map_is_zero_everywhere(value):
    saliency = torch.full((3, 3), value)
    assert overlays.is_flat(saliency)
    assert (overlays.unit_map(saliency, 8) == 0).all()


def test_small_maps_are_not_taken_for_flat():
    assert not overlays.is_flat(torch.tensor([[1e-12, 2e-12]]))


def test_overlay_blends_the_colour_of_the_map_with_the_grey_image():
    image = torch.full((3, 4, 4), 100, dtype=torch.uint8)
    drawn = np.asarray(overlays.overlay(image, torch.tensor([[0.0, 1.0]]), 4))
    for x, value in enumerate([0, 0.25, 0.75, 1]):
        colour = np.array(colormaps["inferno"](float(value))[:3]) * 255
        expected = overlays.OPACITY * colour + (1 - overlays.OPACITY) * 100
        np.testing.assert_allclose(drawn[1, x], expected, atol=0.51)


def parts(keypoints, segments=None):
    return overlays.Parts(torch.tensor(keypoints), segments, torch.tensor([False, True]), ("head", "wing"))


def test_telling_parts_have_another_colour():
    drawn = overlays.parts_picture(torch.zeros(3, 32, 32, dtype=torch.uint8), parts([[8.0, 8.0], [24.0, 16.0]]), 320)
    assert drawn.getpixel((80 + 6, 80)) == overlays.PART
    assert drawn.getpixel((240 + 6, 160)) == overlays.TELLING


def test_segments_are_outlined_and_not_filled():
    segments = torch.zeros(32, 32, dtype=torch.uint8)
    segments[4:28, 4:28] = 2
    drawn = overlays.parts_picture(torch.zeros(3, 32, 32, dtype=torch.uint8), parts([[np.nan] * 2] * 2, segments), 320)
    assert drawn.getpixel((40, 100)) == overlays.TELLING
    assert drawn.getpixel((38, 100)) == drawn.getpixel((60, 60)) == (63, 63, 63)
    assert drawn.getpixel((160 + 6, 160)) == overlays.TELLING, "no keypoint: the number stands in the middle"


def test_invisible_parts_are_not_drawn():
    assert parts([[np.nan, np.nan], [1.0, 1.0]]).visible() == [1]


def test_gallery_shows_the_first_images_in_evaluation_order(tree, tmp_path):
    found = gallery.read(tmp_path, settings.experiment(tree, "parts"))
    data = prepared.read(tmp_path / "work/parts/data")
    assert found.told["image_id"].tolist() == ["image-000", "image-001"]
    assert data.index["image_id"].iloc[-1] == "image-000"
    assert torch.equal(found.images[0], data.images[-1])
    assert torch.equal(found.parts[1].segments, data.segments[-2])
    assert found.parts[0].telling.tolist() == [False, True, False, False]


def test_stage_writes_pictures_and_their_description(tree, tmp_path, capsys):
    gallery.main(tree, "parts", tmp_path)
    folder = tmp_path / "results/parts/gallery"
    told = json.loads((folder / "gallery.json").read_text())
    assert [image["image_id"] for image in told["images"]] == ["image-000", "image-001"]
    assert json.loads((folder.with_name("map_sizes.json")).read_text())["grad_cam"] == [4, 4]
    assert told["photographs"] is False
    first = told["images"][0]
    assert list(first["maps"]) == result_tree.EXPLAINERS
    assert [name for name, shown in first["maps"].items() if shown["flat"]] == ["centre"]
    assert [part["name"] for part in first["named_parts"]] == ["head", "wing", "tail"]
    for name in [first["image"], first["parts"], *(shown["file"] for shown in first["maps"].values())]:
        assert Image.open(folder / name).size in [(gallery.SIDE,) * 2, (gallery.PARTS_SIDE,) * 2]
    assert len(capsys.readouterr().out.splitlines()) == 1


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
