"""Which classifier, and where its weights come from."""

from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, with_config


def _of_unit_range(value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError("Input should be in [0, 1], as images are: divide values of 0 to 255 by 255")
    return value


Mean = Annotated[float, AfterValidator(_of_unit_range)]
Scale = Annotated[float, AfterValidator(_of_unit_range), Field(gt=0)]


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class NetworkSettings:
    """A timm network.

    architecture: any timm model.
    weights: `scratch`, `pretrained` (timm's hub) or a safetensors file; a relative path is looked
        up in the working directory, then in the folder named by BENCH_WEIGHTS.
    arguments: passed to `timm.create_model`.
    mean, std: preprocessing of local weights, per channel of RGB in [0, 1]; none takes timm's.
    """

    architecture: str
    weights: str = "scratch"
    arguments: dict[str, Any] = field(default_factory=dict)
    mean: tuple[Mean, Mean, Mean] | None = None
    std: tuple[Scale, Scale, Scale] | None = None
