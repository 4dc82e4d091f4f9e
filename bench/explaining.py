"""A user's own photographs: read as those of the data set are, classified, and explained by many methods."""

import hashlib
import os
import time
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args

import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from bench.datasets._photographs import Fit, Framing, decode
from bench.datasets.base import Dataset
from bench.loading import build_explainer, load_model, serve
from bench.settings import Experiment
from bench.splits import seed_for
from bench.training import predict
from methods.classifier import Classifier, check_finite
from methods.errors import UserError
from methods.registry import build
from methods.replay import warm_up
from methods.runtime import Runtime


@dataclass(frozen=True)
class Photograph:
    """One photograph of the user's.

    path: as the user named it.
    width, height: in pixels, after the photograph was turned upright.
    pixels: uint8 [3, S, S], RGB, as the classifier sees it.
    """

    path: Path
    width: int
    height: int
    pixels: Tensor

    @property
    def digest(self) -> str:
        """The SHA-256 of its pixels: what seeds random draws, so that its maps do not depend on where the file lies."""
        return hashlib.sha256(self.pixels.numpy().tobytes()).hexdigest()


@dataclass(frozen=True)
class Explanation:
    """One map and what it took.

    saliency: float32 [h, w] on the CPU, at the method's native size.
    seconds: wall-clock time of the whole explanation of this one image, forward pass included.
    """

    saliency: Tensor
    seconds: float


def fit_of(chosen: Experiment) -> Fit:
    """Return how the data set fits a photograph into a square; the largest square if it has none.

    Raises:
        UserError: the data set does it in a way of its own.
    """
    own = dict(chosen.dataset)
    dataset = build(Dataset, own.pop("name"), own)  # type: ignore[type-abstract]
    fit: Fit = getattr(dataset, "fit", "crop")
    if fit not in get_args(Fit):
        raise UserError(f"data set '{chosen.dataset['name']}' fits images by '{fit}': only crop and squash are known")
    return fit


def read(path: Path, fit: Fit, size: int) -> Photograph:
    """Read one photograph as `size` x `size` pixels, turned upright as its EXIF orientation says.

    Raises:
        UserError: there is no such file, or it is not a whole image, or grey of more than 8 bits.
    """
    if not os.path.isfile(path):
        reason = "is not a file" if os.path.exists(path) else "does not exist"
        raise UserError(f"image '{printable(path)}' {reason}: name photographs, one by one")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the user's own file, not a bomb
            image = decode(path, upright=True)
    except UserError as error:
        raise UserError(printable(str(error))) from None
    framed = Framing.of(image, fit, size).pixels(image)
    return Photograph(path, *image.size, torch.from_numpy(framed).permute(2, 0, 1).contiguous())


def printable(text: str | Path) -> str:
    """Return a text or a path in one line that every terminal and page can show."""
    decoded = os.fsencode(text).decode("utf-8", "replace")
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in decoded)


def classify(teacher: Classifier, photographs: list[Photograph], machine: Runtime) -> Tensor:
    """Return the teacher's probabilities [N, K], at the precision at which the run's own images were classified."""
    pixels = torch.stack([photograph.pixels for photograph in photographs])
    model = serve(teacher, pixels.shape[-1], machine)
    return check_finite(predict(model, pixels, machine), "the teacher").softmax(1)


def explain(
    chosen: Experiment,
    names: list[str],
    teacher: Classifier,
    fits: Path,
    photographs: list[Photograph],
    targets: Tensor,
    machine: Runtime,
) -> dict[str, list[Explanation]]:
    """Explain class `targets[i]` of photograph i by every method named; one image at a time.

    Each method is warmed up before it is timed, and the device is synchronised around every timed call.
    """
    found: dict[str, list[Explanation]] = {name: [] for name in names}
    with tqdm(total=len(names) * len(photographs), desc="explain", unit="map") as bar:
        for name in names:
            call = _Call(chosen, name, teacher, fits / f"{name}.safetensors", machine)
            warm_up(partial(call, photographs[0], targets[0]), machine.device)
            for photograph, target in zip(photographs, targets, strict=True):
                found[name].append(call(photograph, target))
                bar.update()
    return found


class _Call:
    """One method with its network loaded, ready to explain single images."""

    def __init__(self, chosen: Experiment, name: str, teacher: Classifier, fit: Path, machine: Runtime) -> None:
        self.name, self.seed, self.machine = name, chosen.seed, machine
        self.method = build_explainer(chosen, name)
        self.model = load_model(self.method, teacher, fit, chosen.image_size, machine)

    def __call__(self, photograph: Photograph, target: Tensor) -> Explanation:
        images = self.machine.images(photograph.pixels.unsqueeze(0))
        targets = target.reshape(1).to(self.machine.device)
        seeds = torch.tensor([seed_for(photograph.digest, self.seed)])
        self.machine.synchronise()
        began = time.perf_counter()
        with self.machine.autocast():
            saliency = self.method.explain(self.model, images, targets, seeds)
        self.machine.synchronise()
        seconds = time.perf_counter() - began
        return Explanation(check_finite(saliency[0], f"explainer '{self.name}'").float().cpu(), seconds)
