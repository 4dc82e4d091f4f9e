"""Options and fixtures of the throughput suite; it runs with --benchmark-only alone."""

import gc
import itertools
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import repeat
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from bench import settings
from bench.loading import Evaluation, create_teacher, load_evaluation, load_model, load_teacher, serve
from bench.throughput.keeping import kept  # noqa: F401, a fixture
from methods import runtime
from methods.classifier import Classifier
from methods.explainers.base import Explainer
from methods.resize import upsample
from methods.runtime import Runtime

PARAMS = Path("params.yaml")
CLASSES = 100  # of a teacher with random weights
Network = Callable[[Explainer, int], nn.Module]
Batches = Callable[[int, int], Iterator[tuple[Tensor, Tensor]]]  # of so many images of such a size


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say what is timed; by default every explainer of the first experiment, with random weights."""
    group = parser.getgroup("throughput")
    group.addoption("--params", type=Path, default=PARAMS, help="settings file")
    group.addoption("--experiment", help="experiment in it (default: the first of 'run')")
    group.addoption("--explainer", help="time this explainer alone")
    group.addoption("--teacher", type=Path, help="trained teacher (default: random weights)")
    group.addoption("--fit", type=Path, help="what the explainer learned (default: random weights)")
    group.addoption("--data", type=Path, help="prepared images, of which the evaluation images are explained")
    group.addoption("--predictions", type=Path, help="which these are, and their classes (default: noise, class 0)")
    group.addoption("--precision", choices=["fp32", "bf16"], help="of the networks (default: the experiment's)")
    group.addoption("--seconds", type=float, default=1.5, help="time to spend on one measurement")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the suite out of an ordinary pytest run."""
    return None if config.getoption("--benchmark-only", default=False) else True


@pytest.fixture(scope="session")
def chosen(request: pytest.FixtureRequest) -> settings.Experiment:
    """Return the experiment whose sizes and explainers are timed."""
    path = request.config.getoption("--params")
    return settings.experiment(path, request.config.getoption("--experiment") or settings.read(path)["run"][0])


@pytest.fixture(scope="session")
def machine(request: pytest.FixtureRequest, chosen: settings.Experiment) -> Runtime:
    """Return the runtime in which everything is timed."""
    gc.freeze()  # as every stage does: else garbage is searched for in all that pytest and the peers imported
    return runtime.start(chosen.device, request.config.getoption("--precision") or chosen.precision)


@pytest.fixture(scope="session")
def teacher(request: pytest.FixtureRequest, chosen: settings.Experiment, machine: Runtime) -> Classifier:
    """Return the trained teacher, or one with random weights."""
    path = request.config.getoption("--teacher")
    return load_teacher(path, chosen, machine) if path else scratch(chosen, machine)


@pytest.fixture(scope="session")
def network(request: pytest.FixtureRequest, teacher: Classifier, machine: Runtime) -> Network:
    """Return what gives the network that an explainer reads, trained if --fit names it."""
    path = request.config.getoption("--fit")

    def build(method: Explainer, size: int) -> nn.Module:
        return load_model(method, teacher, path, size, machine) if path else untrained(method, teacher, size, machine)

    return build


def scratch(chosen: settings.Experiment, machine: Runtime, classes: int = CLASSES) -> Classifier:
    """Return the experiment's teacher with random weights."""
    architecture = settings.TeacherSettings(chosen.teacher.architecture, arguments=chosen.teacher.arguments)
    return machine.place(create_teacher(architecture, classes, chosen.seed)).requires_grad_(False)  # type: ignore[return-value]


def untrained(method: Explainer, teacher: Classifier, size: int, machine: Runtime) -> nn.Module:
    """Return the network that the explainer reads before it has learned anything."""
    objective = method.objective(teacher, size)
    weights = {} if objective is None else objective.get_submodule("trained").state_dict()
    return serve(method.prepare(teacher, weights, size), size, machine)


@pytest.fixture(scope="session")
def batches(request: pytest.FixtureRequest, chosen: settings.Experiment, machine: Runtime) -> Batches:
    """Return what gives images to explain, and their classes, a batch at a time and always in the same order.

    With --data, --teacher and its --predictions the evaluation images, over and over, enlarged to the size that is
    timed: what an explainer skips depends on the image. Else noise of class 0.
    """
    if not explains_evaluation_images(request.config):
        return lambda count, size: repeat(_noise(count, size, machine, chosen.seed))
    data, predictions = (request.config.getoption(name) for name in ("--data", "--predictions"))
    return partial(_evaluation_images, load_evaluation(data, predictions, chosen), machine)


def explains_evaluation_images(config: pytest.Config) -> bool:
    """Return whether the options name evaluation images and the teacher that classified them."""
    return all(config.getoption(name) for name in ("--data", "--teacher", "--predictions"))


def _noise(count: int, size: int, machine: Runtime, seed: int) -> tuple[Tensor, Tensor]:
    targets = torch.zeros(count, dtype=torch.int64, device=machine.device)
    return random_images(count, size, machine, seed), targets


def _evaluation_images(
    evaluation: Evaluation, machine: Runtime, count: int, size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    for first in itertools.count(step=count):
        chunk = torch.arange(first, first + count) % len(evaluation.rows)
        images = upsample(evaluation.images(chunk, machine), (size, size))
        batch = images.contiguous(memory_format=torch.channels_last), evaluation.targets(chunk, machine)
        machine.synchronise()  # what prepares the next call is not part of it
        yield batch


def random_images(batch: int, size: int, machine: Runtime, seed: int = 0) -> Tensor:
    """Return noise as images, [B, 3, size, size] on the device."""
    generator = torch.Generator().manual_seed(seed)
    return machine.images(torch.randint(256, (batch, 3, size, size), generator=generator).to(torch.uint8))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test per explainer of the settings."""
    if "explainer" in metafunc.fixturenames:
        only = metafunc.config.getoption("--explainer")
        content = settings.read(metafunc.config.getoption("--params"))
        metafunc.parametrize("explainer", [only] if only else content.get("compare") or list(content["explainers"]))


def pytest_benchmark_update_machine_info(machine_info: dict[str, object]) -> None:
    """Leave out the name of the machine, for results are published; add the clock, threads and torch."""
    machine_info.pop("node", None)
    clock = time.get_clock_info("perf_counter")
    machine_info |= {
        "clock": {"source": clock.implementation, "resolution": clock.resolution, "monotonic": clock.monotonic},
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
