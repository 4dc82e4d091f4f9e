"""The images of one experiment, decoded once, with their annotation."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from bench import artifacts
from methods.errors import UserError


@dataclass(frozen=True)
class Prepared:
    """Row i of every member is image i; N images of S x S pixels, P parts.

    index: image_id, path, label, class_name, split, telling (list of part names).
    images: uint8 [N, 3, S, S], RGB.
    boxes: float32 [N, 4], (x0, y0, x1, y1) in pixels; NaN if unknown.
    keypoints: float32 [N, P, 2], (x, y) in pixels; NaN if the part is not visible.
    segments: uint8 [N, S, S], 0 background, i is part i - 1; or None.
    """

    index: pd.DataFrame
    images: Tensor
    boxes: Tensor
    keypoints: Tensor
    segments: Tensor | None
    part_names: tuple[str, ...]

    @property
    def class_names(self) -> list[str]:
        """Names by label."""
        return _class_names(self.index)

    @property
    def telling(self) -> Tensor:
        """Bool [N, P]: the parts that tell the image's class from its nearest one."""
        rows = [[name in set(told) for name in self.part_names] for told in self.index["telling"]]
        return torch.tensor(rows, dtype=torch.bool).reshape(len(self.index), len(self.part_names))

    def rows(self, image_ids: list[str], named_in: Path) -> np.ndarray:
        """Positions of the images that a file names."""
        positions = pd.Index(self.index["image_id"]).get_indexer(pd.Index(image_ids))
        if (positions < 0).any():
            absent = image_ids[int(positions.argmin())]
            what = f"'{named_in}' is of another experiment (image '{absent}' was not prepared)"
            raise UserError(f"{what}: run the stage that writes it again (dvc repro)")
        return positions

    def split(self, name: str) -> np.ndarray:
        """Positions of one split's images."""
        return np.flatnonzero(self.index["split"] == name)

    def write(self, folder: Path) -> None:
        """Write index.parquet and arrays.safetensors."""
        tensors: dict[str, Any] = {
            "images": self.images,
            "boxes": self.boxes,
            "keypoints": self.keypoints,
        }
        if self.segments is not None:
            tensors["segments"] = self.segments
        artifacts.write_rows(folder / "index.parquet", self.index)
        artifacts.write_tensors(folder / "arrays.safetensors", tensors, part_names=list(self.part_names))


def read(folder: Path, image_size: int | None = None) -> Prepared:
    """Read what `Prepared.write` wrote.

    Raises:
        UserError: the images are not of `image_size` pixels a side, if it is given.
    """
    path = folder / "arrays.safetensors"
    tensors = artifacts.read_tensors(path)
    if image_size is not None:
        check_same(folder, "prepare", {"image_size": tensors["images"].shape[-1]}, {"image_size": image_size})
    return Prepared(
        index=artifacts.read_rows(folder / "index.parquet"),
        images=tensors["images"],
        boxes=tensors["boxes"],
        keypoints=tensors["keypoints"],
        segments=tensors.get("segments"),
        part_names=tuple(artifacts.read_metadata(path)["part_names"]),
    )


def read_class_names(folder: Path) -> list[str]:
    """Read the names by label, without the images."""
    return _class_names(artifacts.read_rows(folder / "index.parquet"))


def check_same(path: Path, stage: str, told: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Compare what a file tells of its making with what it is read for; what an older file does not tell passes.

    Raises:
        UserError: a value differs.
    """
    for key, value in json.loads(json.dumps(wanted)).items():  # as it is read back: lists for tuples
        if told.get(key, value) != value:
            what = f"'{path}' was made with {key} {told[key]!r}, not {value!r}"
            raise UserError(f"{what}: set it back, name the files of one run, or run stage {stage} again")


def _class_names(index: pd.DataFrame) -> list[str]:
    return index.drop_duplicates("label").sort_values("label")["class_name"].tolist()
