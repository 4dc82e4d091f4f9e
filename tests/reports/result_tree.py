"""A small artifacts folder as the other stages would leave it, with made-up numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml

from bench import artifacts
from bench.prepared import Prepared
from bench.protocol import Protocol

EXPLAINERS = ["surrogate", "grad_cam", "score_cam", "rise", "uniform", "centre", "sobel"]
METRICS = {
    "insertion": ("higher", "Insertion AUC", 1.0),
    "deletion": ("lower", "Deletion AUC", 1.0),
    "average_drop": ("lower", "Average drop", 100.0),
    "pointing": ("higher", "Pointing game", 0.0),
    "part_pointing": ("higher", "Part pointing", 0.0),
    "telling_energy": ("higher", "Telling energy", 1.0),
}
DESCRIPTIONS = {"gini": ("neither", "Gini index", 1.0), "part_pointing:wing": ("neither", "Points at wing", 0.0)}
COLUMNS = METRICS | DESCRIPTIONS
QUALITY = dict(zip(EXPLAINERS, (0.71, 0.58, 0.66, 0.7, 0.2, 0.6, 0.3), strict=True))
SECONDS = dict(zip(EXPLAINERS, (0.004, 0.009, 0.9, 6.0, 1e-4, 1e-4, 3e-4), strict=True))
PARTS = ("head", "wing", "tail", "crest")
ENVIRONMENT = {"python": "3.12.1", "torch": "2.8.0", "device": "cpu", "cpu": "An Example CPU", "threads": 2}
TEACHER = {
    "architecture": "resnet18",
    "weights": "scratch",
    "parameters": 11177538,
    "top1": {"val": 0.94, "test": 0.92},
    "seconds": 61.2,
}


def settings(name: str, **changes: Any) -> dict[str, Any]:
    """Return one experiment as params.yaml has it."""
    return {
        "title": f"Drawn birds ({name})",
        "dataset": {"name": "parts"},
        "image_size": 32,
        "teacher": {"architecture": "resnet18", "fit": {"epochs": 6}},
        "explainers": {key: {"fit": {"epochs": 6}} if key == "surrogate" else {} for key in EXPLAINERS},
        "metrics": {key: {} for key in METRICS},
        "gallery_images": 2,
    } | changes


def write_params(root: Path, run: list[str], references: list[str] | None = None, **changes: Any) -> Path:
    """Write params.yaml for the given experiments."""
    content: dict[str, Any] = {"run": run, "experiments": {name: settings(name, **changes) for name in run}}
    if references is not None:
        content["references"] = references
    path = root / "params.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def write_results(
    folder: Path,
    images: int = 12,
    classes: tuple[str, ...] = ("lark", "wren"),
    metrics: tuple[str, ...] = tuple(COLUMNS),
    seeds: int = 1,
    **changes: Any,
) -> None:
    """Write everything below results/<experiment> except the gallery."""
    name = folder.name
    chosen = settings(name, **changes)
    artifacts.write_json(folder / "settings.json", {"name": name, **chosen})
    artifacts.write_json(folder / "metrics.json", {m: {"better": b, "title": t} for m, (b, t, _) in COLUMNS.items()})
    split = {"train": 80, "val": 20, "test": images}
    data = {"images": split, "classes": 2, "parts": list(PARTS), "checksum": "ab12"}
    artifacts.write_json(folder / "data.json", data)
    artifacts.write_json(folder / "environment.json", ENVIRONMENT)
    artifacts.write_json(folder / "teacher.json", TEACHER | {"evaluation_images": images})
    artifacts.write_json(folder / "map_sizes.json", {"surrogate": [8, 8], "grad_cam": [4, 4]})
    artifacts.write_json(folder / "claims.json", claims())
    artifacts.write_rows(folder / "effects.parquet", pd.DataFrame(columns=artifacts.EFFECT_COLUMNS, dtype=object))
    artifacts.write_rows(folder / "predictions.parquet", predictions(images, classes))
    for explainer in chosen["explainers"]:
        runs = [scores(name, explainer, images, metrics, seed) for seed in range(seeds)]
        artifacts.write_rows(folder / f"scores/{explainer}.parquet", pd.concat(runs, ignore_index=True))
        changes_of = [perturbation(explainer, images, metrics, seed) for seed in range(seeds)]
        artifacts.write_rows(folder / f"perturbation/{explainer}.parquet", pd.concat(changes_of, ignore_index=True))
        fields = {protocol(name, metric).id: protocol(name, metric).fields for metric in metrics}
        artifacts.write_json(folder / f"protocols/{explainer}.json", fields)
        artifacts.write_json(folder / f"throughput/{explainer}.json", throughput(name, explainer))
        summary = {"parameters": 2300000, "agreement": {"val": 0.95, "test": 0.93}, "seconds": 80.5}
        artifacts.write_json(folder / f"fits/{explainer}.json", summary if explainer == "surrogate" else {})
    artifacts.write_json(folder / "benchmarks.json", benchmarks())
    for name in ("teacher", *chosen["explainers"]):
        learned = name in ("teacher", "surrogate")
        artifacts.write_rows(folder / f"curves/{name}.csv", curve() if learned else pd.DataFrame({"epoch": []}))


def image_ids(images: int) -> list[str]:
    """Return the ids of the evaluation images in order."""
    return [f"image-{i:03d}" for i in range(images)]


def predictions(images: int, classes: tuple[str, ...]) -> pd.DataFrame:
    """Return the teacher's predictions; every fifth is wrong."""
    label = np.arange(images) % len(classes)
    target = np.where(np.arange(images) % 5 == 4, (label + 1) % len(classes), label)
    return pd.DataFrame(
        {
            "image_id": image_ids(images),
            "label": label,
            "label_name": [classes[i] for i in label],
            "target": target,
            "target_name": [classes[i] for i in target],
            "probability": 0.9,
            "correct": label == target,
        }
    )


