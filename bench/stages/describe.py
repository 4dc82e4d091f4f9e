"""Stage describe: what the report must know besides numbers: settings, metrics, hardware, versions."""

from dataclasses import asdict
from pathlib import Path

from bench import artifacts, settings
from bench.stages.command import run, say
from bench.stages.score import build_metrics
from methods import runtime


def main(params: Path, experiment: str, chosen: Path, metrics: Path, environment: Path) -> None:
    """Write the --chosen settings, the --metrics' titles and directions, and the --environment."""
    own = settings.experiment(params, experiment)
    columns = {name: asdict(column) for metric in build_metrics(own) for name, column in metric.columns.items()}
    artifacts.write_json(chosen, own.as_dict())
    artifacts.write_json(metrics, columns)
    artifacts.write_json(environment, runtime.environment(runtime.start(own.device, own.precision)))
    say("describe", params, f"{chosen}, {metrics}, {environment}")


if __name__ == "__main__":
    run(main)
