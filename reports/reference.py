"""Keep the results of an experiment as a committed reference: numbers and settings, never pictures."""

import shutil
import tempfile
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from bench import artifacts
from bench.stages.command import run, say
from methods.errors import UserError
from reports.render import render
from reports.results import read

SINGLE = (
    "settings.json",
    "data.json",
    "metrics.json",
    "environment.json",
    "teacher.json",
    "map_sizes.json",
    "claims.json",
    "predictions.parquet",
    "effects.parquet",
    "curves/teacher.csv",
)
EACH = (
    "scores/{}.parquet",
    "perturbation/{}.parquet",
    "protocols/{}.json",
    "throughput/{}.json",
    "fits/{}.json",
    "curves/{}.csv",
)
OPTIONAL = ("benchmarks.json",)
LIMIT = 8_000_000  # bytes: a reference is a small part of the repository


def main(experiment: str, results: Path, out: Path) -> None:
    """Copy the experiment's files from --results to --out, replacing an older reference as a whole.

    Everything is listed by name, so that the gallery, which may show photographs that must not be
    redistributed, can never slip in.
    """
    source, target = results / experiment, out / experiment
    told = artifacts.read_json(source / "settings.json")
    if told.get("evaluation_split", "test") != "test":
        raise UserError(f"'{source}' was scored on the validation split: a reference is of the test split")
    explainers = told["explainers"]
    names = [*SINGLE, *(name.format(explainer) for explainer in explainers for name in EACH)]
    absent = [name for name in names if not (source / name).is_file()]
    if absent:
        raise UserError(f"'{source / absent[0]}' does not exist ({len(absent)} such): run dvc repro to its end")
    names += [name for name in OPTIONAL if (source / name).is_file()]
    names += [path.relative_to(source).as_posix() for path in artifacts.timed_elsewhere(source)]
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as temporary:
        fresh = Path(temporary) / experiment
        for name in names:
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            keep(source / name, fresh / name)
        size = sum((fresh / name).stat().st_size for name in names)
        if size > LIMIT:
            raise UserError(f"the results of '{experiment}' take {size} bytes, over {LIMIT}: evaluate fewer images")
        picture_numbers(fresh)
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    say("reference", source, f"{len(names)} files, {size / 1e6:.2f} MB, to {target}")


def keep(source: Path, target: Path) -> None:
    """Copy a file; a parquet table's values are packed to half the size that stages write in less time."""
    if source.suffix != ".parquet":
        shutil.copyfile(source, target)
        return
    table = parquet.read_table(source)
    floating = [field.name for field in table.schema if pa.types.is_floating(field.type)]
    others = [name for name in table.column_names if name not in floating]
    parquet.write_table(
        table,
        target,
        compression="zstd",
        compression_level=19,
        use_dictionary=others,
        use_byte_stream_split=floating,
    )


def picture_numbers(folder: Path) -> None:
    """Write the reference's own page and tables to `folder`/report and its figures to `folder`/plots."""
    [section] = render([read(folder, committed=True)], folder / "report")
    for drawing in section.drawings.files:
        drawing.save(folder / "plots", pdf=False)


if __name__ == "__main__":
    run(main)
