"""Stage throughput: time one explainer with pytest-benchmark and keep its JSON."""

from pathlib import Path

import pytest

from bench import artifacts
from bench.stages.command import run, say
from methods.errors import UserError


def main(
    params: Path,
    experiment: str,
    explainer: str,
    data: Path,
    teacher: Path,
    predictions: Path,
    fit: Path,
    timings: Path,
) -> None:
    """Time --explainer, by its --fit, on the images of --data in --predictions of the --teacher.

    Writes --timings, pytest-benchmark's JSON.
    """

    def measure(temporary: Path) -> None:
        options = {
            "params": params,
            "experiment": experiment,
            "explainer": explainer,
            "data": data,
            "teacher": teacher,
            "predictions": predictions,
            "fit": fit,
        }
        status = pytest.main(
            [
                "bench/throughput/test_explainers.py",
                "--benchmark-only",
                f"--benchmark-json={temporary}",
                "--quiet",
                "-p",
                "no:cacheprovider",
                "--override-ini=timeout=0",  # a slow explainer takes as long as it takes
                *(f"--{name}={value}" for name, value in options.items()),
            ]
        )
        if status != pytest.ExitCode.OK:
            raise UserError(f"timing '{explainer}' failed (pytest status {int(status)}): see its output above")

    artifacts.write_atomically(timings, measure)
    say(f"throughput {explainer}", f"{teacher}, {fit}", timings)


if __name__ == "__main__":
    run(main)
