"""What is compared: the results that a folder or a git revision holds."""

import subprocess
import tempfile
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from bench import artifacts
from methods.errors import UserError, one_of
from reports import measures
from reports.results import Results, read

REFERENCE = Path(__file__).resolve().parent / "reference"
_OLDER_COLUMNS = {"image_id", "metric", "value"}


@dataclass(frozen=True)
class Source:
    """One side of a comparison.

    label: what the user named, for a revision with the commit it stands for.
    single: whether the user named the folder of one experiment.
    experiments: name -> its results.
    """

    label: str
    single: bool
    experiments: dict[str, Results]


def resolve(named: str) -> Source:
    """Read a folder of one experiment, a folder of several, or the references committed in a git revision.

    A name that is both a folder and a revision is taken as the folder.

    Raises:
        UserError: it is neither, it holds no results, or they cannot be read.
    """
    folder = Path(named)
    if not folder.is_dir():
        return _of_revision(named)
    if (folder / "settings.json").is_file():
        found = _read(folder)
        return Source(named, True, {str(found.settings.get("name") or folder.resolve().name): found})
    experiments = _below(folder)
    if not experiments:
        raise UserError(f"folder '{named}' holds no results: name one with a settings.json, or a folder of such")
    return Source(named, False, experiments)


def matched(a: Source, b: Source, experiment: str | None) -> list[tuple[str, Results, Results]]:
    """Return the experiments of equal name; two folders of one experiment each are a pair whatever they are called.

    Raises:
        UserError: there are none, or a side has no `experiment`.
    """
    for side in (a, b):
        if experiment is not None and experiment not in side.experiments:
            raise one_of(f"experiment of '{side.label}'", experiment, list(side.experiments))
    if a.single and b.single:
        (first, own), (second, other) = *a.experiments.items(), *b.experiments.items()
        return [(first if first == second else f"{first} and {second}", own, other)]
    names = [name for name in a.experiments if name in b.experiments and experiment in (None, name)]
    if not names:
        first, second = (", ".join(side.experiments) for side in (a, b))
        raise UserError(f"no experiment is on both sides: '{a.label}' has {first}; '{b.label}' has {second}")
    return [(name, a.experiments[name], b.experiments[name]) for name in names]


def _below(folder: Path) -> dict[str, Results]:
    return {found.parent.name: _read(found.parent) for found in sorted(folder.glob("*/settings.json"))}


def _of_revision(named: str) -> Source:
    """Read the references of a revision of the repository that holds this code, out of a temporary copy."""
    try:
        top = Path(git(REFERENCE.parent, "rev-parse", "--show-toplevel"))
        commit = git(top, "rev-parse", "--verify", "--end-of-options", f"{named}^{{commit}}")
    except (OSError, subprocess.CalledProcessError):
        raise UserError(f"'{named}' is neither a folder nor a revision of this git repository") from None
    inside = REFERENCE.relative_to(top).as_posix()
    label = named if commit.startswith(named) else f"{named} ({commit[:7]})"
    if not git(top, "ls-tree", "-d", commit, "--", inside):
        raise UserError(f"revision {label} has no {inside}: choose one of `git log --oneline -- {inside}`")
    with tempfile.TemporaryDirectory() as temporary:
        packed = Path(temporary) / "references.zip"
        git(top, "archive", "--format=zip", f"--output={packed}", commit, "--", inside)
        with zipfile.ZipFile(packed) as archive:
            archive.extractall(temporary)
        experiments = _below(Path(temporary) / inside)
    if not experiments:
        raise UserError(f"revision {label} has no results in {inside}: choose a later one of `git log -- {inside}`")
    return Source(label, False, experiments)


def git(folder: Path, *arguments: str) -> str:
    """Return what git prints in `folder`; a failure is an OSError or a CalledProcessError."""
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _read(folder: Path) -> Results:
    try:
        return _with_older_scores(read(folder, committed=True))
    except (AttributeError, KeyError, TypeError) as error:
        raise UserError(f"'{folder}' does not hold results as the stages write them ({error!r})") from None


def _with_older_scores(results: Results) -> Results:
    """Add score files that are older than protocols and say nothing of theirs, which `read` refuses."""
    absent = [name for name in results.explainers if name not in results.rows]
    found = {
        name: rows for name in absent if (rows := _older_rows(results.folder / f"scores/{name}.parquet")) is not None
    }
    scores = dict(results.scores)
    for name, rows in found.items():
        for metric, own in rows.groupby("metric", sort=False):
            scores[name, str(metric)] = own.groupby("image_id", sort=False)["value"].mean()
    named = measures.measures({}, [metric for _, metric in scores if metric not in results.measures])
    return replace(
        results,
        scores=scores,
        measures=results.measures | named,
        missing=tuple(
            line for line in results.missing if not any(line.startswith(f"scores/{name}.parquet") for name in found)
        ),
    )


def _older_rows(path: Path) -> pd.DataFrame | None:
    try:
        rows = artifacts.read_rows(path)
    except (UserError, ValueError, OSError):
        return None
    known = set(rows.columns) >= _OLDER_COLUMNS and "protocol" not in rows
    return rows.astype({"value": "float64"}) if known else None
