"""Compiled loops: where they are kept, and how they share work."""

import os
import subprocess
import sys

import pytest
import torch

from bench.metrics._compiled import side_by_side
from tests.conftest import ROOT

LOOP = """
from bench.metrics._compiled import compiled

@compiled
def total(count):
    found = 0
    for i in range(count):
        found += i
    return found

print(total(10))
"""


@pytest.mark.parametrize("writable", [True, False])
def test_a_place_that_cannot_be_written_to_is_no_error(tmp_path, writable):
    (tmp_path / "loop.py").write_text(LOOP)
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    if not writable:
        (tmp_path / "__pycache__").touch()
        environment |= {"HOME": os.devnull, "XDG_CACHE_HOME": os.devnull}
    environment |= {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, tmp_path / "loop.py"], env=environment, capture_output=True, text=True)
    assert done.stdout == "45\n", done.stderr
    assert any(tmp_path.glob("__pycache__/*.nbc")) == writable


@pytest.fixture(params=[1, 3])
def _threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_threads")
def test_every_number_is_taken_once():
    taken = []
    side_by_side(lambda turns: taken.extend(turns), 50)
    side_by_side(lambda turns: taken.extend(turns), 0)
    assert sorted(taken) == list(range(50))


@pytest.mark.usefixtures("_threads")
def test_an_error_in_a_thread_is_raised():
    def work(turns):
        raise ValueError(f"at {next(turns)}")

    with pytest.raises(ValueError, match="at 0"):
        side_by_side(work, 5)
