"""The official layout of CUB-200-2011: tables, splits, geometry and every way it can be broken."""

import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from bench.datasets import cub200
from bench.datasets.base import Dataset
from bench.datasets.cub200 import PART_NAMES, Cub200
from bench.splits import unit_hash
from methods.errors import UserError
from methods.registry import build

WIDE, TALL = (60, 40), (30, 50)
BEAK = {WIDE: (25, 13), TALL: (7, 30)}  # column and row of the one bright pixel
BOXES = {WIDE: (4, 10, 26, 20), TALL: (5, 0, 10, 30)}  # x, y, width, height
CLASSES = ("001.Black_footed_Albatross", "014.Indigo_Bunting", "200.Common_Yellowthroat")


def picture(shape):
    pixels = np.zeros((shape[1], shape[0], 3), np.uint8)
    column, row = BEAK[shape]
    pixels[row, column] = 255
    return Image.fromarray(pixels)


def write_layout(folder):
    """Write 3 classes x 4 images, wide and tall in turn; the beak is bright, the tail in a corner."""
    tables = {name: [] for name in ("images", "image_class_labels", "train_test_split", "bounding_boxes")}
    parts = []
    for number in range(1, 13):
        class_id, shape = (number - 1) // 4 + 1, (WIDE, TALL)[number % 2]
        name = f"{CLASSES[class_id - 1]}/{CLASSES[class_id - 1][4:]}_{number:04d}_18.png"
        (folder / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        picture(shape).save(folder / "images" / name)
        tables["images"].append(f"{number} {name}")
        tables["image_class_labels"].append(f"{number} {class_id}")
        tables["train_test_split"].append(f"{number} {int(number % 4 < 3)}")
        tables["bounding_boxes"].append(" ".join(map(str, (number, *map(float, BOXES[shape])))))
        spots = {2: (*BEAK[shape], 1), 14: (0, 0, 1)}
        parts += [" ".join(map(str, (number, part, *spots.get(part, (0.0, 0.0, 0))))) for part in range(1, 16)]
    tables["classes"] = [f"{number} {name}" for number, name in enumerate(CLASSES, start=1)]
    tables["parts/part_locs"] = parts
    tables["parts/parts"] = [f"{number} {name}" for number, name in enumerate(PART_NAMES, start=1)]
    (folder / "parts").mkdir()
    for name, lines in tables.items():
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture
def root(tmp_path):
    write_layout(tmp_path / "CUB_200_2011")
    return tmp_path


def first(dataset, root, shape):
    """Return the first row whose image has the given shape."""
    index = dataset.index(root)
    wide = index["image_id"].str.extract(r"_(\d{4})_")[0].astype(int) % 2 == 1
    return index[wide if shape == TALL else ~wide].iloc[0]


def test_index_lists_every_image(root):
    index = build(Dataset, "cub200", {}).index(root)
    assert list(index.columns) == ["image_id", "path", "label", "class_name", "split", "telling"]
    assert len(index) == 12 and index["image_id"].is_monotonic_increasing and index["image_id"].is_unique
    row = index.iloc[0]
    assert row["image_id"] == "Black_footed_Albatross_0001_18"
    assert row["path"] == "images/001.Black_footed_Albatross/Black_footed_Albatross_0001_18.png"
    assert (row["label"], row["class_name"], row["telling"]) == (0, "Black footed Albatross", ())
    assert sorted(set(index["label"])) == [0, 1, 2]


def test_official_test_split_is_kept_and_validation_is_held_out_by_hash(root):
    index = Cub200(validation=0.5).index(root)
    number = index["image_id"].str.extract(r"_(\d{4})_")[0].astype(int)
    assert ((index["split"] == "test") == (number % 4 == 3)).all()
    training = index[index["split"] != "test"]
    held_out = training["image_id"].map(lambda image_id: unit_hash(image_id, "split") < 0.5)
    assert ((training["split"] == "val") == held_out).all() and held_out.any() and not held_out.all()
    assert set(Cub200(validation=0.0).index(root)["split"]) == {"train", "test"}


def test_subset_keeps_ids_splits_and_names(root):
    folder = root / "CUB_200_2011"
    full = Cub200(validation=0.5).index(root).set_index("image_id")
    lines = (folder / "images.txt").read_text().splitlines()
    (folder / "images.txt").write_text("\n".join(lines[4:]))
    shutil.copytree(folder, root / "subset")
    subset = Cub200(folder="subset", validation=0.5).index(root).set_index("image_id")
    assert len(subset) == 8 and sorted(set(subset["label"])) == [0, 1]
    same = ["path", "class_name", "split"]
    assert subset[same].equals(full.loc[subset.index, same])


@pytest.mark.parametrize(
    ("fit", "shape", "box", "beak"),
    [
        # 60 x 40: the square is columns 10 to 50, halved.
        ("crop", WIDE, (0.0, 5.0, 10.0, 15.0), (7.75, 6.75)),
        # 30 x 50: the square is rows 10 to 40, times 2/3.
        ("crop", TALL, (10 / 3, 0.0, 10.0, 40 / 3), (5.0, 41 / 3)),
        ("squash", WIDE, (4 / 3, 5.0, 10.0, 15.0), (8.5, 6.75)),
        ("squash", TALL, (10 / 3, 0.0, 10.0, 12.0), (5.0, 12.2)),
    ],
)
def test_box_and_parts_follow_the_image(root, fit, shape, box, beak):
    dataset = Cub200(fit=fit)
    sample = dataset.read(root, first(dataset, root, shape), 20)
    assert sample.image.shape == (20, 20, 3) and sample.image.dtype == np.uint8 and sample.segments is None
    assert sample.box == pytest.approx(box)
    assert sample.keypoints["beak"] == pytest.approx(beak)


@pytest.mark.parametrize("fit", ["crop", "squash"])
@pytest.mark.parametrize("shape", [WIDE, TALL])
@pytest.mark.parametrize("size", [20, 33, 96])
def test_bright_pixel_lands_on_its_part(root, fit, shape, size):
    dataset = Cub200(fit=fit)
    sample = dataset.read(root, first(dataset, root, shape), size)
    x, y = sample.keypoints["beak"]
    light = sample.image[..., 0].astype(float)
    rows, columns = np.mgrid[:size, :size] + 0.5
    assert light[int(y), int(x)] == light.max() > 0
    assert (light * columns).sum() / light.sum() == pytest.approx(x, abs=0.1)
    assert (light * rows).sum() / light.sum() == pytest.approx(y, abs=0.1)


def test_parts_outside_the_crop_are_dropped(root):
    crop, squash = Cub200(fit="crop"), Cub200(fit="squash")
    assert set(crop.read(root, first(crop, root, WIDE), 20).keypoints) == {"beak"}
    kept = squash.read(root, first(squash, root, WIDE), 20).keypoints
    assert kept["tail"] == pytest.approx((0.5 / 3, 0.25))  # the centre of the first of 60 x 40 pixels


def test_box_outside_the_crop_is_unknown(root):
    (root / "CUB_200_2011/bounding_boxes.txt").write_text("\n".join(f"{n} 0 0 4 4" for n in range(1, 13)))
    dataset = Cub200(fit="crop")
    assert np.isnan(dataset.read(root, first(dataset, root, WIDE), 20).box).all()


def test_grey_and_palette_images_become_rgb(root):
    dataset = Cub200()
    row = dataset.index(root).iloc[0]
    for mode in ("L", "P", "1", "RGBA"):
        Image.new(mode, (8, 8), 1).save(root / "CUB_200_2011" / row["path"])
        assert dataset.read(root, row, 4).image.shape == (4, 4, 3)


def test_tables_are_parsed_once_and_never_changed(root):
    dataset = Cub200()
    index = dataset.index(root)
    index["path"] = "elsewhere"
    for name in ("images.txt", "parts/part_locs.txt"):
        (root / "CUB_200_2011" / name).unlink()
    again = pickle.loads(pickle.dumps(Cub200())).index(root)
    assert again["path"].str.startswith("images/").all()
    assert dataset.read(root, again.iloc[0], 20).keypoints


def test_unset_root_names_the_variable_and_the_remedies():
    with pytest.raises(UserError, match="BENCH_DATA is not set.*'CUB_200_2011'.*download: true"):
        Cub200().index(None)


def test_absolute_folder_needs_no_root(root):
    assert len(Cub200(folder=str(root / "CUB_200_2011")).index(None)) == 12


def test_missing_folder(tmp_path):
    with pytest.raises(UserError, match="CUB_200_2011' does not exist.*download: true"):
        Cub200().index(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        *("images.txt", "image_class_labels.txt", "train_test_split.txt", "bounding_boxes.txt"),
        *("classes.txt", "parts/parts.txt", "parts/part_locs.txt"),
    ],
)
@pytest.mark.parametrize("content", [None, "", "1\n", "1 x y z nothing\n", b"\xff\xfe 1 1 1 1\n"])
def test_broken_table_is_named(root, name, content):
    path = root / "CUB_200_2011" / name
    path.unlink()
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=path.name):
        Cub200().index(root)


