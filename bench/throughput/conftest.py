"""Options and fixtures of the throughput suite; it runs with --benchmark-only alone."""

from pathlib import Path

import pytest

from bench import settings

PARAMS = Path("params.yaml")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say what is timed; by default every explainer of the first experiment, with random weights."""
    group = parser.getgroup("throughput")
    group.addoption("--params", type=Path, default=PARAMS, help="settings file")
    group.addoption("--experiment", help="experiment in it (default: the first of 'run')")
    group.addoption("--explainer", help="time this explainer alone")
    group.addoption("--teacher", type=Path, help="trained teacher (default: random weights)")
    group.addoption("--fit", type=Path, help="what the explainer learned (default: random weights)")
    group.addoption("--seconds", type=float, default=1.5, help="time to spend on one measurement")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the suite out of an ordinary pytest run."""
    return None if config.getoption("--benchmark-only", default=False) else True


@pytest.fixture(scope="session")
def chosen(request: pytest.FixtureRequest) -> settings.Experiment:
    """Return the experiment whose sizes and explainers are timed."""
    path = request.config.getoption("--params")
    return settings.experiment(path, request.config.getoption("--experiment") or settings.read(path)["run"][0])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test per explainer of the settings."""
    if "explainer" in metafunc.fixturenames:
        only = metafunc.config.getoption("--explainer")
        content = settings.read(metafunc.config.getoption("--params"))
        metafunc.parametrize("explainer", [only] if only else content.get("compare") or list(content["explainers"]))


def pytest_benchmark_update_machine_info(machine_info: dict[str, object]) -> None:
    """Leave out the name of the machine: results are published."""
    machine_info.pop("node", None)
