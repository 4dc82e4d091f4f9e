"""Every data set keeps the contract of `Dataset`, on data made here."""

import numpy as np
import pytest
from PIL import Image

from bench.datasets.base import Dataset
from bench.stages.prepare import prepare
from methods.registry import build, names
from tests.bench.test_fine_grained import aircraft

PART_NAMES = [
    *("back", "beak", "belly", "breast", "crown", "forehead", "left eye", "left leg", "left wing"),
    *("nape", "right eye", "right leg", "right wing", "tail", "throat"),
]
SIZE = 32


def picture(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)


def make_parts(root):
    return {"classes": 4, "images_per_class": 6}


def make_image_folder(root):
    for label in ("first", "second"):
        for i in range(8):
            picture(root / "tree" / label / f"{i}.png", i)
    return {"folder": "tree"}


def make_fine_grained(root):
    aircraft(root)
    return {"set": "fgvc_aircraft"}


def make_cub200(root):
    folder = root / "CUB_mini"
    (folder / "parts").mkdir(parents=True)
    images = [(i + 1, i % 2, f"00{i % 2 + 1}.Bird_{i % 2}/Bird_{i % 2}_{i:04d}.jpg") for i in range(8)]
    for number, _, path in images:
        picture(folder / "images" / path, number)
    tables = {
        "images.txt": [f"{n} {path}" for n, _, path in images],
        "image_class_labels.txt": [f"{n} {label + 1}" for n, label, _ in images],
        "train_test_split.txt": [f"{n} {int(n < 5)}" for n, _, _ in images],
        "bounding_boxes.txt": [f"{n} 5.0 4.0 30.0 20.0" for n, _, _ in images],
        "classes.txt": ["1 001.Bird_0", "2 002.Bird_1"],
        "parts/parts.txt": [f"{i + 1} {name}" for i, name in enumerate(PART_NAMES)],
        "parts/part_locs.txt": [f"{n} {p + 1} {20.0 + p} 15.0 {int(p < 9)}" for n, _, _ in images for p in range(15)],
    }
    for name, lines in tables.items():
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {"folder": "CUB_mini"}


@pytest.fixture(params=names(Dataset))
def made(request, tmp_path):
    maker = globals().get(f"make_{request.param}")
    assert maker, f"add make_{request.param} to this file: it builds a small instance of the data set"
    return build(Dataset, request.param, maker(tmp_path)), tmp_path


def test_index(made):
    dataset, root = made
    index = dataset.index(root)
    assert {"image_id", "path", "label", "class_name", "split", "telling"} <= set(index.columns)
    assert index["image_id"].is_unique
    assert index["image_id"].is_monotonic_increasing
    assert set(index["split"]) <= {"train", "val", "test"}
    assert sorted(index["label"].unique()) == list(range(index["label"].nunique()))
    assert index.groupby("label")["class_name"].nunique().eq(1).all()
    assert index.equals(dataset.index(root))


def test_samples(made):
    dataset, root = made
    index = dataset.index(root)
    for i in range(3):
        sample = dataset.read(root, index.iloc[i], SIZE)
        assert sample.image.shape == (SIZE, SIZE, 3)
        assert sample.image.dtype == np.uint8
        assert sample.image.std() > 0
        assert len(sample.box) == 4
        assert set(sample.keypoints) <= set(dataset.part_names)
        assert all(0 <= x < SIZE and 0 <= y < SIZE for x, y in sample.keypoints.values())
        if sample.segments is not None:
            assert sample.segments.shape == (SIZE, SIZE)
            assert sample.segments.max() <= len(dataset.part_names)
        again = dataset.read(root, index.iloc[i], SIZE)
        assert np.array_equal(sample.image, again.image)


def test_prepared_arrays_follow_the_index(made):
    dataset, root = made
    data = prepare(dataset, root, SIZE)
    index = dataset.index(root)
    assert data.index["image_id"].tolist() == index["image_id"].tolist()
    position = len(index) - 1
    sample = dataset.read(root, index.iloc[position], SIZE)
    assert np.array_equal(data.images[position].numpy().transpose(1, 2, 0), sample.image)
    for part, point in sample.keypoints.items():
        assert np.allclose(data.keypoints[position, dataset.part_names.index(part)].numpy(), point)


def test_prepared_data_survive_the_disk(made, tmp_path):
    from bench import prepared

    dataset, root = made
    data = prepare(dataset, root, SIZE)
    data.write(tmp_path / "written")
    again = prepared.read(tmp_path / "written")
    assert again.index["image_id"].tolist() == data.index["image_id"].tolist()
    assert (again.images == data.images).all()
    assert (again.telling == data.telling).all()
    assert again.part_names == data.part_names
    assert (again.segments is None) == (data.segments is None)


def test_documentation(made):
    assert len((type(made[0]).__doc__ or "").split()) > 8
