"""Stage describe: what the report must know besides numbers: settings, metrics, hardware, versions."""

from dataclasses import asdict
from pathlib import Path

from bench import artifacts, settings
from bench.datasets.base import Dataset
from bench.scoring import build_metrics
from bench.stages.command import run, say
from methods import runtime
from methods.registry import build


def main(params: Path, experiment: str, chosen: Path, metrics: Path, environment: Path) -> None:
    """Write the --chosen settings, the --metrics' titles and directions, and the --environment."""
    own = settings.experiment(params, experiment)
    dataset = dict(own.dataset)
    parts = build(Dataset, dataset.pop("name"), dataset).part_names  # type: ignore[type-abstract]
    columns = {name: asdict(one) for metric in build_metrics(own) for name, one in metric.columns_for(parts).items()}
    artifacts.write_json(chosen, own.as_dict())
    artifacts.write_json(metrics, columns)
    artifacts.write_json(environment, runtime.environment(runtime.start(own.device, own.precision)))
    say("describe", params, f"{chosen}, {metrics}, {environment}")


if __name__ == "__main__":
    run(main)
