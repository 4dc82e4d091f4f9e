"""Pets, aircraft and cars in torchvision's layouts, made here in miniature."""

import numpy as np
import pytest
import torchvision
from PIL import Image
from scipy.io import savemat

from bench.datasets.base import Dataset
from bench.datasets.fine_grained import BANNER, FineGrained
from bench.splits import unit_hash
from methods.errors import UserError
from methods.registry import build


def picture(path, size=(50, 40), colour=(10, 200, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, quality=95)


def pets(root):
    home = root / "oxford-iiit-pet"
    (home / "annotations").mkdir(parents=True)
    for split, numbers in (("trainval", range(20)), ("test", range(20, 26))):
        names = [
            (f"{name}_{number}", label) for label, name in enumerate(("Abyssinian", "great_dane")) for number in numbers
        ]
        lines = [f"{name} {label + 1} 1 1" for name, label in names]
        (home / "annotations" / f"{split}.txt").write_text("\n".join(lines) + "\n")
        for name, _ in names:
            picture(home / "images" / f"{name}.jpg")


def aircraft(root):
    home = root / "fgvc-aircraft-2013b/data"
    home.mkdir(parents=True)
    (home / "variants.txt").write_text("Boeing 737-700\nF-16A/B\n")
    for count, split in enumerate(("train", "val", "test")):
        lines = [f"{100 * count + i:07d} {('Boeing 737-700', 'F-16A/B')[i % 2]}" for i in range(6)]
        (home / f"images_variant_{split}.txt").write_text("\n".join(lines) + "\n")
        for line in lines:
            path = home / "images" / f"{line.split()[0]}.jpg"
            picture(path, (60, 40 + BANNER), (0, 0, 255))
            banner = np.array(Image.open(path))
            banner[40:] = 255
            Image.fromarray(banner).save(path, quality=95)


def cars(root):
    home = root / "stanford_cars"
    (home / "devkit").mkdir(parents=True)
    kind = [("fname", object), ("class", object)]
    for split, place in (
        ("train", home / "devkit/cars_train_annos.mat"),
        ("test", home / "cars_test_annos_withlabels.mat"),
    ):
        rows = np.array([(f"{i:05d}.jpg", 1 + i % 2) for i in range(12)], dtype=kind)
        savemat(place, {"annotations": rows})
        for i in range(12):
            picture(home / f"cars_{split}" / f"{i:05d}.jpg")
    savemat(home / "devkit/cars_meta.mat", {"class_names": np.array(["Audi TT 2012", "Fiat 500 2012"], dtype=object)})


MAKERS = {"oxford_iiit_pet": pets, "fgvc_aircraft": aircraft, "stanford_cars": cars}
COUNTS = {"oxford_iiit_pet": (40, 12), "fgvc_aircraft": (6, 6), "stanford_cars": (12, 12)}
CLASSES = {
    "oxford_iiit_pet": ["Abyssinian", "Great Dane"],
    "fgvc_aircraft": ["Boeing 737-700", "F-16A/B"],
    "stanford_cars": ["Audi TT 2012", "Fiat 500 2012"],
}


@pytest.mark.parametrize("name", MAKERS)
def test_official_splits_labels_and_pictures(name, tmp_path):
    MAKERS[name](tmp_path)
    dataset = build(Dataset, "fine_grained", {"set": name, "validation": 0.0})
    index = dataset.index(tmp_path)
    assert (index["split"].eq("train").sum(), index["split"].eq("test").sum()) == COUNTS[name]
    assert index["image_id"].is_unique and index["image_id"].is_monotonic_increasing
    assert index.groupby("label")["class_name"].first().tolist() == CLASSES[name]
    assert index.groupby("label")["class_name"].nunique().tolist() == [1, 1]
    assert all((tmp_path / path).is_file() for path in index["path"])
    assert dataset.read(tmp_path, index.iloc[0], 16).image.shape == (16, 16, 3)


def test_validation_is_drawn_by_hash_where_there_is_no_official_one(tmp_path):
    pets(tmp_path)
    aircraft(tmp_path)
    index = FineGrained("oxford_iiit_pet", validation=0.3).index(tmp_path)
    learned = index[index["split"] != "test"]
    expected = ["val" if unit_hash(image_id, "split") < 0.3 else "train" for image_id in learned["image_id"]]
    assert learned["split"].tolist() == expected and set(expected) == {"train", "val"}
    assert FineGrained("fgvc_aircraft", validation=0.9).index(tmp_path)["split"].value_counts().to_dict() == {
        "train": 6,
        "val": 6,
        "test": 6,
    }


@pytest.mark.parametrize("fit", ["crop", "squash"])
def test_banner_of_aircraft_is_cut_off(fit, tmp_path):
    aircraft(tmp_path)
    dataset = FineGrained("fgvc_aircraft", fit=fit)
    image = dataset.read(tmp_path, dataset.index(tmp_path).iloc[0], 40).image
    assert image[..., 2].min() > 150 and image[..., :2].max() < 120


@pytest.mark.parametrize(("name", "remedy"), [("fgvc_aircraft", "download: true"), ("stanford_cars", "put it there$")])
def test_missing_data_are_named_with_a_remedy(name, remedy, tmp_path):
    with pytest.raises(UserError, match=f"data set '{name}' cannot be had from .*{remedy}"):
        FineGrained(name).index(tmp_path)


def test_without_a_root_the_variable_is_named():
    with pytest.raises(UserError, match="BENCH_DATA is not set"):
        FineGrained("oxford_iiit_pet").index(None)


def test_download_goes_to_the_folder_and_a_failure_is_told(tmp_path, monkeypatch):
    asked = []

    def refused(url, root, *rest, **settings):
        asked.append((url, root))
        raise OSError("no route to host")

    monkeypatch.setattr(torchvision.datasets.fgvc_aircraft, "download_and_extract_archive", refused)
    with pytest.raises(UserError, match="no route to host"):
        FineGrained("fgvc_aircraft", folder="here", download=True).index(tmp_path)
    assert asked[0][0].endswith(".tar.gz") and str(asked[0][1]) == str(tmp_path / "here")


def test_download_is_unpacked_and_read(tmp_path, monkeypatch):
    def fetched(url, download_root, md5=None):
        if url.endswith("images.tar.gz"):
            pets(tmp_path / "here")

    monkeypatch.setattr(torchvision.datasets.oxford_iiit_pet, "download_and_extract_archive", fetched)
    assert len(FineGrained("oxford_iiit_pet", folder="here", download=True).index(tmp_path)) == 52
