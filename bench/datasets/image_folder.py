"""Anyone's photographs: one folder per class."""

import os
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from bench.datasets._photographs import Fit, Framing, decode, locate
from bench.datasets.base import NO_BOX, Dataset, Sample
from bench.settings import Share
from bench.splits import assign_split
from methods.errors import UserError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm")
SPLITS = ("train", "val", "test")
SPLIT_NAMES = "train, val and test (train and one of the others suffice)"
ALIASES = (*SPLITS, "training", "valid", "validation", "testing")  # of no class: two of them are other people's splits


@dataclass(frozen=True)
class ImageFolder(Dataset):
    """A tree <folder>/<class>/.../<image>, or <folder>/<split>/<class>/.../<image>.

    The second form is recognised by `train` and at least one of `val` and `test`. A split that has
    no folder of its own is drawn from `train`, or from all images in the first form, by the hash of
    the id. An id is the path below `folder` without suffix, in Unicode's composed form (NFC) because
    file systems differ in that. Hidden files and files that are no images (`SUFFIXES`) are ignored.

    folder: relative to `root`, or absolute.
    validation, test: shares of the images to draw for `val` and `test`.
    fit: `crop` takes the largest square in the middle, `squash` stretches the whole photograph.
    """

    folder: str
    validation: Share = 0.1
    test: Share = 0.2
    fit: Fit = "crop"

    def __post_init__(self) -> None:
        """Refuse shares that leave no training split."""
        if self.validation + self.test >= 1:
            raise UserError("image_folder: validation + test leave nothing to train on: keep the sum below 1")

    @property
    def part_names(self) -> tuple[str, ...]:
        """No parts are annotated."""
        return ()

    def index(self, root: Path | None) -> pd.DataFrame:
        """Return one row per image; `path` is relative to `folder`, labels follow the sorted class names."""
        folder = locate(root, self.folder)
        homes = _split_folders(folder)
        rows = [
            (_image_id(path), path, class_name, self._split(split, path, homes))
            for split, home in homes.items()
            for class_name, path in _images(folder, home)
        ]
        frame = pd.DataFrame(rows, columns=["image_id", "path", "class_name", "split"])
        _check(folder, frame, homes)
        labels = {name: label for label, name in enumerate(sorted(set(frame["class_name"])))}
        telling = frame["image_id"].map(lambda _: ())
        frame = frame.assign(label=frame["class_name"].map(labels), telling=telling)
        columns = ["image_id", "path", "label", "class_name", "split", "telling"]
        return frame[columns].sort_values("image_id", ignore_index=True)

    def read(self, root: Path | None, row: pd.Series, size: int) -> Sample:
        """Return the image of one row, turned as its EXIF orientation says; there is no annotation."""
        image = decode(locate(root, self.folder) / row["path"], upright=True)
        return Sample(Framing.of(image, self.fit, size).pixels(image), NO_BOX, {}, None)

    def _split(self, home: str, path: str, homes: dict[str, Path]) -> str:
        """Return the split of an image in the folder of split `home` (empty: there are none)."""
        if home in ("val", "test"):
            return home
        validation = 0.0 if "val" in homes else self.validation
        return assign_split(_image_id(path), validation, 0.0 if "test" in homes else self.test)


def _split_folders(folder: Path) -> dict[str, Path]:
    """Return split -> its folder, or the empty name -> `folder` if the split is not laid down."""
    if not folder.is_dir():
        raise UserError(f"'{folder}' does not exist or is no folder: correct `folder` or BENCH_DATA")
    found = {path.name: path for path in _folders(folder)}
    splits = {name: found[name] for name in SPLITS if name in found}
    if "train" not in splits or len(splits) == 1:
        meant = sorted(name for name in found if name.casefold() in ALIASES)
        if len(meant) > 1:
            raise UserError(f"'{folder}' has {' and '.join(meant)}, splits by their names: call them {SPLIT_NAMES}")
        return {"": folder}
    other = sorted(set(found) - set(splits))
    if other:
        raise UserError(f"'{folder}' has '{other[0]}' beside the splits {', '.join(splits)}: move it elsewhere")
    return splits


def _images(folder: Path, home: Path) -> Iterator[tuple[str, str]]:
    """Yield (class name, path relative to `folder`) of the images of every class in `home`."""
    classes = _folders(home)
    if not classes:
        raise UserError(f"'{home}' has no class: put the images of each class into a sub-folder")
    for class_folder in classes:
        paths = [path.relative_to(folder).as_posix() for path in _files(class_folder)]
        if not paths:
            known = " ".join(SUFFIXES)
            raise UserError(f"class folder '{class_folder}' has no image ({known}): add some or remove it")
        for path in paths:
            yield _composed(class_folder.name), path


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise UserError(f"cannot list '{folder}' ({error.strerror}): make it readable") from None


def _files(folder: Path) -> Iterator[Path]:
    """Yield the images anywhere below `folder` that are not hidden."""
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                yield Path(place, name)


def _image_id(path: str) -> str:
    return _composed(PurePosixPath(path).with_suffix("").as_posix())


def _composed(name: str) -> str:
    """Return a name in Unicode's form NFC.

    Raises:
        UserError: the name's bytes on disk are not UTF-8.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        raise UserError(f"the file name {name!a} is not valid UTF-8: rename the file") from None
    return unicodedata.normalize("NFC", name)


def _check(folder: Path, frame: pd.DataFrame, homes: dict[str, Path]) -> None:
    """Refuse images with one id, and classes that are tested but never trained."""
    image_id, count = Counter(frame["image_id"]).most_common(1)[0]
    if count > 1:
        first, second = sorted(frame["path"][frame["image_id"] == image_id])[:2]
        raise UserError(f"'{first}' and '{second}' in '{folder}' would have the same id: rename one of them")
    trained = set(frame["class_name"][frame["split"] == "train"])
    unknown = sorted(frame["path"][~frame["class_name"].isin(trained)])
    if unknown and "train" in homes and not unknown[0].startswith("train/"):
        raise UserError(f"the class of '{unknown[0]}' in '{folder}' is missing in 'train': add it there")
    if unknown:
        remedy = "give the class more images, or lower `validation` and `test`"
        raise UserError(f"no image of the class of '{unknown[0]}' in '{folder}' is drawn for training: {remedy}")
