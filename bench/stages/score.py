"""Stage score: every metric of one explainer's maps, one number per image."""

from pathlib import Path

import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from bench import artifacts, protocol, settings
from bench.loading import Evaluation, build_explainer, load_evaluation, load_model, load_teacher, serve
from bench.metrics.base import Batch, Method, Metric
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
    effects: Path,
    fit: Path,
    maps: Path,
    scores: Path,
    protocols: Path,
) -> None:
    """Score --maps; write --scores and the --protocols under which they were taken.

    Reads prepared --data, the --teacher, its --predictions and the --effects of interventions, and
    for metrics that explain again the explainer's --fit.
    """
    chosen = settings.experiment(params, experiment)
    metrics = build_metrics(chosen)
    machine = runtime.start(chosen.device, chosen.precision)
    evaluation = load_evaluation(data, predictions, chosen.seed)
    original, explains = load_teacher(teacher, chosen.teacher, machine), build_explainer(chosen, explainer)
    model, saliency = serve(original, chosen.image_size, machine), artifacts.read_tensors(maps)
    changed = changed_parts(artifacts.read_rows(effects), evaluation)
    found = protocol.of_columns(chosen, metrics, evaluation.data.part_names)
    tables = []
    for draw in range(len(saliency)):
        drawn = saliency[artifacts.saliency_of(draw)]
        method = Method(explains, load_model(explains, original, fit, chosen.image_size, machine, draw))
        values = score(metrics, model, method, evaluation, drawn, changed, machine, explainer, draw)
        tables.append(long_rows(values, evaluation, chosen, explainer, found, draw))
    artifacts.write_json(protocols, {one.id: one.fields for one in dict.fromkeys(found.values())})
    artifacts.write_rows(scores, pd.concat(tables, ignore_index=True))
    say(f"score {explainer}", maps, f"{len(evaluation.rows)} images x {len(values)} columns to {scores}")


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
) -> dict[str, Tensor]:
    """Return each column's value per image, [N]; NaN beyond the images that a metric is limited to."""
    count, names = len(evaluation.rows), evaluation.data.part_names
    columns = {column: torch.full((count,), float("nan")) for m in metrics for column in m.columns_for(names)}
    size = (evaluation.data.images.shape[-2], evaluation.data.images.shape[-1])
    with tqdm(total=count, desc=f"score {name}", unit="image") as bar:
        for chunk in evaluation.chunks(BATCH):
            batch = batch_of(evaluation, chunk, method, changed, machine, draw)
            saliency = upsample(maps[chunk].to(machine.device), size)
            for metric in metrics:
                limit = count if metric.images is None else metric.images
                within = slice(0, max(0, min(len(chunk), limit - int(chunk[0]))))
                if within.stop:
                    with machine.autocast(), torch.no_grad():
                        for column, values in metric(model, batch.take(within), saliency[within]).items():
                            columns[column][chunk[within]] = values.float().cpu()
            bar.update(len(chunk))
    return columns


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


def long_rows(
    values: dict[str, Tensor],
    evaluation: Evaluation,
    chosen: Experiment,
    explainer: str,
    protocols: dict[str, protocol.Protocol],
    draw: int = 0,
) -> pd.DataFrame:
    """Return one row per image and column, with `artifacts.SCORE_COLUMNS`; the seed counts the draws on."""
    wide = pd.DataFrame({name: column.numpy() for name, column in values.items()})
    wide.insert(0, "image_id", evaluation.predictions["image_id"])
    rows = wide.melt("image_id", var_name="metric", value_name="value")
    rows = rows.assign(experiment=chosen.name, seed=chosen.seed + draw, explainer=explainer)
    rows["protocol"] = rows["metric"].map({column: one.id for column, one in protocols.items()})
    return rows[artifacts.SCORE_COLUMNS]


if __name__ == "__main__":
    run(main)
