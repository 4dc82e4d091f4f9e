"""What was timed is written after every test, not at the end of the run alone."""

from collections.abc import Iterator
from io import BufferedWriter
from pathlib import Path

import pytest
from pytest_benchmark.utils import safe_dumps

from bench.artifacts import write_atomically


@pytest.fixture(autouse=True)
def kept(request: pytest.FixtureRequest) -> Iterator[None]:
    """Write all that was timed so far to --benchmark-json, so that a run that is cut short loses one test at most.

    Folders that are missing on the way are made, with pytest-benchmark 5.3.1 or newer. At its end it writes the file
    once more.
    """
    yield
    session, hook = request.config._benchmarksession, request.config.hook  # type: ignore[attr-defined]
    if not session.json or not session.benchmarks:
        return
    content = hook.pytest_benchmark_generate_json(
        config=request.config,
        benchmarks=session.benchmarks,
        include_data=True,
        machine_info=session.get_machine_info(),
        commit_info=hook.pytest_benchmark_generate_commit_info(config=request.config),
    )
    path = session.json.name if isinstance(session.json, BufferedWriter) else session.json  # opened by older ones
    write_atomically(Path(path), lambda path: path.write_bytes(safe_dumps(content, indent=4).encode()))
