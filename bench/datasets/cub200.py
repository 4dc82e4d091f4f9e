"""CUB-200-2011: photographs of birds with a bounding box and 15 parts.

Wah, Branson, Welinder, Perona and Belongie, "The Caltech-UCSD Birds-200-2011 Dataset", 2011,
https://www.vision.caltech.edu/datasets/cub_200_2011/. Research use only.
"""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np
import pandas as pd

from bench.datasets import _download
from bench.datasets._photographs import Box, Fit, Framing, decode, locate
from bench.datasets.base import Dataset, Sample
from bench.settings import Share
from bench.splits import unit_hash
from methods.errors import UserError

URL = "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz?download=1"
MD5 = "97eceeb196236b17998738112f37df78"
ARCHIVED = "CUB_200_2011"

PART_NAMES = (
    *("back", "beak", "belly", "breast", "crown", "forehead", "left eye", "left leg", "left wing"),
    *("nape", "right eye", "right leg", "right wing", "tail", "throat"),
)

T = TypeVar("T")
Positions = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Cub200(Dataset):
    """The official data set, or any subset of its images and classes in the same layout.

    The official test split is `test`. An image's id is its file name without suffix, a class's name
    is stripped of its number, so that both are the same in a subset.

    folder: relative to `root`, or absolute; holds images.txt, classes.txt, parts/, images/ ...
    download: if `folder` is missing, fetch the official archive (1.1 GB, kept beside `folder`) and
        unpack it. Without `root`, into `bench_data` in the user's cache folder.
    validation: share of the official training split that is held out, by the hash of the id.
    fit: `crop` takes the largest square in the middle, `squash` stretches the whole photograph.
    """

    folder: str = ARCHIVED
    download: bool = False
    validation: Share = 0.1
    fit: Fit = "crop"

    @property
    def part_names(self) -> tuple[str, ...]:
        """The 15 parts in the order of parts.txt, which `index` compares with them."""
        return PART_NAMES

    def index(self, root: Path | None) -> pd.DataFrame:
        """Return one row per image; `path` is relative to `folder`, and every file is known to exist."""
        folder = self._home(root)
        if self.download and not folder.exists():
            download(folder)
        frame = _tables(folder).frame
        _check_images(folder, frame["path"])
        held_out = [unit_hash(image_id, "split") < self.validation for image_id in frame["image_id"]]
        split = np.where(frame["training"], np.where(held_out, "val", "train"), "test")
        telling = frame["image_id"].map(lambda _: ())
        return frame.drop(columns="training").assign(split=split, telling=telling)

    def read(self, root: Path | None, row: pd.Series, size: int) -> Sample:
        """Return the image of one row; the published parts are taken as indices of pixels.

        A part at column i is thus at i + 0.5 in the continuous positions of `Framing`, while a box's
        near edges are positions already. Pixels are used as stored, like the annotation (no EXIF turn).
        """
        folder = self._home(root)
        tables = _tables(folder)
        image = decode(folder / row["path"])
        framing = Framing.of(image, self.fit, size)
        return Sample(
            image=framing.pixels(image),
            box=framing.box(tables.boxes[row["image_id"]]),
            keypoints=framing.keypoints(tables.parts[row["image_id"]]),
            segments=None,
        )

    def _home(self, root: Path | None) -> Path:
        if root is None and self.download:
            root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bench_data"
        return locate(root, self.folder, ", or set `download: true` in the settings of the data set")


def download(folder: Path, url: str = URL, md5: str = MD5) -> None:
    """Fetch the official archive to beside `folder` and unpack it there.

    Raises:
        UserError: the download failed, or `folder` has another name than the data set it would hold.
    """
    if folder.name != ARCHIVED:
        raise UserError(f"'{folder}' does not exist and only '{ARCHIVED}' can be downloaded: correct `folder`")
    archive = folder.with_name(f"{ARCHIVED}.tgz")
    _download.fetch(url, archive, md5)
    _download.unpack(archive, ARCHIVED, folder)


@dataclass(frozen=True)
class _Tables:
    """The text files of the layout, by the id of the image.

    frame: image_id, path, label, class_name, and training (bool), sorted by image_id.
    boxes: continuous positions in the photograph.
    parts: continuous positions of the visible parts in the photograph.
    """

    frame: pd.DataFrame
    boxes: dict[str, Box]
    parts: dict[str, Positions]


