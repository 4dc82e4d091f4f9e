"""Everything about a picture that its class does not decide: pose, body colour, light and surroundings.

Coordinates are in units of the frame: (0, 0) is the upper left and (1, 1) the lower right corner.
"""

import colorsys
from dataclasses import dataclass

import numpy as np

from bench.datasets._bird_classes import COLOURS
from bench.datasets._bird_geometry import ellipse, ribbon, smooth, turn
from bench.datasets._bird_shapes import FRAMES, SHAPES
from bench.datasets._bird_trunk_shapes import HEAD

Colour = tuple[float, float, float]
# Joint -> where it sits on the torso, and the largest turn in degrees up and down.
JOINTS = {
    "torso": ((0.0, 0.0), 0, 0),
    "head": ((0.15, -0.13), -20, 16),
    "wing": ((0.05, -0.035), -12, 22),
    "tail": ((-0.26, 0.025), -22, 28),
    "legs": ((0.0, 0.12), -16, 16),
}
# How far any species reaches, by joint: the frame is filled alike whatever the class.
REACH = {
    "head": ((0.38, 0.05), (-0.1, -0.27), (0.05, -0.30)),
    "tail": ((-0.40, -0.1), (-0.40, 0.1)),
    "legs": ((-0.1, 0.27), (0.15, 0.27)),
    "torso": ((0.27, 0.0), (0.0, 0.2)),
}
WIDTHS = (0.62, 0.86)
MARGIN = 0.03
GRID = 40
LEAF = smooth((0, 0), (0.4, -0.3), (1.3, 0), (0.4, 0.3))
DISC = ellipse(0, 0, 1, 1, corners=24)


@dataclass(frozen=True)
class Scene:
    """One bird's surroundings.

    joints: joint -> (matrix [2, 2], shift [2]); a point p of the part lies at p @ matrix + shift.
    scale: frame units per bird unit.
    body: RGB of the body, 0 to 255.
    sheen: part -> factor on the colour of that part, about 1.
    backdrop: uint8 [GRID, GRID, 3], enlarged smoothly behind everything.
    clutter: curves [n, 2] with their RGB, back to front, between the backdrop and the bird.
    light: float [3, 3]; row c holds gain, slope along x and slope along y of channel c.
    contrast, brightness: applied about mid grey, brightness as a share of full scale.
    """

    joints: dict[str, tuple[np.ndarray, np.ndarray]]
    scale: float
    body: Colour
    sheen: dict[str, float]
    backdrop: np.ndarray
    clutter: list[tuple[np.ndarray, Colour]]
    light: np.ndarray
    contrast: float
    brightness: float


def draw_scene(seed: int) -> Scene:
    """Return the scene of one seed; the class has no part in it."""
    rng = np.random.default_rng(seed)
    joints, scale = _pose(rng)
    body = _hsv(rng.uniform(), rng.uniform(0.12, 0.5), rng.uniform(0.42, 0.85))
    sheen = {part: rng.uniform(0.9, 1.08) for part in FRAMES}
    backdrop = _backdrop(rng)
    clutter = _clutter(rng, joints["legs"], scale)
    light = np.stack([rng.uniform(0.92, 1.08, 3), *np.tile(rng.uniform(-0.16, 0.16, (2, 1)), 3)], 1)
    return Scene(
        joints,
        scale,
        body,
        sheen,
        backdrop,
        clutter,
        light,
        rng.uniform(0.85, 1.12),
        rng.uniform(-0.07, 0.07),
    )


def shaded(colour: Colour, factor: float, lift: float = 0.0) -> Colour:
    """Return each channel of the colour times `factor` plus `lift`."""
    red, green, blue = colour
    return factor * red + lift, factor * green + lift, factor * blue + lift


