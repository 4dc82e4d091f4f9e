"""One training loop, for teachers and for explainers that learn."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from timm.optim import create_optimizer_v2, param_groups_weight_decay
from timm.scheduler import CosineLRScheduler
from torch import Tensor, nn
from tqdm import tqdm

from bench.augmentation import augment
from bench.settings import Recipe
from methods.classifier import Classifier
from methods.errors import UserError, one_of
from methods.runtime import Runtime


class Classification(nn.Module):
    """The teacher's objective: cross-entropy with label smoothing."""

    def __init__(self, trained: Classifier, smoothing: float) -> None:
        super().__init__()
        self.trained = trained
        self.smoothing = smoothing

    def forward(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """[B, 3, H, W] in [0, 1], [B] -> {"loss": scalar}."""
        logits = self.trained(images).float()
        return {"cross_entropy": F.cross_entropy(logits, labels, label_smoothing=self.smoothing)}


@dataclass(frozen=True)
class Examples:
    """Images uint8 [N, 3, H, W] and their labels int64 [N]."""

    images: Tensor
    labels: Tensor

    def shuffled(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield batches in random order; a last batch of one, useless to batch norm, is left out."""
        for chosen in torch.randperm(len(self.labels)).split(batch_size):
            if len(chosen) > 1 or batch_size == 1:
                yield self.images[chosen], self.labels[chosen]


def train(
    objective: nn.Module,
    examples: Examples,
    recipe: Recipe,
    runtime: Runtime,
    seed: int,
    validate: Callable[[], dict[str, float]],
    title: str,
) -> pd.DataFrame:
    """Minimise the sum of `objective`'s terms over its `trained` module.

    Returns:
        One row per epoch: `epoch`, `learning_rate`, the mean of each term, and what `validate` returns.

    Raises:
        UserError: the loss is no longer finite, the objective returns something other than scalars that depend on
            `trained`, or `recipe.rates` names a part that the network lacks.
    """
    objective.to(runtime.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    steps = -(-len(examples.labels) // recipe.batch_size)
    optimizer, schedule = _optimizer(objective, recipe, steps * recipe.epochs)
    rows = []
    with torch.random.fork_rng(), tqdm(total=steps * recipe.epochs, desc=title, unit="step") as bar:
        torch.manual_seed(seed)
        for epoch in range(recipe.epochs):
            objective.train()
            sums: dict[str, float] = {}
            for count, batch in enumerate(examples.shuffled(recipe.batch_size)):
                schedule.step_update(epoch * steps + count)
                for term, value in _step(objective, batch, optimizer, recipe, runtime, title).items():
                    sums[term] = sums.get(term, 0.0) + value
                bar.update()
            objective.eval()
            row = {"epoch": epoch + 1, "learning_rate": max(group["lr"] for group in optimizer.param_groups)}
            row |= {term: value / (count + 1) for term, value in sums.items()} | validate()
            bar.set_postfix({k: f"{v:.3f}" for k, v in row.items() if k not in ("epoch", "learning_rate")})
            rows.append(row)
    return pd.DataFrame(rows)


@torch.inference_mode()
def predict(model: nn.Module, images: Tensor, runtime: Runtime, batch_size: int = 64) -> Tensor:
    """Return float32 logits [N, K] on the CPU for uint8 [N, 3, H, W]; a student's map is left out."""
    rows = []
    for batch in images.split(batch_size):
        with runtime.autocast():
            output = model(runtime.images(batch))
        rows.append((output[0] if isinstance(output, tuple) else output).float().cpu())
    return torch.cat(rows)


def top1(logits: Tensor, labels: Tensor | np.ndarray) -> float:
    """Share of rows whose largest logit is the label."""
    return float((logits.argmax(1) == torch.as_tensor(labels)).float().mean())


def _optimizer(objective: nn.Module, recipe: Recipe, steps: int) -> tuple[torch.optim.Optimizer, CosineLRScheduler]:
    trained: nn.Module = objective.trained  # type: ignore[assignment]
    optimizer = create_optimizer_v2(
        trained,
        opt=recipe.optimizer,
        lr=recipe.learning_rate,
        param_group_fn=lambda network: parameter_groups(network, recipe),
    )
    warm = int(recipe.warmup * steps)
    schedule = CosineLRScheduler(
        optimizer, t_initial=max(steps, warm + 1), warmup_t=warm, warmup_prefix=False, t_in_epochs=False
    )
    return optimizer, schedule


def parameter_groups(network: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Return the groups of timm's optimizers: biases and norms do not decay, parts in `recipe.rates` learn slower.

    Raises:
        UserError: `recipe.rates` names a part that the network lacks.
    """
    shares = {id(parameter): _share(name, recipe.rates) for name, parameter in network.named_parameters()}
    for part in recipe.rates:
        if not any(_within(name, part) for name, _ in network.named_parameters()):
            names = [name.split(".") for name, _ in network.named_parameters()]
            known = dict.fromkeys(".".join(name[:depth]) for depth in (1, 2) for name in names)
            raise one_of("part of the network under 'rates'", part, list(known))
    groups = param_groups_weight_decay(network, recipe.weight_decay)
    return [
        {**group, "params": chosen, "lr_scale": share}
        for group in groups
        for share in sorted(set(shares.values()), reverse=True)
        if (chosen := [parameter for parameter in group["params"] if shares[id(parameter)] == share])
    ]


def _share(name: str, rates: Mapping[str, float]) -> float:
    parts = [part for part in rates if _within(name, part)]
    return rates[max(parts, key=len)] if parts else 1.0


def _within(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")


def _step(
    objective: nn.Module,
    batch: tuple[Tensor, Tensor],
    optimizer: torch.optim.Optimizer,
    recipe: Recipe,
    runtime: Runtime,
    title: str,
) -> dict[str, float]:
    images = augment(runtime.images(batch[0]), recipe)
    with runtime.autocast():
        terms = objective(images, batch[1].to(runtime.device))
    loss = _total(terms, title)
    if not torch.isfinite(loss):
        raise UserError("the training loss is NaN or infinite: lower learning_rate, or check the teacher's weights")
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(objective.trained.parameters(), recipe.clip)  # type: ignore[union-attr]
    optimizer.step()
    return {term: float(value.detach()) for term, value in terms.items()}


def _total(terms: object, title: str) -> Tensor:
    remedy = "return a dict of loss terms, each a scalar tensor that depends on `trained`"
    if not isinstance(terms, dict) or not terms:
        told = "an empty dict" if isinstance(terms, dict) else type(terms).__name__
        raise UserError(f"{title}: the objective returned {told}: {remedy}")
    for term, value in terms.items():
        if not isinstance(value, Tensor) or value.ndim:
            told = str(list(value.shape)) if isinstance(value, Tensor) else type(value).__name__
            raise UserError(f"{title}: the objective returned {told} as its term '{term}': {remedy}")
    loss: Tensor = sum(terms.values())  # type: ignore[assignment]
    if not loss.requires_grad:
        raise UserError(f"{title}: nothing that is trained has a part in the loss: {remedy}")
    return loss
