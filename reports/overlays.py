"""Pictures of one image: its map laid over it, and its parts drawn on it."""

from dataclasses import dataclass

import numpy as np
import torch
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn.functional import interpolate

COLOURMAP = "inferno"
OPACITY = 0.6
PART = (86, 180, 233)
TELLING = (255, 176, 0)
_HALO = (16, 18, 22)


@dataclass(frozen=True)
class Parts:
    """The annotation of one image of S x S pixels with P parts.

    keypoints: float [P, 2], (x, y) in pixels, NaN if not visible.
    segments: uint8 [S, S], 0 background, i is part i - 1; or None.
    telling: bool [P], the parts that tell the class from its nearest one.
    names: P names.
    """

    keypoints: Tensor
    segments: Tensor | None
    telling: Tensor
    names: tuple[str, ...]

    def visible(self) -> list[int]:
        """Return the parts that have a keypoint or a segment in this image."""
        drawn = set() if self.segments is None else {int(value) - 1 for value in self.segments.unique()}
        pointed = {i for i, point in enumerate(self.keypoints) if not bool(point.isnan().any())}
        return [i for i in range(len(self.names)) if i in drawn | pointed]


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


def parts_picture(image: Tensor, parts: Parts, side: int) -> Image.Image:
    """Outline the segments and number the keypoints (from 1, by position in `names`); telling parts stand out."""
    drawn = Image.blend(picture(image, side), Image.new("RGB", (side, side), (255, 255, 255)), 0.25)
    if parts.segments is not None:
        pixels = np.asarray(drawn).copy()
        _outline(pixels, parts, side)
        drawn = Image.fromarray(pixels)
    canvas = ImageDraw.Draw(drawn)
    scale = side / image.shape[-1]
    for part in sorted(parts.visible(), key=lambda part: bool(parts.telling[part])):
        _number(canvas, _anchor(parts, part) * scale, part + 1, bool(parts.telling[part]), side)
    return drawn


def _anchor(parts: Parts, part: int) -> NDArray[np.float64]:
    """Return where to write a part's number: its keypoint, or else the middle of its segment."""
    point = parts.keypoints[part].numpy().astype(np.float64)
    if not np.isnan(point).any() or parts.segments is None:
        return point
    return np.argwhere(parts.segments.numpy() == part + 1).mean(axis=0)[::-1] + 0.5


def _outline(pixels: NDArray[np.uint8], parts: Parts, side: int) -> None:
    assert parts.segments is not None
    labels = np.asarray(Image.fromarray(parts.segments.numpy()).resize((side, side), Image.Resampling.NEAREST))
    for part in sorted(parts.visible(), key=lambda part: bool(parts.telling[part])):
        inside = labels == part + 1
        width = 2 if parts.telling[part] else 1
        pixels[inside & ~_shrunk(inside, width)] = TELLING if parts.telling[part] else PART


def _shrunk(mask: NDArray[np.bool_], times: int) -> NDArray[np.bool_]:
    """Erode a mask by so many pixels (four neighbours)."""
    for _ in range(times):
        padded = np.pad(mask, 1)
        mask = mask & padded[2:, 1:-1] & padded[:-2, 1:-1] & padded[1:-1, 2:] & padded[1:-1, :-2]
    return mask


def _number(canvas: ImageDraw.ImageDraw, at: NDArray[np.float64], number: int, telling: bool, side: int) -> None:
    radius = side / 30 if number < 10 else side / 26
    x, y = (float(np.clip(value, radius + 1, side - radius - 2)) for value in at)
    fill = TELLING if telling else PART
    canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill, outline=_HALO, width=1)
    font = ImageFont.load_default(size=side / 21)
    canvas.text((x, y), str(number), fill=_HALO, font=font, anchor="mm")
