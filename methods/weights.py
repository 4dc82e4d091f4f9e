"""Files of weights: found, read, and loaded into a timm network."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from methods.errors import UserError


def weights_file(name: str) -> Path:
    """Find a weights file in the working directory or in the folder named by BENCH_WEIGHTS."""
    folder = os.environ.get("BENCH_WEIGHTS")
    places = [Path(name)] + ([Path(folder) / name] if folder else [])
    for place in places:
        if place.is_file():
            return place
    where = f"in '{folder}'" if folder else "and BENCH_WEIGHTS is not set"
    raise UserError(
        f"weights '{name}' not found here {where}: set BENCH_WEIGHTS to the folder that holds it, "
        "or use weights: pretrained"
    )


def load_backbone(backbone: nn.Module, path: Path, architecture: str) -> None:
    """Load a safetensors file, in any float type, leaving out a head of another size.

    Raises:
        UserError: the file is damaged or of another format, its names have a prefix, or it is of another network.
    """
    loaded, own = read_weights(path), backbone.state_dict()
    missing = [k for k in unlike(own, loaded) if not k.startswith(head_prefixes(backbone))]
    if missing:
        prefix = _prefix(missing, loaded)
        why = (
            f"their names begin with '{prefix}': remove it from each and save them again"
            if prefix
            else f"{len(missing)} tensors such as '{missing[0]}' are absent or of another shape; "
            "check architecture and arguments"
        )
        raise UserError(f"weights '{path}' do not fit '{architecture}': {why}")
    fitting = {k: v for k, v in loaded.items() if k in own and v.shape == own[k].shape}
    backbone.load_state_dict(fitting, strict=False)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file.

    Raises:
        UserError: the file is damaged or of another format.
    """
    try:
        return load_file(path)
    except SafetensorError as error:
        again = "fetch it again" if path.suffix == ".safetensors" else "convert it by safetensors.torch.save_file"
        raise UserError(f"weights '{path}' are not a whole safetensors file ({error}): {again}") from None


def unlike(own: Mapping[str, Tensor], loaded: Mapping[str, Tensor]) -> list[str]:
    """Return the names of a network's own tensors that `loaded` lacks or has in another shape; counters may lack."""
    found = [name for name, tensor in own.items() if name not in loaded or loaded[name].shape != tensor.shape]
    return [name for name in found if not name.endswith("num_batches_tracked")]


def head_prefixes(backbone: nn.Module) -> tuple[str, ...]:
    """Return how the names of the head's tensors begin."""
    names = backbone.pretrained_cfg.get("classifier") or ()  # type: ignore[union-attr, operator]
    return tuple(f"{name}." for name in ([names] if isinstance(names, str) else names))


def _prefix(missing: Sequence[str], loaded: Mapping[str, Tensor]) -> str:
    """Return the prefix under which `loaded` has everything that is missing, `module.` say, or nothing."""
    ends = f".{missing[0]}"
    prefixes = [name.removesuffix(missing[0]) for name in loaded if name.endswith(ends)]
    return next((prefix for prefix in prefixes if all(prefix + name in loaded for name in missing)), "")
