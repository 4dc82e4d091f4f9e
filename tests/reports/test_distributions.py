"""A box per explainer holds the quartiles of its values over images."""

import numpy as np
import pytest

from bench import artifacts
from reports import distributions
from reports.results import read
from tests.reports.reading import Page, small

NAMES = ("surrogate", "grad_cam", "uniform")


def drawn(folder, metric="insertion"):
    return distributions.boxes(read(folder, committed=False), metric)


def test_boxes_are_quartiles_and_whiskers_the_5th_to_95th_percentile(tmp_path):
    folder, _ = small(tmp_path, NAMES, images=40)
    results = read(folder, committed=False)
    axes = distributions.boxes(results, "insertion").figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "Attentive surrogate",
        "Grad-CAM",
        "Uniform noise",
    ]
    seen = [np.ravel(line.get_xdata()) for line in axes.lines]
    for name in NAMES:
        values = results.scores[name, "insertion"].to_numpy()
        low, q1, median, q3, high = np.percentile(values, [5, 25, 50, 75, 95])
        inside = values[(values >= low) & (values <= high)]
        for ends in ((median, median), (q1, inside.min()), (q3, inside.max())):
            assert any(np.allclose(one, ends) for one in seen), (name, ends)


def test_values_are_per_image_after_seeds_and_without_nan(tmp_path):
    folder, _ = small(tmp_path, NAMES, seeds=2, metrics=("insertion", "part_pointing"))
    results = read(folder, committed=False)
    assert distributions.values(results, "insertion")["explainer"].value_counts().to_dict() == dict.fromkeys(NAMES, 12)
    pointed = distributions.values(results, "part_pointing")
    assert pointed["value"].notna().all() and len(pointed) == 3 * 11


def test_metrics_that_an_image_passes_or_fails_have_no_box(tmp_path):
    folder, _ = small(tmp_path, NAMES, seeds=2, metrics=("insertion", "part_pointing"))
    assert drawn(folder, "part_pointing") is None
    assert distributions.left_out(read(folder, committed=False)) == ["part_pointing"], "the others were not scored"


@pytest.mark.parametrize(("images", "left_out"), [(1, ["insertion"]), (4, ["insertion"]), (5, [])])
def test_few_images_have_no_box(tmp_path, images, left_out):
    folder, _ = small(tmp_path, NAMES, images=images, metrics=("insertion",))
    results = read(folder, committed=False)
    assert (distributions.boxes(results, "insertion") is None) == bool(left_out)
    assert distributions.left_out(results) == left_out


def test_metric_that_applies_to_no_image_has_no_box(tmp_path):
    folder, _ = small(tmp_path, NAMES)
    for name in NAMES:
        rows = artifacts.read_rows(folder / f"scores/{name}.parquet").assign(value=np.nan)
        artifacts.write_rows(folder / f"scores/{name}.parquet", rows)
    results = read(folder, committed=False)
    assert distributions.left_out(results) == []
    assert all(distributions.boxes(results, metric) is None for metric in results.ranking)


def test_page_keeps_the_boxes_closed(whole):
    page = Page(whole[2])
    labels = [figure["aria-label"] for figure in page.all("svg")]
    whose = "Deletion AUC: median, quartiles and 5th to 95th percentile over images of every method"
    assert labels.count(whose) == 2
    start = whole[2].index("<summary>Distributions over images")
    assert whole[2][:start].endswith('<details class="plain">')
    assert "over too few images: Pointing game, Part pointing." in page.text
    assert not any(label.startswith(("Pointing game: median", "Gini index: median")) for label in labels)
