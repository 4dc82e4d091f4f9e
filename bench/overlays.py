"""One image with a map laid over it, and such pictures side by side."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from bench.artifacts import write_atomically

COLOURMAP = "inferno"
OPACITY = 0.6
DOTS_PER_INCH = 160


def unit_map(saliency: Tensor, size: int) -> Tensor:
    """Return a map [h, w] as [size, size]: upsampled bilinearly, then min-max to [0, 1]; a flat one is zero."""
    finite = torch.nan_to_num(saliency.float(), nan=0.0, posinf=0.0, neginf=0.0)
    full = interpolate(finite[None, None], size=(size, size), mode="bilinear", align_corners=False)[0, 0]
    low, high = full.min(), full.max()
    return torch.zeros_like(full) if is_flat(saliency) else (full - low) / (high - low)


def is_flat(saliency: Tensor) -> bool:
    """Say whether a map is constant, up to float32 rounding, and so points nowhere."""
    finite = torch.nan_to_num(saliency.float(), nan=0.0, posinf=0.0, neginf=0.0)
    return bool(finite.max() - finite.min() <= 1e-6 * finite.abs().max())


def picture(image: Tensor, side: int) -> Image.Image:
    """Return a uint8 image [3, S, S] with `side` pixels a side."""
    return Image.fromarray(image.permute(1, 2, 0).numpy()).resize((side, side), Image.Resampling.BICUBIC)


def overlay(image: Tensor, saliency: Tensor, side: int) -> Image.Image:
    """Lay a map [h, w] in colour over the grey image [3, S, S]."""
    heat = colormaps[COLOURMAP](unit_map(saliency, image.shape[-1]).numpy())[..., :3] * 255
    grey = np.asarray(picture(image, image.shape[-1]).convert("L"), dtype=np.float64)[..., None]
    mixed = OPACITY * heat + (1 - OPACITY) * grey
    return Image.fromarray(mixed.round().astype(np.uint8)).resize((side, side), Image.Resampling.BICUBIC)


def side_by_side(titled: list[tuple[str, Image.Image]]) -> Figure:
    """Set titled pictures side by side on white."""
    with mpl.rc_context({"text.parse_math": False, "font.size": 7.5}):
        drawn = Figure(figsize=(1.5 * len(titled), 1.75), layout="constrained", facecolor="white")
        for axes, (title, shown) in zip(drawn.subplots(1, len(titled), squeeze=False)[0], titled, strict=True):
            axes.imshow(shown, interpolation="antialiased")
            axes.set_title(title if len(title) <= 24 else f"{title[:23]}…", pad=3, fontsize=7.5)
            axes.set_axis_off()
        return drawn


def write_side_by_side(path: Path, titled: list[tuple[str, Image.Image]]) -> None:
    """Write titled pictures side by side as PNG."""
    drawn = side_by_side(titled)
    write_atomically(path, lambda p: drawn.savefig(p, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None}))
