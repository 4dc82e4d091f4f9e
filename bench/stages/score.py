"""Stage score: every metric of one explainer's maps, one number per image."""

from pathlib import Path

import numpy as np
import pandas as pd
from torch import Tensor

from bench import artifacts, protocol, settings
from bench.loading import Evaluation, build_explainer, load_evaluation, load_maps, load_model, load_teacher, serve
from bench.metrics.base import Curve, Method
from bench.scoring import build_metrics, changed_parts, score
from bench.settings import Experiment
from bench.stages.command import run, say
from methods import runtime


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
    perturbation: Path,
    protocols: Path,
) -> None:
    """Score --maps; write --scores, the --perturbation curves behind them and their --protocols.

    Reads prepared --data, the --teacher, its --predictions and the --effects of interventions, and
    for metrics that explain again the explainer's --fit.
    """
    chosen = settings.experiment(params, experiment)
    metrics = build_metrics(chosen)
    machine = runtime.start(chosen.device, chosen.precision)
    evaluation, explains = load_evaluation(data, predictions, chosen), build_explainer(chosen, explainer)
    original = load_teacher(teacher, chosen, machine, evaluation.data.class_names)
    model, saliency = serve(original, chosen.image_size, machine), load_maps(maps, explainer, evaluation)
    changed = changed_parts(artifacts.read_rows(effects), evaluation)
    found = protocol.of_columns(chosen, metrics, evaluation.data.part_names, len(evaluation.rows))
    tables, curves = [], []
    for draw in range(len(saliency)):
        drawn = saliency[artifacts.saliency_of(draw)]
        method = Method(explains, load_model(explains, original, fit, chosen.image_size, machine, draw))
        scored = score(metrics, model, method, evaluation, drawn, changed, machine, explainer, draw)
        tables.append(long_rows(scored.values, evaluation, chosen, explainer, found, draw))
        curves.append(curve_rows(scored.curves, evaluation, chosen.seed + draw))
    artifacts.write_json(protocols, {one.id: one.fields for one in dict.fromkeys(found.values())})
    artifacts.write_rows(perturbation, pd.concat(curves, ignore_index=True))
    rows = pd.concat(tables, ignore_index=True)
    artifacts.write_rows(scores, rows)
    say(f"score {explainer}", maps, f"{len(evaluation.rows)} images x {rows['metric'].nunique()} columns to {scores}")


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


def curve_rows(curves: dict[str, Curve], evaluation: Evaluation, seed: int) -> pd.DataFrame:
    """Return one row per image, column and point of its curve, with `artifacts.PERTURBATION_COLUMNS`."""
    ids = evaluation.predictions["image_id"].to_numpy()
    tables = [pd.DataFrame(columns=artifacts.PERTURBATION_COLUMNS)]
    for column, curve in curves.items():
        images, points = curve.probabilities.shape
        table = {
            "seed": seed,
            "image_id": ids[:images].repeat(points),
            "metric": column,
            "fraction": np.tile(curve.fractions.numpy(), images),
            "probability": curve.probabilities.flatten().numpy(),
        }
        tables.append(pd.DataFrame(table))
    return pd.concat(tables[1:] or tables, ignore_index=True)


if __name__ == "__main__":
    run(main)