def _hsv(hue: float, saturation: float, value: float) -> Colour:
    """Return the RGB, 0 to 255, of a hue, saturation and value, 0 to 1 each."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return 255 * red, 255 * green, 255 * blue


def _pose(rng: np.random.Generator) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], float]:
    """Return the joints of a bird turned, flipped, scaled and placed at random inside the frame."""
    flip, angle, width = rng.integers(2), rng.uniform(-20, 20), rng.uniform(*WIDTHS)
    whole = turn(np.eye(2), angle) * (1 - 2 * flip, 1)
    joints = {}
    for name, (place, low, high) in JOINTS.items():
        bend = turn(np.eye(2), rng.uniform(low, high))
        offset = np.array(place)
        if name == "head":
            offset = offset + np.array(HEAD) @ bend
        joints[name] = (bend @ whole, offset @ whole)
    reach = np.concatenate([np.array(points) @ joints[name][0] + joints[name][1] for name, points in REACH.items()])
    low, high = reach.min(0), reach.max(0)
    scale = min(width / (high - low)[0], (1 - 2 * MARGIN) / (high - low)[1])
    room = 1 - 2 * MARGIN - scale * (high - low)
    shift = MARGIN + rng.uniform(size=2) * np.maximum(room, 0) - scale * low
    return {name: (scale * matrix, scale * place + shift) for name, (matrix, place) in joints.items()}, scale


def _backdrop(rng: np.random.Generator) -> np.ndarray:
    """Return smooth colour patches around one hue under fine noise, uint8 [GRID, GRID, 3]."""
    hue = (0.10, 0.25, 0.34, 0.52, 0.58)[rng.integers(5)] + rng.uniform(-0.05, 0.05)
    patches = np.array(
        [
            [_hsv(hue + rng.uniform(-0.06, 0.06), rng.uniform(0.1, 0.45), rng.uniform(0.4, 0.92)) for _ in range(4)]
            for _ in range(4)
        ]
    )
    knots, grid = np.linspace(0, 1, 4), np.linspace(0, 1, GRID)
    weights = np.clip(1 - np.abs(grid[:, None] - knots) * 3, 0, 1)
    smooth_field = np.tensordot(weights, weights @ patches, axes=1)
    noise = rng.normal(0, rng.uniform(1.5, 6), (GRID, GRID, 1))
    return np.clip(smooth_field + noise, 0, 255).astype(np.uint8)


def _clutter(
    rng: np.random.Generator, feet: tuple[np.ndarray, np.ndarray], scale: float
) -> list[tuple[np.ndarray, Colour]]:
    """Return soft blobs, leafy twigs, a perch under the feet, coloured discs and loose parts."""
    pieces = []
    for _ in range(rng.integers(2, 6)):
        colour = _hsv(rng.uniform(0.05, 0.65), rng.uniform(0.1, 0.4), rng.uniform(0.45, 0.95))
        blob = turn(DISC * rng.uniform(0.05, 0.2, 2), rng.uniform(0, 180)) + rng.uniform(0, 1, 2)
        pieces.append((blob, colour))
    for _ in range(rng.integers(1, 4)):
        pieces += _twig(rng, rng.uniform(0, 1, 2), rng.uniform(0, 180), rng.uniform(0.012, 0.03))
    for _ in range(rng.integers(2, 5)):
        pieces += _loose_part(rng, scale)
    for _ in range(rng.integers(1, 4)):
        pieces.append((DISC * rng.uniform(0.015, 0.06) + rng.uniform(0, 1, 2), _any_colour(rng)))
    matrix, shift = feet
    slope = np.degrees(np.arctan2(matrix[0, 1], matrix[0, 0])) + rng.uniform(-8, 8)
    pieces += _twig(rng, np.array((0.0, 0.295)) @ matrix + shift, slope, rng.uniform(0.025, 0.05) * scale * 1.4)
    return pieces


def _any_colour(rng: np.random.Generator) -> Colour:
    """Return one of the parts' own colours, so that colour alone does not betray a bird."""
    return tuple(COLOURS.values())[rng.integers(len(COLOURS))]


def _twig(
    rng: np.random.Generator, through: np.ndarray, degrees: float, width: float
) -> list[tuple[np.ndarray, Colour]]:
    """Return a gently bent twig across the frame and the leaves on it."""
    steps = np.linspace(-1.2, 1.2, 13)
    bend = rng.uniform(-0.15, 0.15)
    line = turn(np.stack([steps, bend * steps**2], 1), degrees) + through
    bark = _hsv(rng.uniform(0.04, 0.10), rng.uniform(0.25, 0.5), rng.uniform(0.25, 0.5))
    pieces = []
    for _ in range(rng.integers(2, 6)):
        hue, side = (0.08, 0.14, 0.27, 0.36)[rng.integers(4)], 2 * rng.integers(2) - 1
        leaf = turn(LEAF * rng.uniform(0.05, 0.12), degrees + side * rng.uniform(20, 160))
        green = _hsv(hue, rng.uniform(0.35, 0.65), rng.uniform(0.4, 0.75))
        pieces.append((leaf + line[rng.integers(len(line))], green))
    return [(ribbon(line, np.linspace(width * 1.3, width * 0.7, 13)), bark), *pieces]


def _loose_part(rng: np.random.Generator, scale: float) -> list[tuple[np.ndarray, Colour]]:
    """Return one part that belongs to no bird, of any shape and colour, anywhere in the frame."""
    shapes = tuple(SHAPES[("beak", "crown", "wing", "tail")[rng.integers(4)]].values())
    pieces = shapes[rng.integers(len(shapes))]
    degrees, size, place = rng.uniform(0, 360), scale * rng.uniform(0.6, 0.95), rng.uniform(0.05, 0.95, 2)
    middle = np.concatenate([piece.points for piece in pieces]).mean(0)
    colour = _any_colour(rng)
    tones = {"line": shaded(colour, 0.5), "shade": shaded(colour, 0.8)}
    return [(turn(piece.points - middle, degrees) * size + place, tones.get(piece.tone, colour)) for piece in pieces]
