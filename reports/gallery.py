"""Stage: layered pictures of the first evaluation images and of each method's best, median and worst.

`python -m reports.gallery --params params.yaml --experiment parts --artifacts artifacts`
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from bench import prepared, settings
from bench.artifacts import read_rows, read_tensors, write_json
from bench.overlays import is_flat
from bench.settings import Experiment
from bench.stages.command import run, say
from methods.errors import UserError
from reports import cases, glossary, layers, stage_attention
from reports.annotation import Parts, parts_layer
from reports.stage_attention import StageAttention

DRAWN_DATASETS = ("parts",)
LOOKED_INTO = 3  # images whose attention is shown stage by stage


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


def read(folder: Path, experiment: Experiment, more: Sequence[str] = ()) -> Exhibits:
    """Read what the gallery shows of one experiment: the first images and those with the ids `more`.

    Raises:
        UserError: images or predictions are missing, images are of another size than the settings say, or maps are not
            those of the predicted images.
    """
    work = folder / "work" / experiment.name
    predictions = folder / "results" / experiment.name / "predictions.parquet"
    told = read_rows(predictions)
    data = prepared.read(work / "data", experiment.image_size)
    chosen = ((told.index < experiment.gallery_images) | told["image_id"].isin(list(more))).to_numpy()
    shown = told[chosen]
    rows = data.rows(shown["image_id"].tolist(), predictions).tolist()
    telling = data.telling
    segments = data.segments
    return Exhibits(
        images=data.images[rows],
        parts=[
            Parts(data.keypoints[row], None if segments is None else segments[row], telling[row], data.part_names)
            for row in rows
        ],
        told=shown,
        maps=_maps(work / "maps", experiment, chosen),
    )


def _maps(folder: Path, experiment: Experiment, chosen: NDArray[np.bool_]) -> dict[str, Tensor]:
    """Return the maps of the first seed, to which the scores and the cases belong; see `cases.first_seed`."""
    found = {}
    for name in glossary.display_order(list(experiment.explainers)):
        path = folder / f"{name}.safetensors"
        if not path.is_file():
            continue
        maps = read_tensors(path)["saliency"]
        if len(maps) != len(chosen):
            raise UserError(f"'{path}' holds {len(maps)} maps for {len(chosen)} predictions: run stage explain again")
        found[name] = maps[np.flatnonzero(chosen)]
    return found


def draw(
    folder: Path, exhibits: Exhibits, first: int, chosen: dict[str, dict[str, str]], inside: StageAttention | None
) -> list[dict[str, Any]]:
    """Save every layer below `folder` and return the description of each image.

    Args:
        folder: an empty folder.
        exhibits: the images; `first` of them are shown with every map, the others with those that chose them.
        first: how many.
        chosen: explainer -> case -> image id.
        inside: the surrogate's stages on as many of the first images as it holds; or None.
    """
    described = []
    for i, told in enumerate(tqdm(exhibits.told.to_dict("records"), desc="gallery")):
        wanted = [name for name, own in chosen.items() if told["image_id"] in own.values()]
        image = _draw_image(folder, exhibits, i, list(exhibits.maps) if i < first else wanted, told)
        size = exhibits.images.shape[-1]
        image["stages"] = _draw_stages(folder, inside, i, size) if inside and i < inside.maps.shape[1] else []
        described.append(image)
    return described


def _draw_image(folder: Path, exhibits: Exhibits, i: int, names: list[str], told: dict[str, Any]) -> dict[str, Any]:
    image, parts = exhibits.images[i], exhibits.parts[i]
    size, numbered = image.shape[-1], parts.visible()
    layer = parts_layer(parts, size, layers.PARTS_SIDE) if numbered else None
    return {
        **{key: told[key] for key in ("image_id", "label_name", "target_name")},
        "probability": float(told["probability"]),
        "correct": bool(told["correct"]),
        "image": layers.save(layers.image_layer(image), folder / f"{i:03d}.webp"),
        "parts": layers.save(layer, folder / f"{i:03d}-parts.webp") if layer else None,
        "named_parts": [
            {"number": part + 1, "name": parts.names[part], "telling": bool(parts.telling[part])} for part in numbered
        ],
        "maps": {
            name: _draw_map(exhibits.maps[name][i], size, folder / f"{i:03d}-{name}.webp")
            for name in names
            if name in exhibits.maps
        },
    }


def _draw_map(saliency: Tensor, size: int, path: Path) -> dict[str, Any]:
    return {
        "file": layers.save(layers.map_layer(saliency, size), path),
        "flat": is_flat(saliency),
        "finite": bool(saliency.isfinite().all()),
    }


def _draw_stages(folder: Path, inside: StageAttention, i: int, size: int) -> list[dict[str, Any]]:
    """Draw one image's stages, coarsest first: attention with its range, and the map fused so far."""
    return [
        {
            "attention": _draw_map(attention[i], size, folder / f"{i:03d}-attention-{s}.webp"),
            "low": round(float(attention[i].min()), 3),
            "high": round(float(attention[i].max()), 3),
            "map": _draw_map(fused[i], size, folder / f"{i:03d}-fused-{s}.webp"),
        }
        for s, (attention, fused) in enumerate(zip(inside.attention, inside.maps, strict=True))
    ]


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
    """Draw the first evaluation images of --experiment below the folder --artifacts with every map, and the cases.

    Writes results/<experiment>/gallery/ and, for references that go without pictures, map_sizes.json.
    """
    setting = settings.experiment(params, experiment)
    work, target = artifacts / "work" / experiment, artifacts / "results" / experiment / "gallery"
    ids = read_rows(target.with_name("predictions.parquet"))["image_id"].tolist()
    chosen = cases.read(target.with_name("scores"), list(setting.explainers), ids)
    exhibits = read(artifacts, setting, [one for own in chosen.values() for one in own.values()])
    first = min(setting.gallery_images, len(ids))
    looked, targets = min(first, LOOKED_INTO), torch.from_numpy(exhibits.told["target"].to_numpy().copy())
    inside = stage_attention.read(work, setting, exhibits.images[:looked], targets[:looked])
    with replaced(target) as folder:
        described = {
            "experiment": experiment,
            "photographs": setting.dataset["name"] not in DRAWN_DATASETS,
            "first": first,
            "images": draw(folder, exhibits, first, chosen, inside),
            "case_metric": cases.METRIC,
            "cases": {name: own for name, own in chosen.items() if name in exhibits.maps},
        }
        text = json.dumps(described, indent=2, ensure_ascii=False) + "\n"
        (folder / "gallery.json").write_text(text, encoding="utf-8")
    sizes = {name: list(maps.shape[-2:]) for name, maps in exhibits.maps.items()}
    write_json(target.with_name("map_sizes.json"), sizes)
    say("gallery", f"{len(exhibits.told)} images, {first} of them with {len(exhibits.maps)} maps", target)


if __name__ == "__main__":
    run(main)
