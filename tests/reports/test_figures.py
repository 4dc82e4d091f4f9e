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


@pytest.mark.parametrize("spread", [0.0, 0.004])
def test_names_of_points_close_together_do_not_overlap(tmp_path, spread):
    folder, _ = small(tmp_path)
    results = replace(read(folder, committed=False), explainers=list(CROWD))
    rows = [
        {"explainer": name, "metric": "insertion", "mean": 0.6 + spread * i, "low": 0.57, "high": 0.66}
        for i, name in enumerate(CROWD)
    ]
    speeds = [Speed(results.key, name, fps=60 + i) for i, name in enumerate(CROWD)]
    figure = figures.accuracy_against_speed(results, pd.DataFrame(rows), speeds, "insertion").figure
    names = [text for text in figure.axes[0].texts if not text.get_text().startswith("published")]
    figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in names]  # the name alone, without its line
    assert len(boxes) == len(CROWD)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
