"""Drawn birds whose classes differ, two by two, in exactly one known part.

Fine-grained recognition with the answer known: every image says which pixels belong to which part,
which part tells its class from its twin, and can be drawn again with one part removed or swapped,
everything else the same. The body's colour, the pose, the light and the surroundings are drawn
afresh for every image and tell nothing about the class.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd

from bench.datasets._bird_classes import MAX_CLASSES, Look, class_name, species, telling_part, twin
from bench.datasets._bird_drawing import PART_NAMES, draw
from bench.datasets._bird_scene import draw_scene
from bench.datasets.base import NO_BOX, Action, Dataset, Sample
from bench.splits import assign_split, seed_for
from methods.errors import UserError, one_of

MIN_SIZE, MIN_CLASSES, MAX_IMAGES = 16, 4, 100_000


@dataclass(frozen=True)
class Parts(Dataset):
    """Drawn birds in pairs of classes; nothing is read from disk.

    classes: even, 4 to 40; 2i and 2i + 1 are twins. The six pairs of the default tell by six different parts.
    images_per_class: before the split; the default leaves about 3 400 of 4 800 images for training.
    seed: another seed gives other images of the same classes.
    validation, test: shares of the images, 0 to 1, together below 1.

    Raises:
        UserError: a setting is out of its range.
    """

    classes: int = 12
    images_per_class: int = 400
    seed: int = 0
    validation: float = 0.1
    test: float = 0.2

    def __post_init__(self) -> None:
        _require_whole("classes", self.classes, MIN_CLASSES, MAX_CLASSES)
        if self.classes % 2:
            raise UserError(f"parts: classes must be even, for they come in twins, not {self.classes}")
        _require_whole("images_per_class", self.images_per_class, 1, MAX_IMAGES)
        _require_whole("seed", self.seed, 0, 2**63 - 1)
        shares = (self.validation, self.test)
        if any(isinstance(share, bool) or not isinstance(share, int | float) for share in shares):
            raise UserError(f"parts: validation and test must be numbers, not {shares}")
        if not (min(shares) >= 0 and sum(shares) < 1):
            raise UserError(f"parts: validation and test must be at least 0 and together below 1, not {shares}")

    @property
    def part_names(self) -> tuple[str, ...]:
        """The drawn parts, in the order of the segmentation."""
        return PART_NAMES

    def index(self, root: Path | None = None) -> pd.DataFrame:
        """Return one row per image, see `Dataset.index`; `root` is not used and `path` is empty."""
        rows = []
        for label in range(self.classes):
            name, telling = class_name(label), (telling_part(label),)
            for number in range(self.images_per_class):
                image_id = f"parts-{self.seed}-{label:02d}-{number:05d}"
                split = assign_split(image_id, self.validation, self.test)
                rows.append((image_id, "", label, name, split, telling))
        return pd.DataFrame(rows, columns=["image_id", "path", "label", "class_name", "split", "telling"])

    def read(self, root: Path | None, row: pd.Series, size: int) -> Sample:
        """Draw the image of one row; `root` is not used.

        Raises:
            UserError: `size` is not a whole number from 16.
        """
        return self._draw(row, size, species(int(row["label"])))

    def intervene(self, row: pd.Series, size: int, part: str, action: Action) -> Sample:
        """Draw the image of `row` again with one part changed and every pixel away from it the same.

        `remove` leaves the part out and shows what is behind it. `swap` gives it the twin's look: for
        the telling part the result is the twin's picture in the same scene, for any other part, which
        the twins share, it is the unchanged picture.

        Raises:
            UserError: unknown part or action, or `size` is not a whole number from 16.
        """
        if part not in PART_NAMES:
            raise one_of("part", part, list(PART_NAMES))
        if action not in get_args(Action):
            raise one_of("action", action, list(get_args(Action)))
        label = int(row["label"])
        looks = species(label)
        if action == "remove":
            return self._draw(row, size, looks, without=part)
        if part in looks:
            looks = looks | {part: species(twin(label))[part]}
        return self._draw(row, size, looks)

    def _draw(self, row: pd.Series, size: int, looks: dict[str, Look], without: str | None = None) -> Sample:
        """Return the picture and the annotation that its segments give."""
        _require_whole("size", size, MIN_SIZE, 2**14)
        scene = draw_scene(seed_for(row["image_id"], self.seed))
        image, segments = draw(scene, looks, int(size), without)
        return Sample(image, _box(segments), _keypoints(segments), segments)


def _require_whole(name: str, value: int, least: int, most: int) -> None:
    """Raise UserError unless `value` is a whole number from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
        raise UserError(f"parts: {name} must be a whole number from {least} to {most}, not {value!r}")


def _box(segments: np.ndarray) -> tuple[float, float, float, float]:
    """Return the tight box around every part, far edges exclusive."""
    rows, columns = np.flatnonzero(segments.any(1)), np.flatnonzero(segments.any(0))
    if not len(rows):
        return NO_BOX
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def _keypoints(segments: np.ndarray) -> dict[str, tuple[float, float]]:
    """Return for each visible part the centre of its pixel nearest to the mean of its pixels."""
    points = {}
    rows, columns = np.nonzero(segments)
    numbers = segments[rows, columns]
    for number, part in enumerate(PART_NAMES, start=1):
        own = numbers == number
        if own.any():
            y, x = rows[own], columns[own]
            nearest = np.argmin((y - y.mean()) ** 2 + (x - x.mean()) ** 2)
            points[part] = (float(x[nearest] + 0.5), float(y[nearest] + 0.5))
    return points
