"""The curves behind deletion and insertion: the right means and bands, and a page that stands without them."""

import numpy as np
import pandas as pd
import pytest

from bench import artifacts
from reports import perturbation
from reports.results import read
from tests.reports.reading import Page, rendered, small

NAMES = ("surrogate", "grad_cam", "surrogate_no_attention", "uniform", "centre")
METRICS = ("insertion", "deletion")


def written(folder, values, explainer="surrogate", metric="deletion"):
    """Write one curve of an explainer: (seed, image, fraction) -> probability."""
    rows = [(seed, image, metric, fraction, value) for (seed, image, fraction), value in values.items()]
    table = pd.DataFrame(rows, columns=artifacts.PERTURBATION_COLUMNS)
    artifacts.write_rows(folder / f"perturbation/{explainer}.parquet", table.astype({"probability": "float32"}))


def mean_curve(folder, explainer="surrogate", metric="deletion"):
    found = perturbation.means(read(folder, committed=False), metric)
    return found[found["explainer"] == explainer].set_index("fraction")


def test_means_and_bands_are_over_images_after_seeds(tmp_path):
    folder, _ = small(tmp_path, seeds=2)
    values = {(0, "a", 0.5): 0.1, (1, "a", 0.5): 0.3, (0, "b", 0.5): 0.4, (0, "c", 0.5): 0.9, (0, "a", 1.0): 0.25}
    written(folder, values)
    half, whole = mean_curve(folder).loc[0.5], mean_curve(folder).loc[1.0]
    images = np.array([0.2, 0.4, 0.9])
    error = images.std(ddof=1) / np.sqrt(3)
    assert half["n"] == 3
    assert half[["mean", "low", "high"]].tolist() == pytest.approx(
        [0.5, 0.5 - 1.96 * error, 0.5 + 1.96 * error], abs=1e-6
    )
    assert whole["mean"] == 0.25 and whole["n"] == 1
    assert np.isnan(whole["low"]) and np.isnan(whole["high"])


def test_unknown_probabilities_are_left_out(tmp_path):
    folder, _ = small(tmp_path)
    written(folder, {(0, "a", 0.0): 0.5, (0, "b", 0.0): np.nan, (0, "a", 0.5): np.nan, (0, "b", 0.5): np.nan})
    found = mean_curve(folder)
    assert found.index.tolist() == [0.0]
    assert found.loc[0.0, "mean"] == 0.5 and found.loc[0.0, "n"] == 1


def test_images_scored_on_two_devices_share_their_points(tmp_path):
    """The devices divide counts by the number of pixels with different last bits."""
    folder, _ = small(tmp_path)
    one, other = np.float32(1 / 28), np.nextafter(np.float32(1 / 28), np.float32(0))
    written(folder, {(0, "a", one): 0.2, (0, "b", other): 0.6, (0, "a", 1.0): 0.1, (0, "b", 1.0): 0.3})
    found = mean_curve(folder)
    assert one != other and found["n"].tolist() == [2, 2]
    assert found["mean"].tolist() == pytest.approx([0.4, 0.2], abs=1e-6)


def test_figure_has_a_line_per_explainer_bands_for_methods_and_dashes_for_controls(tmp_path):
    folder, _ = small(tmp_path, NAMES, metrics=METRICS)
    results = read(folder, committed=False)
    axes = perturbation.curves(results, "deletion").figure.axes[0]
    lines = {line.get_label(): line for line in axes.lines}
    assert next(iter(lines)) == "Attentive surrogate" and len(lines) == len(NAMES)
    assert len(axes.collections) == 2
    dashed = [name for name, line in lines.items() if line.is_dashed()]
    assert dashed == ["Uniform noise", "Centred Gaussian"]
    found = mean_curve(folder, "grad_cam")
    assert lines["Grad-CAM"].get_ydata() == pytest.approx(found["mean"])
    assert lines["Grad-CAM"].get_xdata() == pytest.approx(100 * found.index)
    assert axes.get_xlabel() == "pixels removed (%)"
    assert axes.get_ylabel() == "probability of the class (lower is better)"


def test_names_in_the_legend_do_not_overlap(whole):
    results = read(whole[0] / "results/parts", committed=False)
    figure = perturbation.curves(results, "insertion").figure
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.legends[0].get_texts()]
    assert len(boxes) == len(results.explainers)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0 for box in boxes)
    assert figure.legends[0].get_window_extent().y1 <= figure.axes[0].get_tightbbox().y0


def test_page_shows_and_explains_the_curves(whole):
    page = Page(whole[2])
    labels = [figure["aria-label"] for figure in page.all("svg")]
    for start in ("Insertion: the most salient pixels come first", "Deletion: the most salient pixels go first"):
        assert sum(label.startswith(start) for label in labels) == 2, "the run and its reference"
    assert "a good map’s line falls early: lower is better" in page.text
    assert "mean ± 1.96 standard errors over the images" in page.text


def test_results_without_curves_miss_nothing(tmp_path):
    folder, params = small(tmp_path)
    for path in (folder / "perturbation").iterdir():
        path.unlink()
    results = read(folder, committed=False)
    assert results.perturbation == {} and not any("perturbation" in name for name in results.missing)
    assert perturbation.kept(results) == []
    assert "while pixels change" not in rendered(tmp_path, params)


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "not found"), (b"PAR1", "unreadable"), ("columns", "unreadable")]
)
def test_explainer_without_curves_is_named_where_others_have_them(tmp_path, content, reason):
    folder, _ = small(tmp_path)
    path = folder / "perturbation/grad_cam.parquet"
    path.unlink()
    if content == "columns":
        artifacts.write_rows(path, pd.DataFrame({"image_id": ["a"]}))
    elif content:
        path.write_bytes(content)
    results = read(folder, committed=False)
    assert [name for name in results.missing if name.startswith(f"perturbation/grad_cam.parquet ({reason}")]
    assert perturbation.means(results, "insertion")["explainer"].unique().tolist() == ["surrogate"]


def test_metrics_without_curves_leave_no_figure(tmp_path):
    folder, _ = small(tmp_path, metrics=("telling_energy",))
    assert perturbation.kept(read(folder, committed=False)) == []


def test_one_image_has_lines_and_no_band(tmp_path):
    folder, _ = small(tmp_path, images=1, metrics=METRICS)
    results = read(folder, committed=False)
    assert perturbation.means(results, "deletion")[["low", "high"]].isna().all(axis=None)
    figure = perturbation.curves(results, "deletion")
    assert "NaN" not in figure.svg and "nan" not in figure.svg
    assert all(np.isfinite(line.get_ydata()).all() for line in figure.figure.axes[0].lines)
    assert not any(len(path.vertices) for band in figure.figure.axes[0].collections for path in band.get_paths())
