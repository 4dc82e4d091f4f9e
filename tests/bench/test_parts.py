"""The drawn birds: deterministic, twins one part apart, and interventions that touch nothing else."""

import time

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter

from bench.datasets import _bird_classes as birds
from bench.datasets._bird_scene import draw_scene
from bench.datasets.base import Dataset
from bench.datasets.parts import Parts
from bench.splits import seed_for
from methods.errors import UserError

SIZE = 64


@pytest.fixture(scope="module")
def parts() -> Parts:
    return Parts(classes=24, images_per_class=3)


@pytest.fixture(scope="module")
def rows(parts: Parts) -> list[pd.Series]:
    """One image of every class."""
    return [row for _, row in parts.index(None).iloc[::3].iterrows()]


def dilated(mask: np.ndarray, pixels: int) -> np.ndarray:
    """Return the mask grown by a square of `pixels` on every side."""
    image = Image.fromarray(mask.astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.MaxFilter(2 * pixels + 1))) > 0


def footprint(parts: Parts, row: pd.Series, part: str) -> np.ndarray:
    """Return the pixels that the part touches at four times the size, and one more around them."""
    fine = parts.read(None, row, 4 * SIZE).segments == parts.part_names.index(part) + 1
    return dilated(fine.reshape(SIZE, 4, SIZE, 4).any((1, 3)), 1)


def test_the_index_has_the_columns_of_the_base_class():
    parts = Parts(images_per_class=7)
    assert isinstance(parts, Dataset)
    index = parts.index(None)
    assert list(index.columns) == ["image_id", "path", "label", "class_name", "split", "telling"]
    assert len(index) == 84
    assert index["image_id"].is_unique
    assert index["image_id"].is_monotonic_increasing
    assert index["image_id"].iloc[-1] == "parts-0-11-00006"
    assert sorted(set(index["label"])) == list(range(12))
    assert index.groupby("label")["class_name"].nunique().eq(1).all()
    assert index["class_name"].nunique() == 12
    assert set(index["split"]) == {"train", "val", "test"}
    assert all(isinstance(t, tuple) and len(t) == 1 and t[0] in parts.part_names for t in index["telling"])


def test_more_images_keep_the_images_and_splits_there_were():
    few, many = (Parts(images_per_class=n).index(None).set_index("image_id") for n in (5, 9))
    pd.testing.assert_frame_equal(few, many.loc[few.index])


def test_the_splits_have_the_wanted_shares():
    shares = Parts(validation=0.15, test=0.25).index(None)["split"].value_counts(normalize=True)
    assert shares["val"] == pytest.approx(0.15, abs=0.02)
    assert shares["test"] == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("label", range(birds.MAX_CLASSES))
def test_twins_differ_in_the_telling_part_alone_and_others_in_most(label: int):
    look = birds.species(label)
    for other in range(birds.MAX_CLASSES):
        differing = {part for part in look if look[part] != birds.species(other)[part]}
        if other == birds.twin(label):
            telling = birds.telling_part(label)
            assert differing == {telling}
            assert look[telling].shape != birds.species(other)[telling].shape
            assert look[telling].colour != birds.species(other)[telling].colour
        elif other != label:
            assert len(differing) >= 4


def test_the_default_classes_tell_by_six_different_parts():
    assert {birds.telling_part(label) for label in range(12)} == set(birds.TELLING) - {"eye"}
    assert all(birds.twin(birds.twin(label)) == label != birds.twin(label) for label in range(12))


def test_the_same_row_gives_the_same_bytes_and_another_seed_others(rows):
    first, again = (Parts(classes=24, images_per_class=3).read(None, rows[5], SIZE) for _ in range(2))
    assert first.image.tobytes() == again.image.tobytes()
    assert first.segments.tobytes() == again.segments.tobytes()
    assert (first.box, first.keypoints) == (again.box, again.keypoints)
    other = Parts(seed=1)
    row = other.index(None).query("label == 5").iloc[0]
    assert np.abs(other.read(None, row, SIZE).image.astype(int) - first.image).mean() > 5


def test_body_colours_do_not_depend_on_the_class():
    index = Parts(images_per_class=100).index(None)
    bodies = np.array([draw_scene(seed_for(image_id, 0)).body for image_id in index["image_id"]])
    means = pd.DataFrame(bodies).groupby(index["label"].to_numpy()).mean()
    assert (bodies.std(0) > 20).all()
    deviations = (means - bodies.mean(0)) / (bodies.std(0) / np.sqrt(100))
    assert deviations.abs().to_numpy().max() < 4


