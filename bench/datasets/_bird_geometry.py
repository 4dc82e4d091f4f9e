"""Plane curves from which birds and their surroundings are drawn.

Every curve is closed and float [n, 2]: (x, y) with y downwards.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

MITRE_LIMIT = 2.0
LINE_WIDTH = 0.011


def polygon(*points: tuple[float, float]) -> np.ndarray:
    """Return the closed polygon with these corners."""
    return np.array(points, float)


def smooth(*points: tuple[float, float], steps: int = 6) -> np.ndarray:
    """Return the closed Catmull-Rom curve through the points, `steps` samples per span."""
    knots = np.array(points, float)
    before, after, beyond = (np.roll(knots, shift, axis=0) for shift in (1, -1, -2))
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    a, b, c, d = (curve[:, None] for curve in (before, knots, after, beyond))
    spans = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return spans.reshape(-1, 2)


def ellipse(x: float, y: float, rx: float, ry: float, degrees: float = 0.0, corners: int = 28) -> np.ndarray:
    """Return the ellipse about (x, y) with half axes rx and ry, turned by `degrees` clockwise on screen."""
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return turn(np.stack([rx * np.cos(angle), ry * np.sin(angle)], 1), degrees) + (x, y)


def ribbon(path: ArrayLike, widths: ArrayLike) -> np.ndarray:
    """Return the strip along `path`, [n, 2], whose full width at each point is given."""
    points = np.array(path, float)
    along = np.gradient(points, axis=0)
    normal = np.stack([-along[:, 1], along[:, 0]], 1) / np.linalg.norm(along, axis=1, keepdims=True)
    offset = normal * np.array(widths, float)[:, None] / 2
    return np.concatenate([points + offset, (points - offset)[::-1]])


def turn(points: np.ndarray, degrees: float) -> np.ndarray:
    """Return the points turned about the origin, clockwise on screen."""
    angle = np.deg2rad(degrees)
    cosine, sine = np.cos(angle), np.sin(angle)
    return points @ np.array([[cosine, sine], [-sine, cosine]])


def grow(points: np.ndarray, margin: float) -> np.ndarray:
    """Return the curve moved outwards by `margin`, its sharp corners at most `MITRE_LIMIT` times as far."""
    following = np.roll(points, -1, axis=0)
    area = np.sum(points[:, 0] * following[:, 1] - following[:, 0] * points[:, 1])
    edges = (following - points) / np.maximum(np.linalg.norm(following - points, axis=1, keepdims=True), 1e-9)
    normals = np.stack([edges[:, 1], -edges[:, 0]], 1) * np.sign(area)
    bisector = normals + np.roll(normals, 1, axis=0)
    length = np.maximum(np.linalg.norm(bisector, axis=1, keepdims=True), 1e-9)
    return points + bisector / length * margin * np.minimum(2 / length, MITRE_LIMIT)


class Piece(NamedTuple):
    """One filled curve; `tone` says which shade of the part's colour fills it."""

    points: np.ndarray
    tone: str


def outlined(*pieces: tuple[np.ndarray, str]) -> tuple[Piece, ...]:
    """Return the pieces behind one common outline of those in the main tone."""
    lines = [Piece(grow(points, LINE_WIDTH), "line") for points, tone in pieces if tone == "main"]
    return (*lines, *(Piece(points, tone) for points, tone in pieces))
