"""Five shapes each of beak, crown and eye, about the centre of a head that faces right."""

import numpy as np

from bench.datasets._bird_geometry import Piece, ellipse, outlined, polygon, ribbon, smooth, turn

HEAD_RADIUS = 0.145


def beaks() -> dict[str, tuple[Piece, ...]]:
    """Return the beaks, rooted at the right of the head."""
    cone = polygon((0.09, -0.085), (0.18, -0.05), (0.28, 0.035), (0.09, 0.115))
    needle = polygon((0.11, -0.035), (0.43, 0.02), (0.11, 0.06))
    hook = smooth((0.09, -0.09), (0.20, -0.09), (0.28, 0), (0.265, 0.14), (0.215, 0.07), (0.10, 0.08))
    chin = smooth((0.10, 0.04), (0.20, 0.05), (0.20, 0.10), (0.11, 0.10))
    droop = [(0.10, 0.02), (0.20, 0.01), (0.29, 0.04), (0.36, 0.10), (0.39, 0.18)]
    above = [(0.10, -0.03), (0.22, -0.015), (0.33, -0.055), (0.41, 0)]
    below = [(0.40, 0.08), (0.31, 0.10), (0.21, 0.06), (0.10, 0.07)]
    tip = smooth((0.30, 0.03), (0.39, 0.02), (0.385, 0.065), (0.31, 0.08))
    return {
        "cone": outlined((cone, "main"), (polygon((0.10, 0.025), (0.28, 0.035), (0.10, 0.105)), "shade")),
        "needle": outlined((needle, "main"), (polygon((0.11, 0.02), (0.43, 0.02), (0.11, 0.055)), "shade")),
        "hook": outlined((hook, "main"), (chin, "shade")),
        "curlew": outlined((ribbon(droop, [0.10, 0.075, 0.06, 0.045, 0.015]), "main")),
        "spoon": outlined((smooth(*above, *below), "main"), (tip, "shade")),
    }


def crowns() -> dict[str, tuple[Piece, ...]]:
    """Return the crowns, above the head."""
    arc = np.deg2rad(np.linspace(-188, -12, 16))
    skull = [(0.148 * np.cos(angle), 0.148 * np.sin(angle)) for angle in arc]
    front = [(0.11, -0.085), (0.03, -0.165), (-0.08, -0.20), (-0.27, -0.30)]
    back = [(-0.18, -0.13), (-0.12, -0.03), (0, -0.08)]
    plume, spot = ellipse(0, -0.21, 0.042, 0.10), ellipse(0, -0.26, 0.022, 0.03)
    spread = (-52, -26, 0, 26)
    spike = polygon((-0.06, -0.10), (0, -0.30), (0.06, -0.10))
    stem = ribbon([(0.02, -0.12), (0.03, -0.2), (0.08, -0.25)], [0.05, 0.035, 0.03])
    ball, gleam = ellipse(0.11, -0.265, 0.075, 0.068), ellipse(0.125, -0.285, 0.03, 0.025)
    return {
        "cap": outlined((polygon(*skull, (0.06, -0.055), (-0.06, -0.05)), "main")),
        "crest": outlined((smooth(*front, *back), "main")),
        "plumes": outlined(
            *((turn(plume, angle), "main") for angle in spread),
            *((turn(spot, angle), "accent") for angle in spread),
        ),
        "pompon": outlined((stem, "main"), (ball, "main"), (gleam, "accent")),
        "spikes": outlined(*((turn(spike, angle), "main") for angle in (-60, -22, 16))),
    }


def eyes() -> dict[str, tuple[Piece, ...]]:
    """Return the eyes with what surrounds them."""
    x, y = 0.045, -0.02
    pupil = ((ellipse(x, y, 0.03, 0.03), "pupil"), (ellipse(x + 0.01, y - 0.012, 0.01, 0.01), "glint"))
    band = smooth((-0.135, -0.03), (-0.05, -0.065), (0.06, -0.07), (0.105, -0.03), (0.06, 0.02), (-0.05, 0.01))
    drop = smooth((0.045, -0.075), (0.10, -0.02), (0.06, 0.05), (0.02, 0.115), (0.0, 0.03), (-0.008, -0.03))
    brow = smooth((-0.10, -0.04), (-0.03, -0.095), (0.08, -0.10), (0.11, -0.07), (0.05, -0.06), (-0.04, -0.03))
    return {
        "round": outlined((ellipse(x, y, 0.05, 0.05), "main"), *pupil),
        "mask": outlined((band, "main"), (ellipse(x, y, 0.042, 0.042), "accent"), *pupil),
        "drop": outlined((drop, "main"), *pupil),
        "goggle": outlined((ellipse(x, y, 0.078, 0.078), "main"), (ellipse(x, y, 0.052, 0.052), "accent"), *pupil),
        "brow": outlined((brow, "main"), (ellipse(x, y, 0.042, 0.042), "glint"), *pupil),
    }
