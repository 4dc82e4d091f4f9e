"""Fine-grained data sets that torchvision knows: pets, aircraft and cars."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal

import pandas as pd
from torchvision.datasets import FGVCAircraft, OxfordIIITPet, StanfordCars

from bench.datasets._photographs import Fit, Framing, decode, locate
from bench.datasets.base import NO_BOX, Dataset, Sample
from bench.settings import Share
from bench.splits import unit_hash
from methods.errors import UserError

BANNER = 20  # rows at the bottom of each image of FGVC-Aircraft; they name its source
SPLITS = {"trainval": "train", "train": "train", "val": "val", "test": "test"}


@dataclass(frozen=True)
class FineGrained(Dataset):
    """Oxford-IIIT Pet, FGVC-Aircraft (variants) or Stanford Cars, found and fetched by torchvision.

    The official test split is `test`. The official validation split of the aircraft is `val`; of the
    others a share of the training images is held out, by the hash of the id. An id is the path below `folder`
    without suffix. The banner below each aircraft is cut off. Parts and boxes are not read.

    set: `oxford_iiit_pet`, `fgvc_aircraft` or `stanford_cars`.
    folder: where torchvision puts it or expects it, relative to `root` or absolute; `.` is `root` itself.
    download: fetch it if it is not there; Stanford Cars is no longer offered anywhere by its authors.
    validation: share of the training images to hold out, where there is no official validation split.
    fit: `crop` takes the largest square in the middle, `squash` stretches the whole photograph.

    Parkhi et al., CVPR 2012, https://www.robots.ox.ac.uk/~vgg/data/pets/; Maji et al. 2013,
    https://arxiv.org/abs/1306.5151; Krause et al., 3dRR 2013, https://ai.stanford.edu/~jkrause/papers/3drr13.pdf
    """

    set: Literal["oxford_iiit_pet", "fgvc_aircraft", "stanford_cars"]
    folder: str = "."
    download: bool = False
    validation: Share = 0.1
    fit: Fit = "crop"

    official: ClassVar[dict[str, tuple[str, ...]]] = {
        "oxford_iiit_pet": ("trainval", "test"),
        "fgvc_aircraft": ("train", "val", "test"),
        "stanford_cars": ("train", "test"),
    }

    @property
    def part_names(self) -> tuple[str, ...]:
        """No parts are annotated."""
        return ()

    def index(self, root: Path | None) -> pd.DataFrame:
        """Return one row per image; `path` is relative to `folder`, labels are the official ones."""
        folder = self._home(root)
        rows = [
            (_id(path), path, label, class_name, self._split(_id(path), SPLITS[split]), ())
            for split in self.official[self.set]
            for path, label, class_name in self._official(folder, split)
        ]
        columns = ["image_id", "path", "label", "class_name", "split", "telling"]
        return pd.DataFrame(rows, columns=columns).sort_values("image_id", ignore_index=True)

    def read(self, root: Path | None, row: pd.Series, size: int) -> Sample:
        """Return the image of one row; there is no annotation."""
        image = decode(self._home(root) / row["path"])
        if self.set == "fgvc_aircraft":
            image = image.crop((0, 0, image.width, image.height - BANNER))
        return Sample(Framing.of(image, self.fit, size).pixels(image), NO_BOX, {}, None)

    def _home(self, root: Path | None) -> Path:
        return locate(root, self.folder)

    def _split(self, image_id: str, split: str) -> str:
        draws = split == "train" and "val" not in self.official[self.set]
        return "val" if draws and unit_hash(image_id, "split") < self.validation else split

    def _official(self, folder: Path, split: str) -> Iterator[tuple[str, int, str]]:
        """Yield path below `folder`, label and class name of the images of one official split."""
        try:
            found = self._torchvision(folder, split)
        except (RuntimeError, ValueError, OSError) as error:
            reason = " ".join(str(error).split())
            remedy = "put it there" if self.set == "stanford_cars" else "put it there, or set `download: true`"
            raise UserError(f"data set '{self.set}' cannot be had from '{folder}' ({reason}): {remedy}") from None
        for path, label in _files(found):
            yield Path(path).relative_to(folder).as_posix(), int(label), str(found.classes[int(label)])

    def _torchvision(self, folder: Path, split: str) -> Any:
        if self.set == "oxford_iiit_pet":
            return OxfordIIITPet(folder, split, download=self.download)
        if self.set == "fgvc_aircraft":
            return FGVCAircraft(folder, split, download=self.download)
        return StanfordCars(folder, split)


def _files(found: Any) -> Iterable[tuple[str, int]]:
    """Return path and label of each image of a data set of torchvision, without reading any."""
    if isinstance(found, StanfordCars):
        return found._samples
    paths = found._images if isinstance(found, OxfordIIITPet) else found._image_files
    return zip(paths, found._labels, strict=True)


def _id(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(""))
