"""The targets of the Makefile that run the pipeline with other settings, with a stand-in for dvc."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

DVC = """#!/bin/sh
printf '%s\\n' "$@" > arguments
echo 'run: [flattened]' > params.yaml
touch started
{then}
"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def folder(tmp_path):
    for name in ("Makefile", "params.yaml", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/.installed").touch()  # newer than the lock file: nothing is installed
    return tmp_path


def make(folder: Path, target: str, then: str) -> subprocess.Popen[str]:
    """Start make where dvc writes down its arguments, changes params.yaml and goes on with `then`."""
    program = folder / ".venv/bin/dvc"
    program.write_text(DVC.format(then=then))
    program.chmod(0o755)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.Popen(
        ["make", target],
        cwd=folder,
        env={**os.environ, "PATH": path, "LC_ALL": "C"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def dry_run(folder: Path, *words: str) -> str:
    """Return the commands that make would run, also where make itself runs these tests."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    }
    command = ["make", "--no-print-directory", "-n", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


def assert_restored(folder: Path) -> None:
    assert (folder / "params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()
    assert [path.name for path in folder.glob("*params.yaml*")] == ["params.yaml"], "nothing is left beside it"


def settings_of(folder: Path) -> str:
    *command, setting = (folder / "arguments").read_text().splitlines()
    assert command == ["exp", "run", "--set-param"]
    return setting


def test_full_runs_every_explainer_and_restores_the_settings(folder):
    assert make(folder, "full", "exit 0").wait() == 0
    name, _, listed = settings_of(folder).partition("=")
    assert name == "compare"
    assert yaml.safe_load(listed) == list(yaml.safe_load((ROOT / "params.yaml").read_bytes())["explainers"])
    assert_restored(folder)


def test_full_takes_the_experiments_to_run(folder):
    assert '--set-param "$setting" --set-param "run=[parts,birds]"' in dry_run(folder, "full", "RUN=parts,birds")


def test_birds_runs_both_experiments_and_restores_the_settings(folder):
    assert make(folder, "birds", "exit 0").wait() == 0
    assert settings_of(folder) == "run=[parts,birds]"
    assert_restored(folder)


@pytest.mark.parametrize("target", ["full", "birds"])
def test_a_failed_run_fails_and_restores_the_settings(folder, target):
    process = make(folder, target, "exit 7")
    assert "Error 7" in process.communicate()[1]
    assert process.returncode == 2
    assert_restored(folder)


def test_an_interrupted_run_fails_and_restores_the_settings(folder):
    process = make(folder, "full", "sleep 60")
    deadline = time.monotonic() + 30
    while not (folder / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(30) != 0
    assert_restored(folder)


@pytest.mark.parametrize("target", ["repro", "verify", "test", "peers", "lint", "benchmark"])
def test_programs_are_named_in_full(folder, target):
    """GNU make 3.81, which macOS has, looks for a program in the caller's PATH and not in the one set here."""
    told = dry_run(folder, target)
    programs = {line.split()[0] for line in told.replace("\\\n", "").splitlines() if line.strip()}
    assert programs <= {"echo", "mkdir", *(f"{folder}/.venv/bin/{name}" for name in ("dvc", "python", "ruff", "mypy"))}


def test_settings_that_cannot_be_read_start_nothing(folder):
    (folder / "params.yaml").write_text("explainers: [")
    assert make(folder, "full", "exit 0").wait() != 0
    assert not (folder / "arguments").exists()
