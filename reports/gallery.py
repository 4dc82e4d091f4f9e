"""Stage: pictures of the first evaluation images with every explainer's map.

`python -m reports.gallery --params params.yaml --experiment parts --artifacts artifacts`
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from bench import prepared, settings
from bench.artifacts import read_rows, read_tensors, write_json
from bench.settings import Experiment
from bench.stages.command import run, say
from methods.errors import UserError
from reports import glossary
from reports.overlays import Parts, is_flat, overlay, parts_picture, picture

SIDE = 224
PARTS_SIDE = 336
DRAWN_DATASETS = ("parts",)


@dataclass(frozen=True)
class Exhibits:
    """The images to show, in evaluation order; row i of every member is image i, G images in all.

    images: uint8 [G, 3, S, S].
    parts: the annotation of each.
    told: the teacher's prediction for each, and its ids.
    maps: explainer -> [G, h, w]; an explainer whose maps do not exist is left out.
    """

    images: Tensor
    parts: list[Parts]
    told: pd.DataFrame
    maps: dict[str, Tensor]


def read(folder: Path, experiment: Experiment) -> Exhibits:
    """Read what the gallery shows of one experiment.

    Raises:
        UserError: images or predictions are missing, or maps are not those of the predicted images.
    """
    work = folder / "work" / experiment.name
    told = read_rows(folder / "results" / experiment.name / "predictions.parquet")
    data = prepared.read(work / "data")
    shown = told.head(experiment.gallery_images)
    rows = data.rows(shown["image_id"].tolist()).tolist()
    telling = data.telling
    segments = data.segments
    return Exhibits(
        images=data.images[rows],
        parts=[
            Parts(
                data.keypoints[row],
                None if segments is None else segments[row],
                telling[row],
                data.part_names,
            )
            for row in rows
        ],
        told=shown,
        maps=_maps(work / "maps", experiment, len(told)),
    )


def _maps(folder: Path, experiment: Experiment, images: int) -> dict[str, Tensor]:
    found = {}
    for name in glossary.display_order(list(experiment.explainers)):
        path = folder / f"{name}.safetensors"
        if not path.is_file():
            continue
        maps = read_tensors(path)["saliency"]
        if len(maps) != images:
            raise UserError(f"'{path}' holds {len(maps)} maps for {images} predictions: run stage explain again")
        found[name] = maps[: experiment.gallery_images]
    return found


def draw(folder: Path, exhibits: Exhibits) -> list[dict[str, Any]]:
    """Save every picture below `folder` and return the description of each image."""
    told = exhibits.told.to_dict("records")
    return [_draw_image(folder, exhibits, i, told[i]) for i in tqdm(range(len(told)), desc="gallery")]


def _draw_image(folder: Path, exhibits: Exhibits, i: int, told: dict[str, Any]) -> dict[str, Any]:
    image, parts = exhibits.images[i], exhibits.parts[i]
    numbered = [
        {"number": part + 1, "name": parts.names[part], "telling": bool(parts.telling[part])}
        for part in parts.visible()
    ]
    maps = {
        name: {
            "file": _save(overlay(image, saliency[i], SIDE), folder / f"{i:03d}-{name}.jpg"),
            "flat": is_flat(saliency[i]),
            "finite": bool(saliency[i].isfinite().all()),
        }
        for name, saliency in exhibits.maps.items()
    }
    return {
        **{key: told[key] for key in ("image_id", "label_name", "target_name")},
        "probability": float(told["probability"]),
        "correct": bool(told["correct"]),
        "image": _save(picture(image, SIDE), folder / f"{i:03d}.jpg"),
        "parts": _save(parts_picture(image, parts, PARTS_SIDE), folder / f"{i:03d}-parts.jpg") if numbered else None,
        "named_parts": numbered,
        "maps": maps,
    }


def _save(drawn: Image.Image, path: Path) -> str:
    drawn.save(path, quality=85, optimize=True)
    return path.name


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """Give an empty folder that takes the place of `folder` at the end, or vanishes after an exception."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    old = fresh.with_name(f"{fresh.name}.old")
    try:
        yield fresh
        fresh.chmod(0o755)
        if folder.exists():
            os.replace(folder, old)
        os.replace(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def main(params: Path, experiment: str, artifacts: Path) -> None:
    """Draw the first evaluation images of --experiment below the folder --artifacts, with every map.

    Writes results/<experiment>/gallery/ and, for references that go without pictures, map_sizes.json.
    """
    chosen = settings.experiment(params, experiment)
    exhibits = read(artifacts, chosen)
    target = artifacts / "results" / experiment / "gallery"
    with replaced(target) as folder:
        described = {
            "experiment": experiment,
            "photographs": chosen.dataset["name"] not in DRAWN_DATASETS,
            "images": draw(folder, exhibits),
        }
        text = json.dumps(described, indent=2, ensure_ascii=False) + "\n"
        (folder / "gallery.json").write_text(text, encoding="utf-8")
    sizes = {name: list(maps.shape[-2:]) for name, maps in exhibits.maps.items()}
    write_json(target.with_name("map_sizes.json"), sizes)
    say("gallery", f"{len(exhibits.told)} images with {len(exhibits.maps)} maps each", target)


if __name__ == "__main__":
    run(main)
