"""Which classifier, and where its weights come from."""

from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import ConfigDict, Field, with_config

Scale = Annotated[float, Field(gt=0)]


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
    mean: tuple[float, float, float] | None = None
    std: tuple[Scale, Scale, Scale] | None = None
