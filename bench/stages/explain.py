"""Stage explain: one saliency map per evaluation image, by one explainer."""

from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from bench import artifacts, settings
from bench.loading import Evaluation, build_explainer, load_evaluation, load_model, load_teacher
from bench.stages.command import run, say
from methods import runtime
from methods.errors import UserError
from methods.explainers.base import Explainer
from methods.runtime import Runtime


def main(
    params: Path, experiment: str, explainer: str, data: Path, teacher: Path, predictions: Path, fit: Path, maps: Path
) -> None:
    """Read prepared --data, the --teacher, its --predictions and the explainer's --fit; write --maps."""
    chosen = settings.experiment(params, experiment)
    method = build_explainer(chosen, explainer)
    machine = runtime.start(chosen.device, chosen.precision)
    evaluation = load_evaluation(data, predictions, chosen)
    original = load_teacher(teacher, chosen, machine, evaluation.data.class_names)
    found = {}
    for draw in range(chosen.repeats(explainer, method.random)):
        model = load_model(method, original, fit, chosen.image_size, machine, draw)
        found[artifacts.saliency_of(draw)] = explain(method, model, evaluation, machine, explainer, draw)
    artifacts.write_tensors(maps, found, explainer=explainer, images=evaluation.fingerprint)
    count, *size = found[artifacts.saliency_of(0)].shape
    say(f"explain {explainer}", predictions, f"{len(found)} x {count} maps {tuple(size)} to {maps}")


def explain(
    method: Explainer, model: nn.Module, evaluation: Evaluation, machine: Runtime, name: str, draw: int = 0
) -> Tensor:
    """Return the maps [N, h, w], float32, of all evaluation images, from the seeds of one draw."""
    maps = []
    with tqdm(total=len(evaluation.rows), desc=f"explain {name}", unit="image") as bar:
        for chunk in evaluation.chunks(machine.images_at_once):
            with machine.autocast():
                saliency = method.explain(
                    model,
                    evaluation.images(chunk, machine),
                    evaluation.targets(chunk, machine),
                    evaluation.seeds(chunk, draw),
                )
            if not isinstance(saliency, Tensor):
                kind = type(saliency).__name__
                raise UserError(f"explainer '{name}' returned {kind}: return a tensor [B, h, w] of float32")
            if saliency.ndim != 3 or len(saliency) != len(chunk) or not saliency.numel():
                shape = list(saliency.shape)
                raise UserError(f"explainer '{name}' returned {shape} for {len(chunk)} images: return [B, h, w]")
            if not torch.isfinite(saliency).all():
                raise UserError(f"explainer '{name}' returned NaN or infinite values: check its settings and weights")
            maps.append(saliency.float().cpu())
            bar.update(len(chunk))
    return torch.cat(maps)


if __name__ == "__main__":
    run(main)
