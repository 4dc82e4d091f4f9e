"""Trees of photographs: splits, hostile names and every way a tree can be wrong."""

import os
import unicodedata
import warnings

import numpy as np
import pytest
from PIL import Image, features

from bench.datasets.base import Dataset
from bench.datasets.image_folder import ImageFolder
from bench.splits import assign_split
from methods.errors import UserError
from methods.registry import build


def add(path, size=(6, 4), value=128):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value,) * 3).save(path)


@pytest.fixture
def root(tmp_path):
    for name in ("wren", "auk", "tit"):
        for number in range(20):
            add(tmp_path / "birds" / name / f"{number}.png")
    return tmp_path


def test_index_and_split_by_hash(root):
    dataset = build(Dataset, "image_folder", {"folder": "birds"})
    index = dataset.index(root)
    assert list(index.columns) == ["image_id", "path", "label", "class_name", "split", "telling"]
    assert len(index) == 60 and index["image_id"].is_monotonic_increasing
    assert index.iloc[0][["image_id", "path", "label", "class_name"]].tolist() == [
        *("auk/0", "auk/0.png", 0, "auk"),
    ]
    labels = index.groupby("class_name")["label"].unique().map(list).to_dict()
    assert labels == {"auk": [0], "tit": [1], "wren": [2]}
    assert index["split"].tolist() == [assign_split(image_id, 0.1, 0.2) for image_id in index["image_id"]]
    assert dataset.part_names == () and set(index["telling"]) == {()}


def test_adding_an_image_moves_no_other(root):
    before = ImageFolder("birds").index(root).set_index("image_id")["split"]
    add(root / "birds/auk/new.png")
    after = ImageFolder("birds").index(root).set_index("image_id")["split"]
    assert len(after) == 61 and after[before.index].equals(before)


@pytest.mark.parametrize("held", [("test",), ("val",), ("val", "test")])
def test_split_folders_hold_and_the_missing_one_is_drawn_from_train(tmp_path, held):
    for split in ("train", *held):
        for name in ("auk", "wren"):
            for number in range(20):
                add(tmp_path / split / name / f"{number}.png")
    index = ImageFolder(str(tmp_path), validation=0.3, test=0.3).index(None)
    home = index["path"].str.split("/").str[0]
    assert set(index["split"]) == {"train", "val", "test"} and set(index["label"]) == {0, 1}
    for split in held:
        assert (index["split"][home == split] == split).all()
        assert not (index["split"][home == "train"] == split).any()


def test_train_without_another_split_is_a_class(tmp_path):
    for name in ("train", "tram"):
        add(tmp_path / name / "1.png")
    assert set(ImageFolder(str(tmp_path)).index(None)["class_name"]) == {"train", "tram"}


@pytest.mark.parametrize("split", [("train", "valid"), ("Train", "Test"), ("training", "testing")])
def test_splits_under_other_names_are_no_classes(tmp_path, split):
    for home in split:
        add(tmp_path / home / "auk/1.png")
    with pytest.raises(UserError, match="splits by their names: call them train, val and test"):
        ImageFolder(str(tmp_path)).index(None)


def grow(folder, *names):
    for name in names:
        add(folder / name / "1.png")


@pytest.mark.parametrize("other", ["valid", "validation", "testing", "Val"])
def test_a_split_under_another_name_beside_two_others_is_told_how_to_be_called(tmp_path, other):
    grow(tmp_path, "train/auk", "test/auk", f"{other}/auk")
    with pytest.raises(UserError, match=f"has .*{other}.*, splits by their names: call them train, val and test"):
        ImageFolder(str(tmp_path)).index(None)


@pytest.mark.parametrize("splits", [("train", "eval"), ("Train", "dev"), ("validation", "holdout")])
def test_folders_with_the_same_classes_as_a_split_are_no_classes(tmp_path, splits):
    grow(tmp_path, *(f"{split}/{name}" for split in splits for name in ("auk", "wren")))
    with pytest.raises(UserError, match=f"'{splits[1]}' beside '{splits[0]}', both .*: call them train, val and test"):
        ImageFolder(str(tmp_path)).index(None)


def test_classes_with_sub_folders_of_their_own_may_be_called_train(tmp_path):
    grow(tmp_path, "train/steam", "train/electric", "tram/yellow", "bus")
    assert set(ImageFolder(str(tmp_path), 0, 0).index(None)["class_name"]) == {"train", "tram", "bus"}


def test_an_unknown_folder_beside_two_splits_may_be_the_third(tmp_path):
    grow(tmp_path, "train/auk", "test/auk", "dev/auk")
    with pytest.raises(UserError, match="'dev' beside .* train, test: call it val if it is that split, or move"):
        ImageFolder(str(tmp_path)).index(None)


def test_a_split_alone_is_no_class(tmp_path):
    grow(tmp_path, "train/auk", "train/wren")
    with pytest.raises(UserError, match="split 'train' alone: let the setting `folder` name 'train' itself, or add"):
        ImageFolder(str(tmp_path)).index(None)
    assert set(ImageFolder(str(tmp_path / "train"), 0, 0).index(None)["class_name"]) == {"auk", "wren"}