def test_missing_images_are_counted(root):
    paths = sorted((root / "CUB_200_2011/images").rglob("*.png"))[:3]
    for path in paths:
        path.unlink()
    with pytest.raises(UserError, match=rf"{paths[0].name}' is missing .3 of the files") as error:
        Cub200().index(root)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.95])
def test_truncated_jpeg_is_named_even_if_another_package_tolerates_it(root, share, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    dataset = Cub200()
    row = dataset.index(root).iloc[0]
    path = root / "CUB_200_2011" / row["path"]
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path, format="JPEG")
    whole = path.read_bytes()
    assert dataset.read(root, row, 32).image.std() > 0
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UserError, match=f"{path.name}' cannot be read"):
        dataset.read(root, row, 32)


def test_unreadable_deep_and_vanished_images_are_named(root):
    dataset = Cub200()
    row = dataset.index(root).iloc[0]
    path = root / "CUB_200_2011" / row["path"]
    path.write_text("not an image")
    with pytest.raises(UserError, match=f"{path.name}' cannot be read"):
        dataset.read(root, row, 32)
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(path)
    with pytest.raises(UserError, match=f"{path.name}' has mode I"):
        dataset.read(root, row, 32)
    path.unlink()
    with pytest.raises(UserError, match=f"{path.name}' is missing"):
        dataset.read(root, row, 32)