@lru_cache(maxsize=4)
def _tables(folder: Path) -> _Tables:
    """Parse the layout once per process.

    Raises:
        UserError: the folder or a table is missing, malformed, or at odds with the others.
    """
    if not folder.is_dir():
        raise UserError(f"'{folder}' does not exist: put CUB_200_2011 there, or set `download: true`")
    paths = _column(folder, "images.txt", str)
    if not paths:
        raise UserError(f"'{folder / 'images.txt'}' lists no image: unpack the data set again")
    ids = {number: PurePosixPath(path).stem for number, path in paths.items()}
    if len(set(ids.values())) < len(ids):
        raise UserError(f"'{folder / 'images.txt'}' lists two files of the same name: rename one of them")
    boxes = _column(folder, "bounding_boxes.txt", _box, columns=5)
    _check_complete(folder, "bounding_boxes.txt", ids, boxes)
    parts = _parts(folder)
    _check_complete(folder, "parts/part_locs.txt", ids, parts)
    return _Tables(
        frame=_frame(folder, ids, paths),
        boxes={image_id: boxes[number] for number, image_id in ids.items()},
        parts={image_id: parts[number] for number, image_id in ids.items()},
    )


def _frame(folder: Path, ids: dict[str, str], paths: dict[str, str]) -> pd.DataFrame:
    """Return `_Tables.frame`; labels count the classes that have images from 0, as classes.txt lists them."""
    names = _column(folder, "classes.txt", lambda name: re.sub(r"^\d+\.", "", name).replace("_", " "))
    classes = _column(folder, "image_class_labels.txt", str)
    training = _column(folder, "train_test_split.txt", lambda flag: bool(int(flag)))
    _check_complete(folder, "image_class_labels.txt", ids, classes)
    _check_complete(folder, "train_test_split.txt", ids, training)
    present = {classes[number] for number in ids}
    _check_complete(folder, "classes.txt", present, names, "class")
    labels = {class_id: label for label, class_id in enumerate(filter(present.__contains__, names))}
    rows = [(ids[n], f"images/{paths[n]}", labels[classes[n]], names[classes[n]], training[n]) for n in ids]
    frame = pd.DataFrame(rows, columns=["image_id", "path", "label", "class_name", "training"])
    return frame.sort_values("image_id", ignore_index=True)


def _parts(folder: Path) -> dict[str, Positions]:
    """Return image number -> part name -> centre of the annotated pixel, for visible parts alone."""
    names = _column(folder, "parts/parts.txt", str)
    if tuple(names.values()) != PART_NAMES:
        raise UserError(f"'{folder / 'parts/parts.txt'}' must list the 15 parts of CUB-200-2011 in order")
    parts: dict[str, Positions] = {}
    path = folder / "parts/part_locs.txt"
    for fields in _lines(path, columns=5):
        image, part, x, y, visible = fields
        seen = parts.setdefault(image, {})
        try:
            if int(visible):
                seen[names[part]] = (float(x) + 0.5, float(y) + 0.5)
        except (ValueError, KeyError):
            raise _malformed(path, fields) from None
    return parts


def _box(x: str, y: str, width: str, height: str) -> Box:
    return float(x), float(y), float(x) + float(width), float(y) + float(height)


def _column(folder: Path, name: str, convert: Callable[..., T], columns: int = 2) -> dict[str, T]:
    """Return first field -> `convert` of the other fields, in the order of the file."""
    table = {}
    for fields in _lines(folder / name, columns):
        try:
            table[fields[0]] = convert(*fields[1:])
        except ValueError:
            raise _malformed(folder / name, fields) from None
    return table


def _lines(path: Path, columns: int) -> Iterable[list[str]]:
    """Yield the fields of each line; only the last one may contain spaces."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "is missing" if isinstance(error, FileNotFoundError) else "cannot be read"
        raise UserError(f"'{path}' {reason}: the data set is incomplete, unpack it again") from None
    for line in filter(None, map(str.strip, text.splitlines())):
        fields = line.split(maxsplit=columns - 1)
        if len(fields) < columns:
            raise _malformed(path, fields)
        yield fields


def _malformed(path: Path, fields: list[str]) -> UserError:
    return UserError(f"'{path}' has a malformed line '{' '.join(fields)}': unpack the data set again")


def _check_complete(folder: Path, name: str, keys: Iterable[str], table: dict, what: str = "image") -> None:
    for key in keys:
        if key not in table:
            raise UserError(f"'{folder / name}' has no line for {what} {key}: unpack the data set again")


def _check_images(folder: Path, paths: Iterable[str]) -> None:
    missing = [path for path in paths if not (folder / path).is_file()]
    if missing:
        raise UserError(
            f"'{folder / missing[0]}' is missing ({len(missing)} of the files in images.txt are):"
            " unpack the data set again"
        )