def protocol(experiment: str, metric: str) -> Protocol:
    """Return the protocol of a made-up metric; columns of one metric share it."""
    fields = {"metric": metric.partition(":")[0], "dataset.name": experiment, "precision": "fp32", "image_size": 32}
    return Protocol(fields | ({"metric.settings.steps": 28} if metric in ("insertion", "deletion") else {}))


def scores(
    experiment: str, explainer: str, images: int, metrics: tuple[str, ...] = tuple(COLUMNS), seed: int = 0
) -> pd.DataFrame:
    """Return made-up scores around the explainer's quality, the same on every call."""
    rows = []
    for metric in metrics:
        better, _, scale = COLUMNS[metric]
        random = np.random.default_rng([len(metric), len(explainer), seed])
        quality = 1 - QUALITY.get(explainer, 0.5) if better == "lower" else QUALITY.get(explainer, 0.5)
        values = np.clip(quality + random.normal(0, 0.12, images), 0, 1)
        values = (values > 0.5).astype(float) if scale == 0 else values * scale
        if metric == "part_pointing" and images > 4:
            values[4] = np.nan
        own = pd.DataFrame({"image_id": image_ids(images), "metric": metric, "value": values})
        rows.append(own.assign(protocol=protocol(experiment, metric).id))
    return pd.concat(rows, ignore_index=True).assign(experiment=experiment, seed=seed, explainer=explainer)[
        artifacts.SCORE_COLUMNS
    ]


def perturbation(explainer: str, images: int, metrics: tuple[str, ...], seed: int = 0, steps: int = 7) -> pd.DataFrame:
    """Return made-up curves of deletion and insertion; a better explainer's fall and rise sooner."""
    random = np.random.default_rng([len(explainer), seed])
    fractions = np.linspace(0, 1, steps + 1)
    speed = 10 * QUALITY.get(explainer, 0.5) * random.uniform(0.5, 1.5, (images, 1))
    falling = 0.9 * np.exp(-speed * fractions)
    rows = [
        pd.DataFrame({"image_id": np.repeat(image_ids(images), steps + 1), "metric": metric})
        .assign(seed=seed, fraction=np.tile(fractions, images), probability=values.ravel())
        .astype({"fraction": "float32", "probability": "float32"})
        for metric, values in (("insertion", 0.9 - falling), ("deletion", falling))
        if metric in metrics
    ]
    return (
        pd.concat(rows, ignore_index=True)[artifacts.PERTURBATION_COLUMNS]
        if rows
        else pd.DataFrame(columns=artifacts.PERTURBATION_COLUMNS)
    )


def claims() -> dict[str, Any]:
    """Return a ledger with every verdict."""
    nothing = dict.fromkeys(("value", "low", "high", "p", "effect"))
    rate = {"label": "frames per second (cpu)", "value": 250.0, "low": 240.5, "high": 260.0, "unit": "fps"}
    ratio = {"label": "times as fast as rise", "value": 1500.0, "low": 1400.0, "high": 1600.0, "unit": "times"}
    better = {"label": "insertion: surrogate minus grad_cam", "value": 0.13, "low": 0.08, "high": 0.18, "unit": "share"}
    drop = {"label": "average_drop: surrogate minus rise", "value": -4.0, "low": -6.5, "high": 1.0, "unit": "percent"}
    figures = {
        "speed": [nothing | rate | {"n": 20, "seeds": 1, "outcome": ""}],
        "speed_ratio": [nothing | ratio | {"n": 20, "seeds": 1, "outcome": "3.2 orders of magnitude"}],
        "finer": [nothing | better | {"n": 12, "seeds": 1, "outcome": "better", "p": 0.0004, "effect": 0.91}],
        "as_accurate": [nothing | drop | {"n": 12, "seeds": 1, "outcome": "inconclusive", "p": 0.21, "effect": -0.3}],
        "ablations": [nothing | {"label": "cells", "unit": "cells", "value": 64.0, "n": 1, "seeds": 1, "outcome": ""}],
    }
    verdicts = ("reproduced", "reproduced", "not reproduced", "inconclusive", "not testable here")
    found = {
        name: {
            "title": f"Title of {name}",
            "quote": f"The abstract says {name}.",
            "hypothesis": f"It is {name}.",
            "test": f"A test of {name}.",
            "verdict": verdict,
            "reason": f"Because of {name}.",
            "figures": own,
            "missing": [],
        }
        for verdict, (name, own) in zip(verdicts, figures.items(), strict=True)
    }
    found["ablations"]["missing"] = ["scores of surrogate_last_stage"]
    return found


