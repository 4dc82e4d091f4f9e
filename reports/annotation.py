"""The annotated parts of one image, drawn on it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from bench.overlays import picture

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


def parts_picture(image: Tensor, parts: Parts, side: int) -> Image.Image:
    """Draw the parts on a paler image."""
    drawn = Image.blend(picture(image, side), Image.new("RGB", (side, side), (255, 255, 255)), 0.25)
    layer = parts_layer(parts, image.shape[-1], side)
    drawn.paste(layer, mask=layer)
    return drawn


def parts_layer(parts: Parts, size: int, side: int) -> Image.Image:
    """Outline the segments and number the keypoints (from 1, by position in `names`); telling parts stand out.

    Drawn on nothing: RGBA, `side` pixels for an image of `size`.
    """
    pixels = np.zeros((side, side, 4), dtype=np.uint8)
    if parts.segments is not None:
        _outline(pixels, parts, side)
    drawn = Image.fromarray(pixels)
    canvas = ImageDraw.Draw(drawn)
    for part in sorted(parts.visible(), key=lambda part: bool(parts.telling[part])):
        _number(canvas, _anchor(parts, part) * side / size, part + 1, bool(parts.telling[part]), side)
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
        colour = TELLING if parts.telling[part] else PART
        pixels[inside & ~_shrunk(inside, width)] = (*colour, 255)


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
