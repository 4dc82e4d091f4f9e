"""Stage intervene: the teacher's probability when one part of each evaluation image is changed."""

from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from bench import artifacts, settings
from bench.datasets.base import Action, Dataset
from bench.loading import Evaluation, load_evaluation, load_teacher, serve
from bench.settings import Experiment
from bench.stages.command import run, say
from methods import runtime
from methods.classifier import Classifier
from methods.masking import class_probabilities
from methods.registry import build
from methods.runtime import Runtime


def main(params: Path, experiment: str, data: Path, teacher: Path, predictions: Path, effects: Path) -> None:
    """Read prepared --data, the --teacher and its --predictions; write --effects (parquet).

    A data set that cannot draw an image again has no rows.
    """
    chosen = settings.experiment(params, experiment)
    machine = runtime.start(chosen.device, chosen.precision)
    evaluation = load_evaluation(data, predictions, chosen)
    original = load_teacher(teacher, chosen, machine, evaluation.data.class_names)
    model = serve(original, chosen.image_size, machine)
    rows = intervene(chosen, model, evaluation, machine)
    artifacts.write_rows(effects, rows)
    say("intervene", predictions, f"{len(rows)} interventions to {effects}")


def intervene(chosen: Experiment, model: Classifier, evaluation: Evaluation, machine: Runtime) -> pd.DataFrame:
    """Return `artifacts.EFFECT_COLUMNS` for every evaluation image, part and action."""
    own = dict(chosen.dataset)
    dataset = build(Dataset, own.pop("name"), own)  # type: ignore[type-abstract]
    rows: list[tuple[str, str, str, float]] = []
    for position in tqdm(range(len(evaluation.rows)), desc="intervene", unit="image"):
        row = evaluation.data.index.iloc[int(evaluation.rows[position])]
        drawn = {
            (part, action): sample.image
            for part in dataset.part_names
            for action in get_args(Action)
            if (sample := dataset.intervene(row, chosen.image_size, part, action)) is not None
        }
        if drawn:
            target = evaluation.targets(torch.tensor([position]), machine)
            scores = _probabilities(model, np.stack(list(drawn.values())), target, machine)
            rows += [(row["image_id"], *key, float(score)) for key, score in zip(drawn, scores, strict=True)]
    return pd.DataFrame(rows, columns=artifacts.EFFECT_COLUMNS)


def _probabilities(model: Classifier, images: np.ndarray, target: Tensor, machine: Runtime) -> Tensor:
    """Probability of one class on uint8 images [n, H, W, 3] -> [n]."""
    pixels = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
    with machine.autocast():
        return class_probabilities(model, machine.images(pixels), target.expand(len(pixels))).float().cpu()


if __name__ == "__main__":
    run(main)
