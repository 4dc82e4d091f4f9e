"""The only reader and writer of files between stages; every write is atomic.

Layout below the artifacts folder, one sub-folder per experiment:

    work/<experiment>/data/{index.parquet, arrays.safetensors}
    work/<experiment>/teacher.safetensors
    work/<experiment>/fits/<explainer>.safetensors     (no tensors if it learns nothing)
    work/<experiment>/maps/<explainer>.safetensors     saliency [N, h, w], float32; further draws saliency_1, ...
    results/<experiment>/settings.json, data.json, environment.json
    results/<experiment>/teacher.json, predictions.parquet
    results/<experiment>/curves/{teacher,<explainer>}.csv
    results/<experiment>/fits/<explainer>.json
    results/<experiment>/scores/<explainer>.parquet    long rows: SCORE_COLUMNS
    results/<experiment>/perturbation/<explainer>.parquet  the curves behind areas: PERTURBATION_COLUMNS
    results/<experiment>/protocols/<explainer>.json    protocol id -> fields, of the rows in scores/
    results/<experiment>/effects.parquet               EFFECT_COLUMNS: parts removed or swapped
    results/<experiment>/claims.json                   the ledger: a verdict per claim of the paper
    results/<experiment>/throughput/<explainer>.json   pytest-benchmark
    results/<experiment>/elsewhere/<machine>.json      pytest-benchmark on another machine, put there by hand
    results/<experiment>/map_sizes.json                explainer -> [h, w]
    results/<experiment>/gallery/                      pictures; never leaves the machine for photographs
"""

import hashlib
import json
import math
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from pyarrow import ArrowException
from safetensors import SafetensorError, safe_open

from methods.errors import UserError

T = TypeVar("T")

SCORE_COLUMNS = ["experiment", "seed", "image_id", "explainer", "metric", "value", "protocol"]
PERTURBATION_COLUMNS = ["seed", "image_id", "metric", "fraction", "probability"]
EFFECT_COLUMNS = ["image_id", "part", "action", "probability"]
ABOUT = "about"  # the key of all metadata in a safetensors file


def saliency_of(draw: int) -> str:
    """Return the name of one draw's maps in their file."""
    return f"saliency_{draw}" if draw else "saliency"


def timed_elsewhere(folder: Path) -> list[Path]:
    """Return the files of an experiment's results that hold timings of other machines."""
    return sorted((folder / "elsewhere").glob("*.json"))


def of_network(tensors: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Name the tensors of the network trained from the `seed`-th seed, as they lie in the file of a fit."""
    return {f"seed_{seed}/{name}" if seed else name: tensor for name, tensor in tensors.items()}


def networks(tensors: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Undo `of_network` for a whole file: the tensors of each network, by seed; at least one, perhaps empty."""
    found: dict[int, dict[str, Any]] = {0: {}}
    for name, tensor in tensors.items():
        prefix, slash, rest = name.partition("/")
        seed = int(prefix.removeprefix("seed_")) if slash else 0
        found.setdefault(seed, {})[rest if slash else name] = tensor
    return [found[seed] for seed in sorted(found)]


def fingerprint(tensors: Mapping[str, Any]) -> str:
    """Return twelve hexadecimal digits that tell tensors from others, wherever and however they lie in memory."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()[:12]


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Call `write` with a temporary path beside `path`, then move it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write indented JSON, in the order given, with null for NaN, which JSON does not know."""
    text = json.dumps(plain(content), indent=2, default=str) + "\n"
    write_atomically(path, lambda p: p.write_text(text, encoding="utf-8"))


def plain(value: Any) -> Any:
    """Return nested values with None for NaN."""
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object."""
    return _read(path, _json_object)


def write_rows(path: Path, rows: pd.DataFrame) -> None:
    """Write a table as parquet, or as CSV when the name ends so."""
    if path.suffix == ".csv":
        write_atomically(path, lambda p: rows.to_csv(p, index=False))
    else:
        write_atomically(path, lambda p: rows.to_parquet(p, index=False))


def read_rows(path: Path) -> pd.DataFrame:
    """Read what `write_rows` wrote."""
    return _read(path, pd.read_csv if path.suffix == ".csv" else pd.read_parquet)


def write_tensors(path: Path, tensors: Mapping[str, Any], **metadata: Any) -> None:
    """Write tensors as safetensors; the metadata are kept as one JSON object, equal bytes for equal content.

    Under one key, for safetensors writes several in an order that changes from process to process.
    """
    from safetensors.torch import save_file

    text = {ABOUT: json.dumps(metadata, sort_keys=True)} if metadata else None
    contiguous = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
    write_atomically(path, lambda p: save_file(contiguous, p, metadata=text))


def read_tensors(path: Path) -> dict[str, Any]:
    """Read all tensors of a safetensors file onto the CPU."""
    from safetensors.torch import load_file

    return _Content(path, _read(path, load_file))


def read_metadata(path: Path) -> dict[str, Any]:
    """Read the metadata that `write_tensors` stored, each under its own key in older files."""
    return _Content(path, _read(path, _metadata))


class _Content(dict[str, Any]):
    """What a safetensors file holds, by name; a file that lacks what is asked for is another one."""

    def __init__(self, path: Path, content: Mapping[str, Any]) -> None:
        super().__init__(content)
        self.path = path

    def __missing__(self, name: str) -> Any:
        raise _another(self.path, f"no '{name}' in it")


def _read(path: Path, read: Callable[[Path], T]) -> T:
    """Return what `read` makes of a file, which may be missing, damaged or another one."""
    if not path.is_file():
        raise UserError(f"'{path}' does not exist: run the stage that writes it (dvc repro)")
    try:
        return read(path)
    except (ArrowException, KeyError, OSError, SafetensorError, ValueError) as error:
        raise _another(path, " ".join(str(error).split())) from None


def _another(path: Path, reason: str) -> UserError:
    what = f"'{path}' is damaged or not what its stage writes ({reason})"
    return UserError(f"{what}: run the stage that writes it again (dvc repro)")


def _json_object(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")
    return content


def _metadata(path: Path) -> dict[str, Any]:
    with safe_open(path, framework="pt") as file:
        names, told = file.keys(), file.metadata() or {}
    try:
        content = json.loads(told[ABOUT]) if ABOUT in told else {key: json.loads(v) for key, v in told.items()}
    except json.JSONDecodeError:  # other programs write plain words
        content = {}
    if names and not content:
        raise ValueError("it has no metadata of a stage; weights of your own are named under teacher.weights")
    return content
