"""Photographs on disk: finding, decoding and fitting them, with their annotation, into a square."""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageFile, ImageOps

from bench.datasets.base import NO_BOX
from methods.errors import UserError

Fit = Literal["crop", "squash"]
Box = tuple[float, float, float, float]

_DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def locate(root: Path | None, folder: str, otherwise: str = "") -> Path:
    """Return the absolute path of a data set's `folder`, which is relative to `root` or absolute.

    Args:
        otherwise: ends the message: what else would help.

    Raises:
        UserError: `folder` is relative and there is no `root`.
    """
    path = Path(folder).expanduser()
    if root is None and not path.is_absolute():
        raise UserError(f"BENCH_DATA is not set: set it to the folder that contains '{folder}'{otherwise}")
    return path if root is None else (root / path).absolute()


def decode(path: Path, upright: bool = False) -> Image.Image:
    """Return a photograph as RGB; transparency is dropped, of an animation the first frame is taken.

    Pillow's process-wide `LOAD_TRUNCATED_IMAGES` is switched off: half an image must not pass for one.

    Args:
        upright: turn the image as its EXIF orientation says, as viewers do.

    Raises:
        UserError: the file is missing, unreadable, truncated, or grey of more than 8 bits.
    """
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with Image.open(path) as image:
            image.load()
            turned = ImageOps.exif_transpose(image) if upright else image
            if turned.mode.startswith(("I", "F")):
                raise UserError(f"image '{path}' has mode {turned.mode}: convert it to 8 bits a channel")
            turned.info.pop("transparency", None)  # of a palette, Pillow would warn about it
            return turned.convert("RGB")
    except FileNotFoundError:
        raise UserError(f"image '{path}' is missing: restore the file or the whole data set") from None
    except _DAMAGED as error:
        reason = " ".join(str(error).split())
        raise UserError(f"image '{path}' cannot be read ({reason}): replace the file") from None


@dataclass(frozen=True)
class Framing:
    """The map from a window of a photograph to a frame of `size` x `size` pixels.

    Positions are continuous: pixel i covers [i, i + 1) and its centre lies at i + 0.5, in the
    photograph and in the frame alike, so `int(x)` is the column that holds `x`.

    window: (x0, y0, x1, y1) in pixels of the photograph; corners may fall between pixels.
    size: side of the frame in pixels.
    """

    window: Box
    size: int

    @classmethod
    def of(cls, image: Image.Image, fit: Fit, size: int) -> "Framing":
        """Frame the whole image (`squash`) or the largest square in its middle (`crop`).

        `crop` is "short side to `size`, then centre crop" in one step, without rounding the
        intermediate size or the margin to whole pixels.
        """
        width, height = image.size
        if fit == "squash":
            return cls((0.0, 0.0, float(width), float(height)), size)
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        return cls((left, top, left + side, top + side), size)

    def pixels(self, image: Image.Image) -> np.ndarray:
        """Return the framed image, uint8 [size, size, 3]: bilinear, antialiased when shrinking."""
        square = (self.size, self.size)
        return np.array(image.resize(square, Image.Resampling.BILINEAR, box=self.window))

    def position(self, x: float, y: float) -> tuple[float, float]:
        """Return where a position of the photograph falls in the frame, or beyond it."""
        x0, y0, x1, y1 = self.window
        return (x - x0) * self.size / (x1 - x0), (y - y0) * self.size / (y1 - y0)

    def box(self, box: Box) -> Box:
        """Return the part of a box that lies inside the frame; NaN if there is none."""
        corners = (*self.position(*box[:2]), *self.position(*box[2:]))
        x0, y0, x1, y1 = (min(max(corner, 0.0), float(self.size)) for corner in corners)
        return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else NO_BOX

    def keypoints(self, positions: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        """Return the named positions that fall inside the frame, in pixels of the frame."""
        moved = {name: self.position(*position) for name, position in positions.items()}
        return {name: (x, y) for name, (x, y) in moved.items() if 0 <= x < self.size and 0 <= y < self.size}
