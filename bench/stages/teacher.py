"""Stage teacher: train the classifier and fix the explained class of each evaluation image."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from bench import artifacts, prepared, settings
from bench.loading import check_size, create_teacher, serve, write_teacher
from bench.prepared import Prepared
from bench.settings import Experiment
from bench.splits import NAMES, evaluation_order
from bench.stages.command import run, say
from bench.training import Classification, Examples, predict, top1, train
from methods import runtime
from methods.classifier import Classifier, check_finite, check_trained
from methods.errors import UserError
from methods.runtime import Runtime


def main(
    params: Path, experiment: str, data: Path, weights: Path, predictions: Path, summary: Path, curve: Path
) -> None:
    """Read prepared --data; write --weights, --predictions, --summary and the training --curve."""
    chosen = settings.experiment(params, experiment)
    machine = runtime.start(chosen.device)
    images = prepared.read(data, chosen.image_size)
    began = time.perf_counter()
    teacher, rows = fit_teacher(chosen, images, machine)
    seconds = time.perf_counter() - began
    machine = runtime.start(chosen.device, chosen.precision)
    table, accuracy = explained_classes(chosen, images, serve(teacher, chosen.image_size, machine), machine)
    write_teacher(weights, teacher, chosen, images.class_names)
    artifacts.write_rows(predictions, table)
    artifacts.write_rows(curve, rows)
    artifacts.write_json(summary, _summary(chosen, teacher, accuracy, len(table), seconds))
    split = chosen.evaluation_split
    say("teacher", data, f"{weights}, top-1 {accuracy[split]:.1%} on the {NAMES[split]} split")


def fit_teacher(chosen: Experiment, data: Prepared, machine: Runtime) -> tuple[Classifier, pd.DataFrame]:
    """Build the teacher and train it on the training split, if the settings say so.

    Raises:
        UserError: the settings cannot be met, or nothing could be evaluated afterwards.
    """
    evaluated(chosen, data)
    recipe = chosen.teacher.fit
    teacher = create_teacher(chosen.teacher, len(data.class_names), chosen.seed)
    if recipe is None:
        check_trained(chosen.teacher, len(data.class_names))
    for size in {chosen.image_size, chosen.timing_size or chosen.image_size}:
        check_size(teacher, size)
    machine.place(teacher)
    if recipe is None:
        return teacher, pd.DataFrame({"epoch": []})
    objective = Classification(teacher, recipe.label_smoothing)
    trainer = Runtime(machine.device, recipe.precision)

    def validate() -> dict[str, float]:
        return {"val_top1": _accuracy(teacher, data, "val", trainer)}

    rows = train(objective, examples(data), recipe, trainer, chosen.seed, validate, "teacher")
    return machine.place(teacher), rows  # type: ignore[return-value]


def evaluated(chosen: Experiment, data: Prepared) -> np.ndarray:
    """Return the positions of the split that is evaluated."""
    split = chosen.evaluation_split
    rows = data.split(split)
    if not len(rows):
        raise UserError(f"the {NAMES[split]} split is empty: check the data set and its split settings")
    return rows


def examples(data: Prepared) -> Examples:
    """Return the training split."""
    rows = torch.from_numpy(data.split("train"))
    if len(rows) < 2:
        raise UserError("the training split has fewer than two images: check the data set and its split settings")
    return Examples(data.images[rows], torch.from_numpy(data.index["label"].to_numpy()[rows.numpy()]))


def explained_classes(
    chosen: Experiment, data: Prepared, teacher: Classifier, machine: Runtime
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Predict the split that is evaluated; return the evaluation rows and the accuracy on it and on val."""
    rows = evaluated(chosen, data)
    index = data.index.iloc[rows]
    logits = check_finite(predict(teacher, data.images[rows], machine), "the teacher")
    table = _predictions(index, logits, data.class_names).set_index("image_id", drop=False)
    order = evaluation_order(index["image_id"])[: chosen.images_on(machine.device.type)]
    accuracy: dict[str, float] = {
        "val": _accuracy(teacher, data, "val", machine),
        chosen.evaluation_split: float(table["correct"].mean()),
    }
    return table.loc[order].reset_index(drop=True), accuracy


def _predictions(index: pd.DataFrame, logits: Tensor, names: list[str]) -> pd.DataFrame:
    best = logits.softmax(1).max(1)
    target = best.indices.numpy()
    return pd.DataFrame(
        {
            "image_id": index["image_id"].to_numpy(),
            "label": index["label"].to_numpy(),
            "label_name": index["class_name"].to_numpy(),
            "target": target,
            "target_name": [names[i] for i in target],
            "probability": best.values.numpy(),
            "correct": target == index["label"].to_numpy(),
        }
    )


def _accuracy(teacher: Classifier, data: Prepared, split: str, machine: Runtime) -> float:
    rows = data.split(split)
    if not len(rows):
        return float("nan")
    return top1(predict(teacher, data.images[rows], machine), data.index["label"].to_numpy()[rows])


def _summary(
    chosen: Experiment, teacher: Classifier, accuracy: dict[str, float], count: int, seconds: float
) -> dict[str, Any]:
    return {
        "architecture": chosen.teacher.architecture,
        "weights": chosen.teacher.weights,
        "parameters": sum(parameter.numel() for parameter in teacher.parameters()),
        "top1": accuracy,
        "evaluation_images": count,
        "seconds": round(seconds, 1),
    }


if __name__ == "__main__":
    run(main)