def throughput(experiment: str, explainer: str) -> dict[str, Any]:
    """Return what pytest-benchmark writes, as far as the report reads it."""
    benchmarks = []
    for batch in (1, 8):
        seconds = SECONDS.get(explainer, 0.01) * (1 if batch == 1 else 5)
        info = {"explainer": explainer, "experiment": experiment, "batch": batch, "image_size": 32}
        info |= {
            "device": "cpu",
            "precision": "fp32",
            "fps": batch / seconds,
            "forward_ratio": seconds / 0.003,
            "forward_passes": 1.0,
            "overhead": seconds / batch / 0.002,
            "peak_memory": 30_000_000 * batch,
        }
        stats = {"median": seconds, "mean": seconds, "rounds": 5, "data": [seconds] * 5}
        benchmarks.append({"stats": stats, "extra_info": info})
    commit = {"id": "0123456789abcdef", "dirty": True}
    told = {"commit_info": commit, "datetime": "2026-01-02T03:04:05+00:00"}
    clock = {"source": "clock_gettime(CLOCK_MONOTONIC)", "resolution": 1e-9, "monotonic": True}
    return {"machine_info": {"cpu": {"brand_raw": "An Example CPU"}, "clock": clock}, "benchmarks": benchmarks, **told}


def benchmarks() -> dict[str, Any]:
    """Return what the whole throughput suite writes, as far as the report reads it."""
    seconds = {"ours": 0.1, "theirs_as_shipped": 0.31, "theirs_in_our_runtime": 0.2}
    infos = [
        {"pair": "rise, transcription", "batch": 1, "seconds": seconds},
        {"explainer": "rise", "axis": "image_size", "slope": 1.97, "sizes": [32, 64], "seconds": [0.1, 0.39]},
        {"forward_passes_per_image": 87.0, "overhead": 1.43},
    ]
    return {"benchmarks": [{"stats": {}, "extra_info": info} for info in infos]}


def curve() -> pd.DataFrame:
    """Return six epochs of training."""
    epochs = np.arange(1, 7)
    return pd.DataFrame({"epoch": epochs, "loss": 2 / epochs, "val_loss": 2.2 / epochs, "val_top1": 1 - 0.6 / epochs})


def write_work(folder: Path, images: int = 12, classes: tuple[str, ...] = ("lark", "wren"), size: int = 32) -> None:
    """Write the prepared data and the maps below work/<experiment>; the control `centre` is flat."""
    generator = torch.Generator().manual_seed(0)
    told = predictions(images, classes)
    points = torch.rand(images, len(PARTS), 2, generator=generator) * (size - 8) + 4
    points[:, 3] = torch.nan
    segments = torch.zeros(images, size, size, dtype=torch.uint8)
    for i in range(images):
        for part in range(3):
            x, y = (int(value) for value in points[i, part])
            segments[i, max(0, y - 4) : y + 4, max(0, x - 3) : x + 4] = part + 1
    index = pd.DataFrame({"image_id": told["image_id"], "path": "", "label": told["label"], "split": "test"})
    index["class_name"] = told["label_name"]
    index["telling"] = [["wing"]] * images
    shuffled = index.iloc[::-1].reset_index(drop=True)
    pixels = torch.randint(90, 190, (images, 3, size, size), generator=generator, dtype=torch.uint8)
    data = Prepared(shuffled, pixels, torch.full((images, 4), torch.nan), points.flip(0), segments.flip(0), PARTS)
    data.write(folder / "data")
    for explainer in EXPLAINERS:
        side = 4 if explainer in ("grad_cam", "score_cam") else 8
        maps = torch.rand(images, side, side, generator=generator)
        maps = torch.ones_like(maps) if explainer == "centre" else maps
        artifacts.write_tensors(folder / f"maps/{explainer}.safetensors", {"saliency": maps})
