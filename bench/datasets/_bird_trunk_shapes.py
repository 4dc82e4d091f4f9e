"""The torso, and five shapes each of wing, breast, tail and legs, about their joints on it."""

import numpy as np

from bench.datasets._bird_geometry import Piece, ellipse, outlined, polygon, ribbon, smooth, turn
from bench.datasets._bird_head_shapes import HEAD_RADIUS

TORSO_AXES = (0.285, 0.195)
TORSO_TILT = -20.0
HEAD = (0.10, -0.125)


def _on_torso(points: np.ndarray) -> np.ndarray:
    """Map a curve of the unit disc, whose +x is the chest, onto the torso, kept just inside its edge."""
    radius = np.linalg.norm(points, axis=1, keepdims=True)
    return turn(points * np.minimum(1, 0.97 / np.maximum(radius, 1e-9)) * TORSO_AXES, TORSO_TILT)


def wings() -> dict[str, tuple[Piece, ...]]:
    """Return the wings, about the shoulder, pointing left."""
    leaf = smooth((0.10, -0.03), (0.0, -0.085), (-0.16, -0.07), (-0.33, 0.06), (-0.17, 0.115), (0.02, 0.10))
    blade = smooth((0.11, -0.02), (0.0, -0.08), (-0.22, -0.09), (-0.47, -0.02), (-0.22, 0.075), (0.03, 0.085))
    fingers = [turn(ellipse(-0.15, 0, 0.19, 0.05), angle) for angle in (14, -8, -30)]
    bars = [
        ribbon([(x, -0.06 + lift), (x - 0.025, 0.10)], [0.045, 0.045])
        for x, lift in ((0.0, 0.0), (-0.09, 0.005), (-0.18, 0.03))
    ]
    spots = [
        ellipse(x, y, 0.028, 0.028, corners=14)
        for x, y in ((0.02, -0.025), (0.0, 0.055), (-0.08, 0.005), (-0.11, 0.07), (-0.17, 0.0), (-0.22, 0.06))
    ]
    fold = smooth((-0.02, 0.03), (-0.15, 0.02), (-0.31, 0.06), (-0.17, 0.10), (-0.02, 0.085))
    return {
        "leaf": outlined((leaf, "main"), (fold, "shade")),
        "blade": outlined((blade, "main"), (polygon((-0.05, 0.0), (-0.45, -0.018), (-0.2, 0.06)), "shade")),
        "barred": outlined((leaf, "main"), *((bar, "accent") for bar in bars)),
        "fingers": outlined(
            *((finger, "main") for finger in fingers),
            (ellipse(0.0, 0.0, 0.10, 0.08), "main"),
            *((turn(ellipse(-0.28, 0, 0.045, 0.026), a), "accent") for a in (14, -8, -30)),
        ),
        "spotted": outlined((leaf, "main"), *((spot, "accent") for spot in spots)),
    }


def breasts() -> dict[str, tuple[Piece, ...]]:
    """Return the marks on the breast, about the middle of the torso."""

    def stripe(x: float, half: float) -> np.ndarray:
        return ribbon([(x - 0.25, -1.0), (x, -0.4), (x + 0.04, 0), (x, 0.5), (x - 0.2, 1.0)], [half] * 5)

    spots = ((0.85, -0.25), (0.6, 0.1), (0.82, 0.3), (0.45, 0.5), (0.15, 0.72), (0.62, 0.68), (-0.12, 0.88))
    flat = {
        "bib": [smooth((0.30, -0.85), (1.1, -0.7), (1.2, 0.0), (0.85, 0.35), (0.5, -0.1), (0.35, -0.5))],
        "belly": [smooth((0.75, -0.45), (1.2, 0.0), (0.9, 0.8), (0.1, 1.2), (-0.5, 0.95), (0.1, 0.45), (0.5, 0.1))],
        "banded": [stripe(0.22, 0.17), stripe(0.58, 0.17), stripe(0.93, 0.17)],
        "spotted": [ellipse(x, y, 0.12, 0.165, corners=16) for x, y in spots],
        "sash": [stripe(0.62, 0.52)],
    }
    return {name: outlined(*((_on_torso(curve), "main") for curve in curves)) for name, curves in flat.items()}


