"""The pictures that the page lays over one another: an image, each of its maps in colour, its parts on nothing."""

from pathlib import Path

from matplotlib import colormaps
from PIL import Image
from torch import Tensor

from bench.overlays import COLOURMAP, picture, unit_map

IMAGE_SIDE = 224
MAP_SIDE = 112
PARTS_SIDE = 336


def image_layer(image: Tensor) -> Image.Image:
    """Return a uint8 image [3, S, S] at its own size, or at IMAGE_SIDE if that is smaller."""
    return picture(image, min(image.shape[-1], IMAGE_SIDE))


def map_layer(saliency: Tensor, size: int) -> Image.Image:
    """Return a map [h, w] in colour: upsampled to the image's `size` and scaled to its own range as for the metrics.

    Colours come last, so that the browser enlarges what is smooth already; over MAP_SIDE pixels it is reduced.
    """
    heat = colormaps[COLOURMAP](unit_map(saliency, size).numpy(), bytes=True)[..., :3].copy()
    side = min(size, MAP_SIDE)
    return Image.fromarray(heat).resize((side, side), Image.Resampling.BICUBIC)


def save(drawn: Image.Image, path: Path) -> str:
    """Write WebP, without loss if the picture has transparency; return the name of the file."""
    drawn.save(path, format="WEBP", quality=85, method=6, lossless=drawn.mode == "RGBA")
    return path.name
