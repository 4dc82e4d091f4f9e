"""What the score stage writes besides one number per image: the curves behind areas and means."""

import numpy as np
import pytest
from scipy.integrate import trapezoid

from bench import artifacts
from tests import miniature
from tests.bench.running import Stages

SUMMARIES = {
    "deletion": lambda rows: trapezoid(rows["probability"], rows["fraction"]),
    "insertion": lambda rows: trapezoid(rows["probability"], rows["fraction"]),
    "road_morf": lambda rows: rows["probability"].mean(),
    "road_lerf": lambda rows: rows["probability"].mean(),
}


def scored(folder, **changes):
    """The scores and curves of a control in a miniature experiment."""
    stages = Stages(folder)
    miniature.write(stages.params, miniature.settings(explainers={"uniform": {}}, **changes))
    for stage in ("prepare", "teacher", "intervene"):
        stages.run(stage)
    for stage in ("fit", "explain", "score"):
        stages.run(stage, explainer="uniform")
    read = (artifacts.read_rows(stages.results / f"uniform{kind}.parquet") for kind in ("", ".perturbation"))
    return *read, artifacts.read_rows(stages.results / "predictions.parquet")


@pytest.fixture(scope="module")
def uniform(tmp_path_factory):
    return scored(tmp_path_factory.mktemp("curves"), draws=2)


@pytest.mark.parametrize("metric", SUMMARIES)
def test_every_number_sums_up_its_curve(uniform, metric):
    scores, curves, _ = uniform
    assert list(curves) == artifacts.PERTURBATION_COLUMNS
    own = curves[curves["metric"] == metric].groupby(["seed", "image_id"])[["fraction", "probability"]]
    areas = own.apply(SUMMARIES[metric])
    values = scores[scores["metric"] == metric].set_index(["seed", "image_id"])["value"]
    assert len(areas) == len(values) == 2 * 4
    assert np.allclose(areas, values.reindex(areas.index), atol=1e-6)


def test_curves_begin_and_end_where_they_must(uniform):
    _, curves, predictions = uniform
    deletion, insertion = (curves[curves["metric"] == metric] for metric in ("deletion", "insertion"))
    whole = predictions.set_index("image_id")["probability"]
    for rows, fraction in ((deletion, 0.0), (insertion, 1.0)):
        ends = rows[rows["fraction"] == fraction].set_index("image_id")["probability"]
        assert np.allclose(ends, whole.reindex(ends.index), atol=1e-5)
    assert np.allclose(sorted(deletion["fraction"].unique()), np.arange(5) / 4)


def test_metrics_without_curves_leave_an_empty_table(tmp_path):
    _, curves, _ = scored(tmp_path, metrics={"pointing": {}})
    assert list(curves) == artifacts.PERTURBATION_COLUMNS
    assert curves.empty
