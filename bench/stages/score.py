"""Stage score: every metric of one explainer's maps, one number per image."""

from pathlib import Path

import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from bench import artifacts, settings
from bench.loading import Evaluation, load_evaluation, load_teacher, serve
from bench.metrics.base import Batch, Metric
from bench.settings import Experiment
from bench.stages.command import run, say
from methods import runtime
from methods.classifier import Classifier
from methods.registry import build
from methods.resize import upsample
from methods.runtime import Runtime

BATCH = 8  # images


def main(
    params: Path,
    experiment: str,
    explainer: str,
    data: Path,
    teacher: Path,
    predictions: Path,
    maps: Path,
    scores: Path,
) -> None:
    """Read prepared --data, the --teacher, its --predictions and the --maps; write --scores."""
    chosen = settings.experiment(params, experiment)
    metrics = build_metrics(chosen)
    machine = runtime.start(chosen.device, chosen.precision)
    evaluation = load_evaluation(data, predictions, chosen.seed)
    model = serve(load_teacher(teacher, chosen.teacher, machine), chosen.image_size, machine)
    values = score(metrics, model, evaluation, artifacts.read_tensors(maps)["saliency"], machine, explainer)
    artifacts.write_rows(scores, long_rows(values, evaluation, chosen, explainer))
    say(f"score {explainer}", maps, f"{len(evaluation.rows)} images x {len(values)} columns to {scores}")


def build_metrics(chosen: Experiment) -> list[Metric]:
    """Build the metrics that the experiment names, in its order."""
    return [build(Metric, name, own or {}) for name, own in chosen.metrics.items()]  # type: ignore[type-abstract]


def score(
    metrics: list[Metric], model: Classifier, evaluation: Evaluation, maps: Tensor, machine: Runtime, name: str
) -> dict[str, Tensor]:
    """Return each column's value per image, [N]."""
    columns: dict[str, list[Tensor]] = {column: [] for metric in metrics for column in metric.columns}
    size = (evaluation.data.images.shape[-2], evaluation.data.images.shape[-1])
    with tqdm(total=len(evaluation.rows), desc=f"score {name}", unit="image") as bar:
        for chunk in evaluation.chunks(BATCH):
            batch = batch_of(evaluation, chunk, machine)
            saliency = upsample(maps[chunk].to(machine.device), size)
            for metric in metrics:
                with machine.autocast(), torch.inference_mode():
                    for column, values in metric.score(model, batch, saliency).items():
                        columns[column].append(values.float().cpu())
            bar.update(len(chunk))
    return {column: torch.cat(values) for column, values in columns.items()}


def batch_of(evaluation: Evaluation, chunk: Tensor, machine: Runtime) -> Batch:
    """Return the images at positions `chunk` with their annotation, on the device."""
    data, rows, device = evaluation.data, evaluation.rows[chunk], machine.device
    probabilities = torch.from_numpy(evaluation.predictions["probability"].to_numpy()[chunk.numpy()])
    return Batch(
        images=evaluation.images(chunk, machine),
        targets=evaluation.targets(chunk, machine),
        probabilities=probabilities.to(device),
        boxes=data.boxes[rows].to(device),
        keypoints=data.keypoints[rows].to(device),
        segments=None if data.segments is None else data.segments[rows].to(device),
        telling=data.telling[rows].to(device),
    )


def long_rows(values: dict[str, Tensor], evaluation: Evaluation, chosen: Experiment, explainer: str) -> pd.DataFrame:
    """Return one row per image and column, with `artifacts.SCORE_COLUMNS`."""
    wide = pd.DataFrame({name: column.numpy() for name, column in values.items()})
    wide.insert(0, "image_id", evaluation.predictions["image_id"])
    rows = wide.melt("image_id", var_name="metric", value_name="value")
    rows = rows.assign(experiment=chosen.name, seed=chosen.seed, explainer=explainer)
    return rows[artifacts.SCORE_COLUMNS]


if __name__ == "__main__":
    run(main)