def test_a_class_that_would_never_be_trained_is_refused(tmp_path):
    for number in range(40):
        add(tmp_path / "auk" / f"{number}.png")
    drawn = next(n for n in range(99) if assign_split(f"tit/{n}", 0.1, 0.2) == "test")
    add(tmp_path / "tit" / f"{drawn}.png")
    with pytest.raises(UserError, match=rf"no image of the class of 'tit/{drawn}.png'.*give the class more images"):
        ImageFolder(str(tmp_path)).index(None)
    kept = next(n for n in range(99) if assign_split(f"tit/{n}", 0.1, 0.2) == "train")
    add(tmp_path / "tit" / f"{kept}.png")
    assert set(ImageFolder(str(tmp_path)).index(None)["class_name"]) == {"auk", "tit"}


HOSTILE = ["grün häher", "喜鹊", 'it\'s "quoted"', "a" * 200, "per%cent & {brace}", "dots.in.name", "-dash"]


def test_hostile_names(tmp_path):
    for name in HOSTILE:
        add(tmp_path / name / f"{name}.JPG")
    dataset = ImageFolder(str(tmp_path), 0, 0)
    index = dataset.index(None)
    assert sorted(index["image_id"]) == sorted(f"{name}/{name}" for name in HOSTILE)
    for _, row in index.iterrows():
        assert dataset.read(None, row, 8).image.shape == (8, 8, 3)


def test_ids_do_not_depend_on_the_file_system_s_form_of_unicode(tmp_path):
    taken_apart = unicodedata.normalize("NFD", "häher")
    add(tmp_path / taken_apart / f"{taken_apart}.png")
    dataset = ImageFolder(str(tmp_path), 0, 0)
    row = dataset.index(None).iloc[0]
    assert row["image_id"] == "häher/häher" and row["class_name"] == "häher"
    assert dataset.read(None, row, 8).image.shape == (8, 8, 3)


def test_name_that_is_not_utf8_is_refused(tmp_path):
    add(tmp_path / "auk/1.png")
    try:
        (tmp_path / "auk/1.png").rename(tmp_path / "auk" / os.fsdecode(b"h\xe4her.png"))
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    with pytest.raises(UserError, match="not valid UTF-8"):
        ImageFolder(str(tmp_path)).index(None)


def test_hidden_files_and_other_files_are_ignored_and_nested_images_found(tmp_path):
    for name in ("auk/1.png", "auk/deeper/2.png", "auk/._3.png", "auk/.cache/4.png", ".git/5.png", "6.png"):
        add(tmp_path / name)
    (tmp_path / "auk/notes.txt").write_text("seen at sea")
    (tmp_path / "auk/Thumbs.db").write_bytes(b"\0")
    dataset = ImageFolder(str(tmp_path))
    assert dataset.index(None)["image_id"].tolist() == ["auk/1", "auk/deeper/2"]
    assert dataset.left_out(None) == "2 of other types (.db, .txt), 1 beside the class folders"


@pytest.mark.parametrize("splits", [("",), ("train", "val", "test")])
def test_what_is_left_out_is_counted(tmp_path, splits):
    for split in splits:
        add(tmp_path / split / "auk/1.png")
    dataset = ImageFolder(str(tmp_path), 0, 0)
    assert dataset.left_out(None) == ""
    add(tmp_path / splits[-1] / "loose.png")
    (tmp_path / "labels.csv").write_text("of no class folder")
    assert dataset.left_out(None) == "1 beside the class folders"
    for name in ("2.HEIC", "3.heic", "README"):
        (tmp_path / splits[0] / "auk" / name).write_text("no image")
    assert dataset.left_out(None) == "3 of other types (.heic, no suffix), 1 beside the class folders"


@pytest.mark.parametrize("suffix", ["jfif", "avif", "AVIF"])
def test_files_of_less_common_types_are_read(tmp_path, suffix):
    if suffix != "jfif" and not features.check("avif"):
        pytest.skip("this Pillow is built without AVIF")
    add(tmp_path / "auk" / f"1.{suffix}", value=200)
    dataset = ImageFolder(str(tmp_path), 0, 0)
    assert abs(dataset.read(None, dataset.index(None).iloc[0], 4).image.astype(int) - 200).max() < 5


def link(path, target):
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.symlink_to(target, target_is_directory=True)
    except OSError:
        pytest.skip("this file system has no links")


def test_linked_folders_are_followed_wherever_they_are(tmp_path):
    grow(tmp_path / "elsewhere", "auk", "more")
    link(tmp_path / "tree/auk", tmp_path / "elsewhere/auk")
    grow(tmp_path / "tree", "wren")
    link(tmp_path / "tree/wren/more", tmp_path / "elsewhere/more")
    index = ImageFolder(str(tmp_path / "tree"), 0, 0).index(None)
    assert index["image_id"].tolist() == ["auk/1", "wren/1", "wren/more/1"]


