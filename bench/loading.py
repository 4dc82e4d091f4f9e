"""Trained networks and evaluation batches, read back from a stage's files."""

import hashlib
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any, TypeVar

import pandas as pd
import torch
from torch import Tensor, nn

from bench import artifacts, prepared
from bench.prepared import check_same
from bench.settings import Experiment, TeacherSettings
from bench.splits import seed_for
from methods.classifier import Classifier, from_settings
from methods.errors import UserError
from methods.explainers.base import Explainer
from methods.folding import folded
from methods.fusing import fused
from methods.packing import packed
from methods.padding import pad_kernels
from methods.registry import build
from methods.runtime import Runtime

ModelT = TypeVar("ModelT", bound=nn.Module)


def create_teacher(settings: TeacherSettings, classes: int, seed: int) -> Classifier:
    """Build the teacher as the settings start it; random parts come from `seed`."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return from_settings(settings, classes)


def check_size(model: Classifier, size: int) -> None:
    """Refuse a network that does not classify images of `size` px by features that form a map, before it is trained.

    The network stays as it is.

    Raises:
        UserError: it takes other sizes only, as a transformer may; or gives other than one score per class; or what
            it classifies by is no map, see `to_map` and `last_read`.
    """
    network, image = deepcopy(model).cpu().eval(), torch.zeros(1, 3, size, size)
    try:
        with torch.inference_mode():
            logits = network(image)
            if not isinstance(logits, Tensor) or logits.shape != (1, network.backbone.num_classes):
                found = list(logits.shape) if isinstance(logits, Tensor) else f"a {type(logits).__name__}"
                raise UserError(
                    f"the teacher gives {found} for an image, not one score per class: "
                    "check its arguments, such as features_only and global_pool"
                )
            network.features_and_gradient(image, torch.zeros(1, dtype=torch.long))
    except (AssertionError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"the teacher cannot classify an image of {size} px ({reason}): check its arguments, such as global_pool, "
            "dynamic_img_size: true of vision transformers and strict_img_size: false of Swin, "
            "or change image_size and timing_size"
        ) from None


def facts(chosen: Experiment, class_names: list[str] | None = None) -> dict[str, Any]:
    """Return what the teacher's file tells of its training, without the classes if they are not given."""
    own = chosen.teacher
    network = {"architecture": own.architecture, "arguments": own.arguments, "mean": own.mean, "std": own.std}
    named = {f"class {label}": name for label, name in enumerate(class_names or [])}
    return ({"classes": len(named)} if named else {}) | {"image_size": chosen.image_size} | network | named


def write_teacher(path: Path, teacher: Classifier, chosen: Experiment, class_names: list[str]) -> None:
    """Write the trained teacher and its `facts`."""
    artifacts.write_tensors(path, teacher.state_dict(), **facts(chosen, class_names))


def load_teacher(path: Path, chosen: Experiment, runtime: Runtime, class_names: list[str] | None = None) -> Classifier:
    """Read the trained teacher, frozen and in evaluation mode on the device.

    An older file tells how many classes there are, and no more.

    Raises:
        UserError: it was trained with other settings or, if `class_names` are given, to tell other classes.
    """
    check_same(path, "teacher", artifacts.read_metadata(path), facts(chosen, class_names))
    return runtime.place(read_teacher(path, chosen.teacher)).requires_grad_(False)  # type: ignore[return-value]


def read_teacher(path: Path, settings: TeacherSettings) -> Classifier:
    """Read the trained teacher as timm builds it."""
    model = from_settings(settings, artifacts.read_metadata(path)["classes"], weights="scratch")
    try:
        model.load_state_dict(artifacts.read_tensors(path))
    except RuntimeError:
        raise UserError(f"'{path}' is not of architecture '{settings.architecture}': run stage teacher again") from None
    return model


def build_explainer(settings: Experiment, name: str) -> Explainer:
    """Build an explainer from the experiment's settings, its training recipe left out."""
    own = {key: value for key, value in settings.explainer(name).items() if key != "fit"}
    return build(Explainer, name, own)  # type: ignore[type-abstract]


def origin(explainer: str, teacher: Classifier) -> dict[str, Any]:
    """Return what the file of a trained explainer tells of its making."""
    return {"explainer": explainer, "teacher": artifacts.fingerprint(teacher.state_dict())}