def tails() -> dict[str, tuple[Piece, ...]]:
    """Return the tails, about the root of the tail, pointing left."""
    fan = smooth(*_mirrored((0.04, -0.03), (-0.16, -0.09), (-0.29, -0.15), (-0.34, 0)))
    fork = polygon(*_mirrored((0.05, -0.05), (-0.14, -0.07), (-0.40, -0.15), (-0.17, 0)))
    spear = smooth(*_mirrored((0.05, -0.05), (-0.15, -0.06), (-0.46, 0)))
    vane = polygon((-0.08, 0), (-0.30, -0.016), (-0.30, 0.016))
    square = polygon((0.05, -0.05), (-0.31, -0.075), (-0.31, 0.075), (0.05, 0.05))
    band = polygon((-0.20, -0.067), (-0.26, -0.071), (-0.26, 0.071), (-0.20, 0.067))
    shaft, plume = ribbon([(0.05, 0), (-0.2, 0)], [0.05, 0.03]), ellipse(-0.27, 0, 0.085, 0.05)
    spot = ellipse(-0.28, 0, 0.034, 0.024)
    spread = (-22, 0, 22)
    return {
        "fan": outlined((fan, "main"), *((turn(vane, angle), "shade") for angle in (-17, 0, 17))),
        "fork": outlined((fork, "main")),
        "square": outlined((square, "main"), (band, "accent")),
        "plumes": outlined(
            *((turn(shaft, angle), "main") for angle in spread),
            *((turn(plume, angle), "main") for angle in spread),
            *((turn(spot, angle), "accent") for angle in spread),
        ),
        "spear": outlined((spear, "main"), (polygon((-0.05, 0), (-0.44, 0), (-0.15, 0.05)), "shade")),
    }


def _mirrored(*half: tuple[float, float]) -> list[tuple[float, float]]:
    """Return the points, the last of them on the axis y = 0, and their mirror images."""
    return [*half, *((x, -y) for x, y in half[-2::-1])]


def legs() -> dict[str, tuple[Piece, ...]]:
    """Return the pairs of legs, about the hip."""
    thigh = smooth((-0.075, -0.06), (0.055, -0.06), (0.045, 0.09), (0, 0.15), (-0.045, 0.09))
    rings = [(ribbon([(-0.032, y), (0.032, y)], [0.034, 0.034]), "accent") for y in (0.10, 0.18)]
    web = polygon((-0.06, 0.285), (0, 0.185), (0.105, 0.285))
    toes = (polygon((-0.045, 0.275), (-0.015, 0.23), (0.085, 0.275)), "main")
    return {
        "bare": _both_legs(0.042, toes),
        "trousers": _both_legs(0.034, toes, (thigh, "main")),
        "ringed": _both_legs(0.052, toes, *rings),
        "webbed": _both_legs(0.04, (web, "main")),
        "knobbly": _both_legs(0.034, toes, (ellipse(0, 0.13, 0.042, 0.042), "main")),
    }


def _both_legs(width: float, *pieces: tuple[np.ndarray, str]) -> tuple[Piece, ...]:
    """Return two shanks of the given width, 0.26 long, each with the same pieces."""
    shank = ribbon([(0, -0.04), (0, 0.26)], [1.3 * width, width])
    leg = [(shank, "main"), *pieces]
    return outlined(*((points + (x, 0), tone) for x in (-0.055, 0.065) for points, tone in leg))


def body() -> dict[str, tuple[Piece, ...]]:
    """Return the pieces of the body by joint, for the torso and the head move apart."""
    x, y = HEAD
    neck = ribbon([(-x, -y), (0, 0)], [0.27, 0.262])
    rump = polygon((-0.30, -0.03), (-0.10, -0.15), (-0.05, 0.15), (-0.29, 0.055))
    shade = _on_torso(smooth((0.75, 0.55), (0.3, 0.98), (-0.5, 0.95), (-1.0, 0.35), (-0.4, 0.65), (0.2, 0.65)))
    return {
        "torso": outlined((ellipse(0, 0, *TORSO_AXES, TORSO_TILT, 40), "main"), (rump, "main"), (shade, "shade")),
        "head": outlined((neck, "main"), (ellipse(0, 0, HEAD_RADIUS, HEAD_RADIUS, corners=36), "main")),
    }
