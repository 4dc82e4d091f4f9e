"""Where the time of one explainer goes: `python -m bench.throughput.profiling --explainer surrogate`."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Annotated, Literal

import pandas as pd
import torch
import typer
from torch import Tensor, nn

from bench import settings
from bench.loading import build_explainer, load_model, load_teacher
from bench.stages.command import run
from bench.throughput.conftest import PARAMS, random_images, scratch, untrained
from bench.throughput.measuring import Call, elapsed, rounds_for
from methods import runtime
from methods.replay import PATIENCE
from methods.runtime import Runtime

SECONDS = 2.0  # for each of three measurements; but one call at least
OPERATORS = 12  # that take longest
LONGEST = 90  # characters of a kernel's name, which may have a thousand
ELSEWHERE = "outside modules"


def main(
    explainer: Annotated[str, typer.Option(help="whose time is looked at")],
    params: Annotated[Path, typer.Option(help="settings file")] = PARAMS,
    experiment: Annotated[str | None, typer.Option(help="experiment in it (default: the first of 'run')")] = None,
    teacher: Annotated[Path | None, typer.Option(help="trained teacher (default: random weights)")] = None,
    fit: Annotated[Path | None, typer.Option(help="what the explainer learned (default: random weights)")] = None,
    precision: Annotated[Literal["fp32", "bf16"] | None, typer.Option(help="default: the experiment's")] = None,
    images: Annotated[int, typer.Option(min=1, help="explained in one call")] = 1,
) -> None:
    """Print how long one call takes, in which parts of the network and in which operators of torch."""
    chosen = settings.experiment(params, experiment or settings.read(params)["run"][0])
    machine = runtime.start(chosen.device, precision or chosen.precision)
    method, size = build_explainer(chosen, explainer), chosen.timing_size or chosen.image_size
    original = load_teacher(teacher, chosen, machine) if teacher else scratch(chosen, machine)
    model = load_model(method, original, fit, size, machine) if fit else untrained(method, original, size, machine)
    pixels, seeds = random_images(images, size, machine), torch.arange(images)
    targets = torch.zeros(images, dtype=torch.int64, device=machine.device)

    def explain() -> Tensor:
        with machine.autocast():
            saliency = method.explain(model, pixels, targets, seeds)
        machine.synchronise()
        return saliency

    if machine.device.type != "cpu":
        for _ in range(PATIENCE + 1):  # until what will be replayed has been recorded
            explain()
    calls = rounds_for(explain, SECONDS, fewest=1)
    whole = 1000 * median(elapsed(explain) for _ in range(calls))
    print(f"{explainer}, {images} images of {size} px, {machine.device.type}, {machine.precision}: {whole:.2f} ms\n")
    for table in (by_part(explain, model, machine, calls), by_operator(explain, machine, calls)):
        print(table.to_string(index=False, float_format="{:.2f}".format), end="\n\n")


def by_part(call: Call, model: nn.Module, machine: Runtime, calls: int) -> pd.DataFrame:
    """Return the median milliseconds that each part of `model` takes of one call, largest first.

    Every module without children is waited for and counts to the part that its name begins with, its numbers left
    out. Calls that a GPU would replay from a recording are launched one by one here.
    """
    rows = []
    with watched(model, machine) as spent:
        for _ in range(calls):
            spent.clear()
            began = time.perf_counter()
            call()
            total = time.perf_counter() - began
            rows.append(spent | {ELSEWHERE: total - sum(spent.values())})
    return _table("part", pd.DataFrame(rows).fillna(0.0).median() * 1000)


def by_operator(call: Call, machine: Runtime, calls: int) -> pd.DataFrame:
    """Return the milliseconds of one call in each operator of torch, on a GPU in each kernel; the rest in one row.

    Of torch.profiler, which makes a call a little slower.
    """
    activity, time_of = torch.profiler.ProfilerActivity, "self_cpu_time_total"
    activities = [activity.CPU]
    if machine.device.type == "cuda":
        activities, time_of = [activity.CUDA], "self_device_time_total"
    # Else the profiler says on standard error that it starts, and that there is no GPU.
    os.environ.setdefault("KINETO_LOG_LEVEL", "9")
    call()
    with torch.profiler.profile(activities=activities) as profile:
        for _ in range(calls):
            call()
    events = profile.key_averages()
    names = [event.key.removeprefix("void ")[:LONGEST] for event in events]
    spent = pd.Series([getattr(event, time_of) / 1000 / calls for event in events], names, dtype=float)
    spent = spent.groupby(level=0).sum().sort_values(ascending=False)
    if len(spent) > OPERATORS:
        spent = pd.concat([spent[:OPERATORS], pd.Series({f"{len(spent) - OPERATORS} others": spent[OPERATORS:].sum()})])
    return _table("operator", spent)


@contextmanager
def watched(model: nn.Module, machine: Runtime) -> Iterator[dict[str, float]]:
    """Within the context, add up the seconds of each part of `model`."""
    spent: dict[str, float] = {}
    began: list[float] = []

    def before(*_: object) -> None:
        machine.synchronise()
        began.append(time.perf_counter())

    def after(part: str) -> Callable[..., None]:
        def hook(*_: object) -> None:
            machine.synchronise()
            spent[part] = spent.get(part, 0.0) + time.perf_counter() - began.pop()

        return hook

    leaves = {name: module for name, module in model.named_modules() if not any(True for _ in module.children())}
    handles = []
    for name, module in leaves.items():
        handles += [module.register_forward_pre_hook(before), module.register_forward_hook(after(part_of(name)))]
    try:
        yield spent
    finally:
        for handle in handles:
            handle.remove()


def part_of(name: str) -> str:
    """Return the first two words of a module's name: `blocks.0.1.conv` is part `blocks.conv`."""
    return ".".join([word for word in name.split(".") if not word.isdigit()][:2])


def _table(what: str, milliseconds: "pd.Series[float]") -> pd.DataFrame:
    found = milliseconds.sort_values(ascending=False)
    return pd.DataFrame({what: found.index, "ms": found.to_numpy(), "%": 100 * found.to_numpy() / found.sum()})


if __name__ == "__main__":
    run(main)
