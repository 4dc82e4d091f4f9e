"""Stage prepare: decode every image once, at the experiment's size, and fix the splits."""

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from bench import artifacts, settings
from bench.checking import check
from bench.datasets.base import Dataset
from bench.prepared import Prepared
from bench.stages.command import run, say
from methods.errors import UserError
from methods.registry import build


def main(params: Path, experiment: str, data: Path, summary: Path) -> None:
    """Read the data set that --experiment names; write --data (a folder) and --summary (JSON)."""
    chosen = settings.experiment(params, experiment)
    check(chosen)
    own = dict(chosen.dataset)
    dataset = build(Dataset, own.pop("name"), own)  # type: ignore[type-abstract]
    root = bench_data()
    result = prepare(dataset, root, chosen.image_size)
    result.write(data)
    artifacts.write_json(summary, summarise(result))
    left_out = dataset.left_out(root)
    read = f"data set '{chosen.dataset['name']}'" + (f", leaving out files: {left_out}" if left_out else "")
    say("prepare", read, f"{len(result.index)} images to {data}")


def bench_data() -> Path | None:
    """Return the folder named by BENCH_DATA, or None if it is not set."""
    folder = os.environ.get("BENCH_DATA")
    if folder and not Path(folder).is_dir():
        raise UserError(f"BENCH_DATA is '{folder}', which is not a folder: set it to the one that holds the data")
    return Path(folder) if folder else None


def prepare(dataset: Dataset, root: Path | None, size: int) -> Prepared:
    """Read all images of a data set at `size` x `size` pixels, with their annotation.

    Raises:
        UserError: there is a single class, or images that cannot be read, of which the first ten are named.
    """
    index = dataset.index(root).reset_index(drop=True)
    if index["label"].nunique() < 2:
        raise UserError("the data set has a single class, of which nothing can be told apart: add images of another")
    names = dataset.part_names
    images = torch.empty(len(index), 3, size, size, dtype=torch.uint8)
    segments = torch.zeros(len(index), size, size, dtype=torch.uint8)
    boxes = torch.empty(len(index), 4)
    keypoints = torch.full((len(index), len(names), 2), float("nan"))
    segmented = False
    bad: list[str] = []
    for i in tqdm(range(len(index)), desc="prepare", unit="image"):
        try:
            sample = dataset.read(root, index.iloc[i], size)
        except UserError as error:
            bad.append(str(error))
            continue
        images[i] = torch.from_numpy(np.ascontiguousarray(sample.image.transpose(2, 0, 1)))
        boxes[i] = torch.tensor(sample.box)
        for part, point in sample.keypoints.items():
            keypoints[i, names.index(part)] = torch.tensor(point)
        if sample.segments is not None:
            segments[i], segmented = torch.from_numpy(sample.segments), True
    if bad:
        raise UserError(_together(bad))
    index["telling"] = [list(told) for told in index["telling"]]
    return Prepared(index, images, boxes, keypoints, segments if segmented else None, names)


def _together(errors: list[str]) -> str:
    """Return one message for the images that could not be read; it names the first ten."""
    if len(errors) == 1:
        return errors[0]
    of_all = ", the first 10 of them" if len(errors) > 10 else ""
    return f"{len(errors)} images cannot be used{of_all}: {'; '.join(errors[:10])}"


def summarise(data: Prepared) -> dict[str, Any]:
    """Describe prepared data: sizes of the splits, classes, parts, and a checksum of all pixels."""
    return {
        "images": {name: len(data.split(name)) for name in ("train", "val", "test")},
        "classes": len(data.class_names),
        "parts": list(data.part_names),
        "checksum": hashlib.sha256(data.images.numpy().tobytes()).hexdigest()[:16],
    }


if __name__ == "__main__":
    run(main)
