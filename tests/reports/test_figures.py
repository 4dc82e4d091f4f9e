"""Figures of means: what is written where."""

from dataclasses import replace

import pandas as pd
import pytest
from matplotlib.text import Text

from reports import figures
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
CROWDED = {
    f"{spread} apart": {name: (0.6 + spread * i, 0.57, 0.66, 60 + i) for i, name in enumerate(CROWD)}
    for spread in (0.0, 0.004)
}


@pytest.mark.parametrize("place", ["", "-first"])
@pytest.mark.parametrize("points", [*CROWDED.values(), MEASURED], ids=[*CROWDED, "measured"])
def test_names_of_points_close_together_do_not_overlap(tmp_path, points, place):
    folder, _ = small(tmp_path)
    results = replace(read(folder, committed=False), explainers=list(points))
    rows = [
        {"explainer": name, "metric": "insertion", "mean": mean, "low": low, "high": high}
        for name, (mean, low, high, _) in points.items()
    ]
    speeds = [Speed(results.key, name, fps=fps) for name, (*_, fps) in points.items()]
    figure = figures.accuracy_against_speed(results, pd.DataFrame(rows), speeds, "insertion", place).figure
    names = [text for text in figure.axes[0].texts if not text.get_text().startswith("published")]
    figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in names]  # the name alone, without its line
    assert len(boxes) == len(points)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