def test_another_size_shows_the_same_scene(parts, rows):
    for row in rows[::5]:
        small, large = parts.read(None, row, 64), parts.read(None, row, 192)
        shrunk = np.asarray(Image.fromarray(large.image).reduce(3)).astype(float)
        assert np.corrcoef(shrunk.ravel(), small.image.ravel())[0, 1] > 0.98
        assert np.mean(large.segments[1::3, 1::3] == small.segments) > 0.97


def test_annotations_agree_with_the_segments(parts, rows):
    for row in rows:
        sample = parts.read(None, row, SIZE)
        assert sample.image.shape == (SIZE, SIZE, 3)
        assert sample.image.dtype == sample.segments.dtype == np.uint8
        ys, xs = np.nonzero(sample.segments)
        assert sample.box == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
        assert 0.45 < (sample.box[2] - sample.box[0]) / SIZE < 0.95
        visible = {parts.part_names[number - 1] for number in np.unique(sample.segments[ys, xs])}
        assert set(sample.keypoints) == visible
        assert set(row["telling"]) <= visible
        for part, (x, y) in sample.keypoints.items():
            assert parts.part_names[sample.segments[int(y), int(x)] - 1] == part


def test_the_telling_part_is_not_always_in_the_middle():
    parts = Parts(images_per_class=10)
    rows = [row for _, row in parts.index(None).iterrows()]
    places = [parts.read(None, row, 32).keypoints[row["telling"][0]] for row in rows]
    assert (np.std(places, axis=0) > 0.12 * 32).all()


@pytest.mark.parametrize("part", ["body", *birds.TELLING])
def test_removing_a_part_changes_that_part_alone(parts, rows, part):
    number = parts.part_names.index(part) + 1
    for row in rows[::7]:
        before, after = parts.read(None, row, SIZE), parts.intervene(row, SIZE, part, "remove")
        own = before.segments == number
        changed = (before.image != after.image).any(2)
        assert not (changed & ~footprint(parts, row, part)).any()
        assert changed[own].mean() > 0.5
        assert part not in after.keypoints
        assert not (after.segments == number).any()
        np.testing.assert_array_equal(before.segments[~own], after.segments[~own])


def test_swapping_the_telling_part_gives_the_twin_in_the_same_scene(parts, rows):
    for row in rows:
        (telling,) = row["telling"]
        before, after = parts.read(None, row, SIZE), parts.intervene(row, SIZE, telling, "swap")
        twin = row.copy()
        twin["label"] = birds.twin(row["label"])
        np.testing.assert_array_equal(after.image, parts.read(None, twin, SIZE).image)
        either = footprint(parts, row, telling) | footprint(parts, twin, telling)
        changed = (before.image != after.image).any(2)
        assert changed.sum() >= 8
        assert not (changed & ~either).any()


def test_swapping_a_shared_part_changes_nothing(parts, rows):
    for part in ("body", "wing"):
        unchanged = parts.intervene(rows[0], SIZE, part, "swap")
        np.testing.assert_array_equal(unchanged.image, parts.read(None, rows[0], SIZE).image)


@pytest.mark.parametrize(
    "settings",
    [
        {"classes": 2}, {"classes": 13}, {"classes": 42}, {"classes": "12"}, {"classes": True},
        {"images_per_class": 0}, {"images_per_class": 2.5}, {"seed": -1}, {"seed": None},
        {"validation": -0.1}, {"test": 1.0}, {"validation": 0.5, "test": 0.5}, {"test": "0.2"},
        {"test": float("nan")},
    ],
)  # fmt: skip
def test_bad_settings_are_the_users_error(settings):
    with pytest.raises(UserError, match=next(iter(settings))):
        Parts(**settings)


def test_bad_requests_are_the_users_error(parts, rows):
    with pytest.raises(UserError, match="did you mean 'beak'"):
        parts.intervene(rows[0], SIZE, "beek", "remove")
    with pytest.raises(UserError, match="known are remove, swap"):
        parts.intervene(rows[0], SIZE, "beak", "paint")
    with pytest.raises(UserError, match="size"):
        parts.read(None, rows[0], 0)


def test_a_hundred_small_images_take_less_than_a_second(parts, rows):
    images = rows * 2
    start = time.process_time()
    for row in images:
        parts.read(None, row, SIZE)
    assert len(images) / (time.process_time() - start) > 100
