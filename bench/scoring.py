"""Every metric of one explainer's maps, image by image."""

from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from bench.loading import Evaluation
from bench.metrics.base import Batch, Curve, CurveMetric, Method, Metric, finite
from bench.settings import Experiment
from methods.classifier import Classifier
from methods.registry import build
from methods.resize import upsample_maps
from methods.runtime import Runtime


@dataclass(frozen=True)
class Scores:
    """What one set of maps scores on N images.

    values: column -> one number per image, [N]; NaN beyond the images that a metric is limited to.
    curves: column -> the curve that the number sums up, of the images that were scored, the first ones.
    """

    values: dict[str, Tensor]
    curves: dict[str, Curve]


def build_metrics(chosen: Experiment) -> list[Metric]:
    """Build the metrics that the experiment names, in its order."""
    return [build(Metric, name, own or {}) for name, own in chosen.metrics.items()]  # type: ignore[type-abstract]


def score(
    metrics: list[Metric],
    model: Classifier,
    method: Method,
    evaluation: Evaluation,
    maps: Tensor,
    changed: dict[str, Tensor],
    machine: Runtime,
    name: str,
    draw: int = 0,
) -> Scores:
    """Score maps [N, h, w] of the evaluation's images, a batch at a time; `name` is for the progress bar."""
    count, names = len(evaluation.rows), evaluation.data.part_names
    values = {column: torch.full((count,), float("nan")) for m in metrics for column in m.columns_for(names)}
    parts: dict[str, list[Curve]] = {}
    size = (evaluation.data.images.shape[-2], evaluation.data.images.shape[-1])
    with tqdm(total=count, desc=f"score {name}", unit="image") as bar:
        for chunk in evaluation.chunks(machine.images_at_once):
            batch = batch_of(evaluation, chunk, method, changed, machine, draw)
            saliency = upsample_maps(maps[chunk].to(machine.device), size)
            for metric in metrics:
                limit = count if metric.images is None else metric.images
                within = slice(0, max(0, min(len(chunk), limit - int(chunk[0]))))
                if within.stop:
                    with machine.autocast(), torch.no_grad():
                        found, curves = measured(metric, model, batch.take(within), saliency[within])
                    for column, one in found.items():
                        values[column][chunk[within]] = one.float().cpu()
                    for column, curve in curves.items():
                        parts.setdefault(column, []).append(curve)
            bar.update(len(chunk))
    return Scores(values, {column: joined(some) for column, some in parts.items()})


def measured(
    metric: Metric, model: Classifier, batch: Batch, saliency: Tensor
) -> tuple[dict[str, Tensor], dict[str, Curve]]:
    """Return the metric's numbers, and the curves behind them if it has any."""
    if not isinstance(metric, CurveMetric):
        return metric(model, batch, saliency), {}
    curves = metric.curves(model, batch, finite(saliency))
    return {column: metric.summary(curve) for column, curve in curves.items()}, curves


def joined(curves: list[Curve]) -> Curve:
    """Put the curves of successive images below each other, on the CPU."""
    return Curve(curves[0].fractions.cpu(), torch.cat([curve.probabilities.float().cpu() for curve in curves]))


def batch_of(
    evaluation: Evaluation, chunk: Tensor, method: Method, changed: dict[str, Tensor], machine: Runtime, draw: int
) -> Batch:
    """Return the images at positions `chunk` with their annotation and the draw's seeds, on the device."""
    data, rows, device = evaluation.data, evaluation.rows[chunk], machine.device
    table = {
        name: torch.from_numpy(evaluation.predictions[name].to_numpy()[chunk.numpy()]).to(device)
        for name in ("label", "probability")
    }
    return Batch(
        images=evaluation.images(chunk, machine),
        targets=evaluation.targets(chunk, machine),
        labels=table["label"],
        probabilities=table["probability"],
        seeds=evaluation.seeds(chunk, draw),
        boxes=data.boxes[rows].to(device),
        keypoints=data.keypoints[rows].to(device),
        segments=None if data.segments is None else data.segments[rows].to(device),
        telling=data.telling[rows].to(device),
        removed=changed["remove"][chunk].to(device),
        swapped=changed["swap"][chunk].to(device),
        part_names=data.part_names,
        method=method,
    )


def changed_parts(effects: pd.DataFrame, evaluation: Evaluation) -> dict[str, Tensor]:
    """Return the probabilities after removing and after swapping each part, [N, P]; NaN where unknown."""
    ids, parts = evaluation.predictions["image_id"], list(evaluation.data.part_names)
    found = {}
    for action in ("remove", "swap"):
        table = effects[effects["action"] == action].pivot(index="image_id", columns="part", values="probability")
        found[action] = torch.tensor(table.reindex(index=ids, columns=parts).to_numpy(dtype="float32"))
    return found
