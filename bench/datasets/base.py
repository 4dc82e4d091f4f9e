"""What a data set is to the benchmark."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

Action = Literal["remove", "swap"]
NO_BOX = (float("nan"),) * 4


@dataclass(frozen=True)
class Sample:
    """One image at the experiment's size, with whatever annotation the data set has.

    image: uint8 RGB, [size, size, 3].
    box: (x0, y0, x1, y1) of the object in pixels of `image`, the far edges exclusive; NaN if unknown.
    keypoints: part name -> (x, y) in pixels of `image`, for the parts visible inside it alone.
    segments: uint8 [size, size]; 0 is background, i is `part_names[i - 1]`; None if not annotated.
    """

    image: np.ndarray
    box: tuple[float, float, float, float]
    keypoints: dict[str, tuple[float, float]]
    segments: np.ndarray | None


class Dataset(ABC):
    """A data set; the fields of a subclass are its settings in params.yaml."""

    @property
    @abstractmethod
    def part_names(self) -> tuple[str, ...]:
        """Names of the annotated parts, in a fixed order; empty if there are none."""

    @abstractmethod
    def index(self, root: Path | None) -> pd.DataFrame:
        """Return one row per image, sorted by `image_id`; images are not opened.

        Columns: `image_id` (unique str, stable over time), `path` (str, relative, may be empty),
        `label` (int from 0), `class_name` (str), `split` (train, val or test), and `telling`
        (tuple of part names that tell the class from its nearest one; empty if unknown).

        Args:
            root: the folder named by the environment variable `BENCH_DATA`, or None.

        Raises:
            UserError: the data are missing or incomplete; the message says what to do.
        """

    @abstractmethod
    def read(self, root: Path | None, row: pd.Series, size: int) -> Sample:
        """Return the image of one row of `index` at `size` x `size` pixels.

        Raises:
            UserError: the image is missing, unreadable or truncated; the message names the file.
        """

    def left_out(self, root: Path | None) -> str:
        """Return which files beside those of `index` are left out, counted by reason; empty, as here, if none are."""
        return ""

    def intervene(self, row: pd.Series, size: int, part: str, action: Action) -> Sample | None:
        """Return the image of one row with one part removed or given its nearest class's look.

        None, as here, if the data set cannot draw its images again.
        """
        return None