@pytest.mark.parametrize("settings", [{"fit": "pad"}, {"validation": 1.0}, {"folders": "x"}])
def test_wrong_settings_are_refused(settings):
    with pytest.raises(UserError, match="dataset 'cub200'"):
        build(Dataset, "cub200", settings)


def test_download_is_asked_for_only_when_the_folder_is_missing(root, monkeypatch):
    asked = []
    monkeypatch.setattr(cub200, "download", asked.append)
    Cub200(download=True).index(root)
    assert asked == []
    with pytest.raises(UserError):
        Cub200(folder="other/CUB_200_2011", download=True).index(root)
    monkeypatch.setenv("XDG_CACHE_HOME", str(root / "cache"))
    with pytest.raises(UserError):
        Cub200(download=True).index(None)
    assert asked == [root / "other/CUB_200_2011", root / "cache/bench_data/CUB_200_2011"]


def test_download_refuses_to_fill_a_folder_of_another_name(tmp_path):
    with pytest.raises(UserError, match="only 'CUB_200_2011' can be downloaded"):
        Cub200(folder="CUB_100", download=True).index(tmp_path)


def test_real_subset():
    root = os.environ.get("BENCH_DATA")
    if not root or not Path(root, "CUB_100").is_dir():
        pytest.skip("BENCH_DATA is not set or has no CUB_100")
    dataset = Cub200(folder="CUB_100")
    index = dataset.index(Path(root))
    counts = index["split"].value_counts()
    assert len(index) == 5902 and counts["test"] == 2903 and counts["train"] + counts["val"] == 2999
    assert 0.08 < counts["val"] / 2999 < 0.12
    assert sorted(set(index["label"])) == list(range(100)) and index["class_name"].nunique() == 100
    assert len(dataset.part_names) == 15
    samples = [dataset.read(Path(root), row, 64) for _, row in index.iloc[::200].iterrows()]
    assert all(sample.image.shape == (64, 64, 3) and sample.box == (0, 0, 64, 64) for sample in samples)
    assert np.mean([len(sample.keypoints) for sample in samples]) > 8
