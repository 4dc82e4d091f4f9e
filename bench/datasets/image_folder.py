"""Anyone's photographs: one folder per class."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from bench.datasets._class_tree import composed, read_tree
from bench.datasets._photographs import Fit, Framing, decode, locate
from bench.datasets.base import NO_BOX, Dataset, Sample
from bench.settings import Share
from bench.splits import assign_split
from methods.errors import UserError


@dataclass(frozen=True)
class ImageFolder(Dataset):
    """A tree <folder>/<class>/.../<image>, or <folder>/<split>/<class>/.../<image>.

    The second form is recognised by `train` and at least one of `val` and `test`. A split that has
    no folder of its own is drawn from `train`, or from all images in the first form, by the hash of
    the id. Splits under other names are refused. An id is the path below `folder` without suffix, in
    Unicode's composed form (NFC) because file systems differ in that.

    Images are files in class folders whose names end in .jpg, .jpeg, .jfif, .png, .bmp, .webp, .avif,
    .tif, .tiff, .gif, .ppm or .pgm. Other files in class folders, and images beside these, are left out,
    and stage prepare says how many; hidden files are left out without a word. Linked folders are followed,
    and refused if their images are there already. Photographs are turned as their EXIF orientation says;
    transparency is dropped, of an animation the first frame is taken, and grey images of more than 8 bits are refused.

    Labels follow the sorted names of the class folders (character by character: `10` before `9`, `Z` before
    `a`). The outputs of a classifier of your own, used as it is, must be in this order.

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
        tree = read_tree(folder)
        rows = [
            (_image_id(path), path, class_name, self._split(split, path, tree.homes))
            for split, class_name, path in tree.images
        ]
        frame = pd.DataFrame(rows, columns=["image_id", "path", "class_name", "split"])
        _check(folder, frame, tree.homes)
        labels = {name: label for label, name in enumerate(sorted(set(frame["class_name"])))}
        telling = frame["image_id"].map(lambda _: ())
        frame = frame.assign(label=frame["class_name"].map(labels), telling=telling)
        columns = ["image_id", "path", "label", "class_name", "split", "telling"]
        return frame[columns].sort_values("image_id", ignore_index=True)

    def left_out(self, root: Path | None) -> str:
        """Count the files in class folders that are no images, and the images beside the class folders."""
        return read_tree(locate(root, self.folder)).left_out

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


def _image_id(path: str) -> str:
    return composed(PurePosixPath(path).with_suffix("").as_posix())


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
