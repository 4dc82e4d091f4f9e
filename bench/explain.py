"""Explain photographs of your own by every method of a trained run.

`python -m bench.explain bird.jpg` prints the class that the run's classifier predicts, and writes a page, and for
each image a picture and the maps as numbers, of every method under `compare` in params.yaml.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from bench import explaining, settings
from bench.explaining import printable
from bench.explaining_files import check_out, files, write
from bench.explaining_report import Report
from bench.loading import load_teacher
from bench.prepared import read_class_names
from bench.settings import Experiment
from bench.stages.command import run, say
from methods import runtime
from methods.errors import UserError, one_of

WORK = Path("artifacts/work")


@dataclass(frozen=True)
class Trained:
    """Where the files of a trained run lie.

    data: a folder, what stage prepare wrote.
    teacher: the classifier.
    fits: a folder, what each method has learned.
    """

    data: Path
    teacher: Path
    fits: Path

    def check(self, experiment: str, names: list[str]) -> None:
        """Raise a UserError if the experiment has not been run with the methods named."""
        for path in (self.data / "index.parquet", self.teacher):
            if not path.is_file():
                remedy = "`make repro` runs those under `run` in params.yaml, `make birds` the photographs too"
                raise UserError(f"'{path}' is missing, experiment '{experiment}' is not trained: {remedy}")
        for name in names:
            if not (path := self.fits / f"{name}.safetensors").is_file():
                remedy = "put it under `compare` in params.yaml, or run all with `make full`"
                raise UserError(f"'{path}' is missing, '{name}' was not run in experiment '{experiment}': {remedy}")


def _option(text: str, *names: str) -> Any:
    return typer.Option(*names, help=text)


def main(
    images: Annotated[list[Path], typer.Argument(help="photographs", metavar="IMAGE")],
    experiment: Annotated[str | None, _option("default: the first of `run` in --params")] = None,
    methods: Annotated[str | None, _option("a,b,c of --params that were run; default: all under `compare`")] = None,
    explained: Annotated[str | None, _option("name or index; default: the predicted class", "--class")] = None,
    out: Annotated[Path, _option("folder for the page, the pictures and the maps")] = Path("artifacts/explained"),
    params: Annotated[Path, _option("settings file")] = Path("params.yaml"),
    data: Annotated[Path | None, _option(f"default: {WORK}/<experiment>/data")] = None,
    teacher: Annotated[Path | None, _option(f"default: {WORK}/<experiment>/teacher.safetensors")] = None,
    fits: Annotated[Path | None, _option(f"default: {WORK}/<experiment>/fits")] = None,
) -> None:
    """Explain what the trained classifier of --experiment sees in photographs of your own.

    Each photograph is fitted into a square as the experiment's data set does it. A second call with the same --out
    replaces the page, and the files of photographs of the same name, and says so.
    """
    chosen = settings.experiment(params, experiment or first_experiment(params), whole=methods is not None)
    work = WORK / chosen.name
    trained = Trained(data or work / "data", teacher or work / "teacher.safetensors", fits or work / "fits")
    names = method_names(methods, chosen)
    trained.check(chosen.name, names)
    classes = read_class_names(trained.data)
    target = None if explained is None else class_index(explained, classes)
    paths = list(dict.fromkeys(images))
    check_out(out, paths)
    report = explain(chosen, names, trained, classes, paths, target)
    print("\n".join(report.summary()), flush=True)
    replaced = sum(path.exists() for path in files(out, paths))
    page = write(out, report)
    told = f", in place of earlier files: {replaced}" if replaced else ""
    say("explain", f"{len(paths)} images and the run of '{chosen.name}'", printable(page) + told)


def explain(
    chosen: Experiment, names: list[str], trained: Trained, classes: list[str], paths: list[Path], target: int | None
) -> Report:
    """Classify all images and explain class `target` of each, or the predicted one if it is None.

    Raises:
        UserError: an image cannot be read, the classifier was trained with other settings or to tell other classes,
            or what a method has learned does not fit its settings.
    """
    fit = explaining.fit_of(chosen)
    photographs = [explaining.read(path, fit, chosen.image_size) for path in paths]
    machine = runtime.start(chosen.device, chosen.precision)
    network = load_teacher(trained.teacher, chosen, machine, classes)
    probabilities = explaining.classify(network, photographs, machine)
    targets = probabilities.argmax(1) if target is None else torch.full((len(paths),), target)
    found = explaining.explain(chosen, names, network, trained.fits, photographs, targets, machine)
    return Report(chosen, fit, classes, photographs, probabilities, targets, found, runtime.environment(machine))


def first_experiment(params: Path) -> str:
    """Return the first experiment under `run`."""
    listed = settings.read(params).get("run")
    if not listed:
        raise UserError(f"'{params}' lists no experiment under 'run': name one with --experiment")
    return listed[0]


def method_names(listed: str | None, chosen: Experiment) -> list[str]:
    """Return the methods listed as `a,b,c`, or all."""
    known = list(chosen.explainers)
    if listed is None:
        return known
    names = list(dict.fromkeys(name.strip() for name in listed.split(",")))
    for name in names:
        if name not in known:
            raise one_of("method", name, known)
    return names


def class_index(wanted: str, classes: list[str]) -> int:
    """Return the index of the class of this name, or the number itself."""
    if wanted in classes:
        return classes.index(wanted)
    if not wanted.isdecimal():
        raise one_of("class", wanted, classes)
    if int(wanted) >= len(classes):
        raise UserError(f"class index {wanted} is out of range: there are {len(classes)} classes, from 0")
    return int(wanted)


if __name__ == "__main__":
    run(main)
