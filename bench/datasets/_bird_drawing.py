"""Draw a bird into its scene: one canvas, four samples per pixel each way, colour and part side by side."""

import numpy as np
from PIL import Image, ImageDraw

from bench.datasets._bird_classes import COLOURS, Look
from bench.datasets._bird_scene import Colour, Scene, shaded
from bench.datasets._bird_shapes import BODY, FRAMES, PAINT_ORDER, SHAPES

OVERSAMPLING = 4
PART_NAMES = tuple(FRAMES)
INK, CREAM = (38.0, 34.0, 44.0), (250.0, 240.0, 214.0)
LUMA = (0.299, 0.587, 0.114)


def draw(scene: Scene, looks: dict[str, Look], size: int, without: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the picture, uint8 [size, size, 3], and its parts, uint8 [size, size].

    The parts canvas is the fourth channel of the colour canvas, so each curve is filled once.
    What lies behind the part `without` is shown in its place; all else is drawn the same.
    """
    side = size * OVERSAMPLING
    canvas = _backdrop(scene, side)
    pen = ImageDraw.Draw(canvas)
    for points, colour in scene.clutter:
        _fill(pen, points * side, _ink(colour, 0))
    for part in PAINT_ORDER:
        if part != without:
            _paint(pen, scene, part, looks, side)
    middle = OVERSAMPLING // 2
    segments = np.asarray(canvas)[middle::OVERSAMPLING, middle::OVERSAMPLING, 3].copy()
    pixels = np.asarray(canvas.reduce(OVERSAMPLING))[..., :3]
    return _lit(pixels, scene), segments


def _backdrop(scene: Scene, side: int) -> Image.Image:
    """Return the canvas with the backdrop and no part anywhere, mode RGBX."""
    small = np.zeros((*scene.backdrop.shape[:2], 4), np.uint8)
    small[..., :3] = scene.backdrop
    grid = Image.frombuffer("RGBX", small.shape[1::-1], small.tobytes(), "raw", "RGBX", 0, 1)
    pixels = grid.resize((side // OVERSAMPLING,) * 2, Image.Resampling.BICUBIC)
    return pixels.resize((side, side), Image.Resampling.NEAREST)


def _paint(pen: ImageDraw.ImageDraw, scene: Scene, part: str, looks: dict[str, Look], side: int) -> None:
    """Fill the pieces of one part, outlines first."""
    if part == "body":
        pieces = [(joint, piece) for joint, group in BODY.items() for piece in group]
        pieces.sort(key=lambda entry: entry[1].tone != "line")
        colour = scene.body
    else:
        pieces = [(FRAMES[part], piece) for piece in SHAPES[part][looks[part].shape]]
        colour = COLOURS[looks[part].colour]
    number = PART_NAMES.index(part) + 1
    tones = _tones(shaded(colour, scene.sheen[part]))
    inks = {tone: _ink(shade, number) for tone, shade in tones.items()}
    for joint, piece in pieces:
        matrix, shift = scene.joints[joint]
        _fill(pen, (piece.points @ matrix + shift) * side, inks[piece.tone])


def _tones(colour: Colour) -> dict[str, Colour]:
    """Return the shades of one part: near-black parts get lighter shades, light parts a dark accent."""
    dark = np.dot(LUMA, colour) < 60
    shade = shaded(colour, 1.2, 26) if dark else shaded(colour, 0.8)
    accent = CREAM if np.dot(LUMA, colour) < 150 else INK
    line = shaded(colour, 0.45)
    return {"main": colour, "shade": shade, "accent": accent, "line": line, "pupil": INK, "glint": CREAM}


def _ink(colour: Colour, number: int) -> tuple[int, int, int, int]:
    """Return the value of the canvas under a colour and the number of its part."""
    red, green, blue = colour
    return min(255, round(red)), min(255, round(green)), min(255, round(blue)), number


def _fill(pen: ImageDraw.ImageDraw, points: np.ndarray, ink: tuple[int, int, int, int]) -> None:
    """Fill one curve, given in samples."""
    pen.polygon(np.rint(points).ravel().tolist(), fill=ink)


def _lit(pixels: np.ndarray, scene: Scene) -> np.ndarray:
    """Return the pixels under the scene's light; each pixel depends on itself alone."""
    size = len(pixels)
    ramp = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    gain, across, down = scene.light.T.astype(np.float32)
    light = gain + ramp[None, :, None] * across + ramp[:, None, None] * down
    toned = (pixels - np.float32(127.5)) * np.float32(scene.contrast) + np.float32(127.5 + 255 * scene.brightness)
    return np.clip(toned * light + 0.5, 0, 255).astype(np.uint8)
