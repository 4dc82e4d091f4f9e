"""Under which protocol a number was taken; numbers of different protocols are never compared."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.settings import Experiment
from methods.errors import UserError

if TYPE_CHECKING:
    from bench.metrics.base import Metric

# What every number shares and no setting changes.
FIXED = {
    "explained_class": "the teacher's top-1 on the whole image, fixed once for all methods",
    "score": "softmax probability of the explained class",
    "upsampling": "bilinear, align_corners=False, to the image's size",
}


@dataclass(frozen=True, eq=False)
class Protocol:
    """Everything besides the explainer that can change a number.

    fields: dotted name -> plain value.
    """

    fields: dict[str, Any]

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits of the SHA-256 of the fields."""
        text = json.dumps(self.fields, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def __hash__(self) -> int:
        return hash(self.id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Protocol) and self.id == other.id


def of_metric(chosen: Experiment, name: str, metric: "Metric", images: int) -> Protocol:
    """Return the protocol of one metric: data, teacher and preprocessing, precision, the metric's own.

    `images` is how many are evaluated. The seed of the run is not part of it: runs that differ by the seed alone are
    samples of the same quantity. Nor is where files lie: of an absolute path its last part.
    """
    teacher = asdict(chosen.teacher)
    teacher["weights"] = _place(teacher["weights"])
    fields = {
        "metric": name,
        "metric.settings": asdict(metric),  # type: ignore[call-overload]
        "metric.choices": dict(metric.choices),
        "dataset": {key: _place(value) for key, value in chosen.dataset.items() if key != "download"},
        "image_size": chosen.image_size,
        "evaluation_images": images,
        "split": chosen.evaluation_split,
        "precision": chosen.precision,
        "preprocessing": {"mean": teacher.pop("mean"), "std": teacher.pop("std")},
        "teacher": teacher,
        **FIXED,
    }
    return Protocol(_flat(fields))


def of_columns(
    chosen: Experiment, metrics: "list[Metric]", part_names: tuple[str, ...], images: int
) -> dict[str, Protocol]:
    """Return the protocol of each column of the experiment's metrics, of so many evaluation images."""
    found: dict[str, Protocol] = {}
    for name, metric in zip(chosen.metrics, metrics, strict=True):
        own = of_metric(chosen, name, metric, images)
        found |= dict.fromkeys(metric.columns_for(part_names), own)
    return found


def require_same(protocols: Mapping[str, Protocol], what: str) -> None:
    """Refuse to put numbers of different protocols side by side.

    Args:
        protocols: who (a method, a run) -> the protocol of its numbers.
        what: the table, comparison or test that would mix them.

    Raises:
        UserError: they differ; the message lists the fields that do, with their values.
    """
    if len({one.id for one in protocols.values()}) < 2:
        return
    names = sorted({name for one in protocols.values() for name in one.fields})
    lines = []
    for name in names:
        values = {who: json.dumps(one.fields.get(name), default=str) for who, one in protocols.items()}
        if len(set(values.values())) > 1:
            lines.append(f"{name}: " + ", ".join(f"{who} {value}" for who, value in values.items()))
    raise UserError(
        f"{what} would mix protocols; these fields differ: {'; '.join(lines)}. Run the stage score again for "
        "all methods under one params.yaml"
    )


def _place(value: Any) -> Any:
    """Return the name of an absolute path, anything else as it is."""
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted names, so that a difference can be named."""
    found: dict[str, Any] = {}
    for key, one in value.items():
        if isinstance(one, Mapping) and one:
            found |= _flat(one, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = list(one) if isinstance(one, tuple) else one
    return found
