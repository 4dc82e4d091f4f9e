"""Figures of means: what is written where."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from reports import figures, glossary
from reports.results import read
from reports.speeds import Speed
from tests.reports.reading import small

CROWD = ("surrogate", "grad_cam", "grad_cam_plus_plus", "score_cam", "rise", "meaningful_perturbation", "uniform")


# as measured once: two names are wider than what is left between the paper's line and the right margin
MEASURED = {
    "surrogate": (0.850, 0.823, 0.871, 124),
    "grad_cam": (0.829, 0.800, 0.851, 177),
    "grad_cam_plus_plus": (0.832, 0.803, 0.854, 153),
    "score_cam": (0.833, 0.805, 0.855, 2.1),
    "rise": (0.854, 0.827, 0.875, 0.54),
    "meaningful_perturbation": (0.809, 0.777, 0.834, 0.18),
    "uniform": (0.695, 0.664, 0.722, 5090),
    "centre": (0.801, 0.773, 0.825, 13000),
    "sobel": (0.802, 0.773, 0.825, 2100),
}
# once more: a control's name found its free place beside another method's point
CLOSE = {
    "surrogate": (0.894, 0.883, 0.902, 117),
    "grad_cam": (0.857, 0.842, 0.869, 150),
    "grad_cam_plus_plus": (0.856, 0.842, 0.869, 148),
    "score_cam": (0.860, 0.847, 0.872, 1.9),
    "rise": (0.890, 0.881, 0.897, 0.51),
    "meaningful_perturbation": (0.810, 0.781, 0.835, 0.15),
    "uniform": (0.720, 0.697, 0.739, 3160),
    "centre": (0.811, 0.789, 0.829, 4210),
    "sobel": (0.833, 0.812, 0.847, 1190),
}
CROWDED = {
    f"{spread} apart": {name: (0.6 + spread * i, 0.57, 0.66, 60 + i) for i, name in enumerate(CROWD)}
    for spread in (0.0, 0.004)
}


@pytest.fixture
def drawn(tmp_path):
    """Return what draws points, name -> (mean, low, high, frames per second), and the names that are written."""

    def draw(points, place):
        folder, _ = small(tmp_path)
        results = replace(read(folder, committed=False), explainers=list(points))
        rows = [
            {"explainer": name, "metric": "insertion", "mean": mean, "low": low, "high": high}
            for name, (mean, low, high, _) in points.items()
        ]
        speeds = [Speed(results.key, name, fps=fps) for name, (*_, fps) in points.items()]
        figure = figures.accuracy_against_speed(results, pd.DataFrame(rows), speeds, "insertion", place).figure
        figure.draw_without_rendering()
        names = [text for text in figure.axes[0].texts if not text.get_text().startswith("published")]
        assert len(names) == len(points)
        return names

    return draw


@pytest.mark.parametrize("place", ["", "-first"])
@pytest.mark.parametrize("points", [*CROWDED.values(), MEASURED, CLOSE], ids=[*CROWDED, "measured", "close"])
def test_names_of_points_close_together_do_not_overlap(drawn, points, place):
    boxes = [Text.get_window_extent(text) for text in drawn(points, place)]  # the name alone, without its line
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


@pytest.mark.parametrize("place", ["", "-first"])
@pytest.mark.parametrize("points", [MEASURED, CLOSE], ids=["measured", "close"])
def test_a_name_without_a_line_stands_nearest_to_its_own_point(drawn, points, place):
    names = drawn(points, place)
    place_of, titles = names[0].axes.transData.transform, [glossary.title(name) for name in points]
    marks = {title: place_of((fps, mean)) for title, (mean, *_, fps) in zip(titles, points.values(), strict=True)}
    for text in names:
        box = Text.get_window_extent(text)
        gaps = {title: np.hypot(*(np.clip(mark, box.min, box.max) - mark)) for title, mark in marks.items()}
        assert text.arrow_patch or min(gaps, key=gaps.get) == text.get_text(), gaps