def load_model(
    explainer: Explainer, teacher: Classifier, path: Path, size: int, runtime: Runtime, draw: int = 0
) -> nn.Module:
    """Return the network that the explainer reads, folded, in evaluation mode on the device.

    Of several, trained from different seeds, each further draw takes the next one.

    Raises:
        UserError: the weights were trained for another explainer or teacher; or are of a network with other settings,
            or of fewer networks than there are seeds; or there are none and the explainer learns.
    """
    name = type(explainer).__module__.removeprefix("methods.explainers.")
    check_same(path, "fit", artifacts.read_metadata(path), origin(name, teacher))
    trained = artifacts.networks(artifacts.read_tensors(path))
    if trained[0] and draw >= len(trained) and not explainer.random:
        raise UserError(f"'{path}' holds fewer networks than `seeds` asks for ({len(trained)}): run stage fit again")
    if not trained[0] and explainer.objective(teacher, size) is not None:
        raise UserError(f"explainer '{name}' learns: give it a 'fit' section in params.yaml and run stage fit")
    try:
        network = explainer.prepare(teacher, trained[draw % len(trained)], size)
    except RuntimeError as error:
        raise UserError(f"'{path}' is of other settings ({_reason(error)}): run stage fit again") from None
    return serve(network, size, runtime)


def _reason(error: RuntimeError) -> str:
    """Return the first line that tells something: that of `load_state_dict` only announces the others."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return shorten(lines[1] if len(lines) > 1 and lines[0].endswith(":") else lines[0], 200, placeholder=" ...")


def serve(model: ModelT, size: int, runtime: Runtime) -> ModelT:
    """Return a copy for use only: batch norms folded, frozen, in evaluation mode on the device.

    Padding costs no copy: on a CPU kernels are padded, on an NVIDIA GPU depthwise convolutions pad while they read.
    Convolutions take activations behind them into the same pass, and on a CPU their weights are packed once.
    """
    served: ModelT = runtime.place(folded(model, size)).requires_grad_(False)  # type: ignore[assignment]
    if runtime.device.type == "cpu":
        return packed(pad_kernels(served), size)
    return fused(served, size) if runtime.device.type == "cuda" else served


@dataclass(frozen=True)
class Evaluation:
    """The evaluation images of one experiment, in evaluation order.

    data: all images of the experiment.
    rows: positions of the evaluation images in `data`.
    predictions: one row each; `target` is the explained class and `probability` its softmax.
    seed: of the run.
    """

    data: prepared.Prepared
    rows: Tensor
    predictions: pd.DataFrame
    seed: int

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that tell which images these are, in which order, and the explained classes."""
        told = self.predictions[["image_id", "target"]].to_csv(index=False)
        return hashlib.sha256(told.encode()).hexdigest()[:12]

    def chunks(self, size: int) -> Iterator[Tensor]:
        """Yield positions 0 .. n - 1, `size` at a time."""
        yield from torch.arange(len(self.rows)).split(size)

    def images(self, chunk: Tensor, runtime: Runtime) -> Tensor:
        """[B, 3, H, W] in [0, 1] on the device."""
        return runtime.images(self.data.images[self.rows[chunk]])

    def targets(self, chunk: Tensor, runtime: Runtime) -> Tensor:
        """[B], the explained classes, on the device."""
        return torch.from_numpy(self.predictions["target"].to_numpy()[chunk.numpy()]).to(runtime.device)

    def seeds(self, chunk: Tensor, draw: int = 0) -> Tensor:
        """[B], int64, from the run's seed, the number of the draw and the image's id alone."""
        ids = self.predictions["image_id"]
        return torch.tensor([seed_for(ids[int(i)], self.seed + draw) for i in chunk])


def load_maps(path: Path, explainer: str, evaluation: Evaluation) -> dict[str, Tensor]:
    """Read what stage explain wrote: name -> maps [N, h, w] of the evaluation images.

    Raises:
        UserError: they are those of another explainer or of other images.
    """
    told = artifacts.read_metadata(path)
    if told["explainer"] != explainer:
        raise UserError(f"'{path}' holds maps of '{told['explainer']}', not of '{explainer}': name the right file")
    if told["images"] != evaluation.fingerprint:
        raise UserError(f"'{path}' holds maps of other images or classes than are evaluated: run stage explain again")
    return artifacts.read_tensors(path)


def load_evaluation(data: Path, predictions: Path, chosen: Experiment) -> Evaluation:
    """Read the prepared images and the predictions that fix the explained classes.

    Raises:
        UserError: the images are of another size than the settings say, or the predictions not of these images.
    """
    everything, table = prepared.read(data, chosen.image_size), artifacts.read_rows(predictions)
    absent = [name for name in ("image_id", "label", "target", "probability") if name not in table]
    if absent:
        raise UserError(f"'{predictions}' holds no predictions (no column '{absent[0]}'): run stage teacher again")
    rows = torch.from_numpy(everything.rows(table["image_id"].tolist(), predictions))
    classes = everything.index["label"].max() + 1
    bad = table.index[(table["target"] < 0) | (table["target"] >= classes)]
    if len(bad):
        first = table.loc[bad[0]]
        raise UserError(
            f"class index {first['target']} of image '{first['image_id']}' is out of range "
            f"(0 to {classes - 1}): run stage teacher again"
        )
    return Evaluation(everything, rows, table, chosen.seed)