@pytest.mark.parametrize(
    ("at", "target"),
    [
        ("me", "."),
        ("up", ".."),
        ("auk/me", "."),
        ("auk/up", ".."),
        ("auk/high", "../.."),
        ("owl", "auk"),
        ("a", "auk"),
        ("wren/auk", "../auk"),
        ("owl", "wren/deeper"),
    ],
)
def test_links_to_folders_that_are_there_already_are_refused(tmp_path, at, target):
    grow(tmp_path / "tree", "auk", "wren", "wren/deeper")
    link(tmp_path / "tree" / at, target)
    with pytest.raises(UserError, match="are one folder, by a link, and images would count twice: remove the link"):
        ImageFolder(str(tmp_path / "tree")).index(None)


def test_a_link_to_nothing_is_no_class_that_may_be_missing(tmp_path):
    grow(tmp_path, "auk", "wren")
    link(tmp_path / "tit", tmp_path / "unplugged")
    with pytest.raises(UserError, match="tit' is a link to nothing: restore"):
        ImageFolder(str(tmp_path)).index(None)


def test_read_fits_and_has_no_annotation(tmp_path):
    pixels = np.zeros((4, 12, 3), np.uint8)
    pixels[:, 4:8] = 200
    (tmp_path / "auk").mkdir()
    Image.fromarray(pixels).save(tmp_path / "auk/1.png")
    row = ImageFolder(str(tmp_path)).index(None).iloc[0]
    crop = ImageFolder(str(tmp_path), fit="crop").read(None, row, 4)
    assert (crop.image == 200).all()
    squash = ImageFolder(str(tmp_path), fit="squash").read(None, row, 12).image[0, :, 0]
    assert squash[0] == squash[-1] == 0 and squash[6] == 200
    assert np.isnan(crop.box).all() and crop.keypoints == {} and crop.segments is None


def test_camera_orientation_is_applied(tmp_path):
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:4] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    (tmp_path / "auk").mkdir()
    Image.fromarray(pixels).save(tmp_path / "auk/1.jpg", exif=exif, quality=95)
    dataset = ImageFolder(str(tmp_path))
    image = dataset.read(None, dataset.index(None).iloc[0], 8).image
    assert image[0].mean() < 20 and image[-1].mean() > 235


@pytest.mark.parametrize("transparency", [0, bytes([0, 128])])
def test_transparency_of_a_palette_is_dropped_without_a_warning(tmp_path, transparency):
    image = Image.new("P", (4, 4))
    image.putpalette([200, 100, 50, 1, 2, 3])
    (tmp_path / "auk").mkdir()
    image.save(tmp_path / "auk/1.png", transparency=transparency)
    dataset = ImageFolder(str(tmp_path), 0, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (dataset.read(None, dataset.index(None).iloc[0], 4).image == (200, 100, 50)).all()


def test_no_root_and_missing_folder(tmp_path):
    with pytest.raises(UserError, match="BENCH_DATA is not set.*'birds'"):
        ImageFolder("birds").index(None)
    with pytest.raises(UserError, match="birds' does not exist"):
        ImageFolder("birds").index(tmp_path)


def test_no_class_and_empty_class(root):
    (root / "empty").mkdir()
    add(root / "empty/loose.png")
    with pytest.raises(UserError, match="empty' has no class"):
        ImageFolder("empty").index(root)
    (root / "birds/dodo").mkdir()
    (root / "birds/dodo/notes.txt").write_text("none left")
    with pytest.raises(UserError, match="dodo' has no image"):
        ImageFolder("birds").index(root)


def test_ambiguous_trees_are_refused(root):
    add(root / "birds/auk/0.jpg")
    with pytest.raises(UserError, match=r"'auk/0.jpg' and 'auk/0.png'.*same id"):
        ImageFolder("birds").index(root)
    for name in ("train/auk/1.png", "test/auk/1.png", "test/tit/2.png"):
        add(root / "split" / name)
    with pytest.raises(UserError, match="class of 'test/tit/2.png'.*missing in 'train'"):
        ImageFolder("split").index(root)
    (root / "split/extra").mkdir()
    with pytest.raises(UserError, match="'extra' beside the splits"):
        ImageFolder("split").index(root)


def test_damaged_image_is_named(root):
    (root / "birds/auk/3.png").write_bytes((root / "birds/auk/3.png").read_bytes()[:40])
    dataset = ImageFolder("birds")
    index = dataset.index(root)
    with pytest.raises(UserError, match="3.png' cannot be read"):
        dataset.read(root, index[index["image_id"] == "auk/3"].iloc[0], 8)


@pytest.mark.parametrize(
    "settings", [{}, {"folder": "x", "fit": "pad"}, {"folder": "x", "validation": 0.5, "test": 0.5}]
)
def test_wrong_settings_are_refused(settings):
    with pytest.raises(UserError, match="image_folder"):
        build(Dataset, "image_folder", settings)
