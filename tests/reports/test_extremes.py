"""What is unusual still gives a page, and the page says what is missing."""

import pytest

from bench import artifacts
from reports import gallery
from tests.reports import result_tree
from tests.reports.reading import Page, rendered, small

CLASSES = tuple(f"class {i:03d} of many" for i in range(200))


def test_one_method_is_shown_and_what_needs_two_is_named(tmp_path):
    _, params = small(tmp_path, ("surrogate",))
    text = Page(rendered(tmp_path, params)).text
    assert "Attentive surrogate" in text
    assert "No paired differences: the surrogate was scored beside no other method." in text
    assert "No average ranks: they need two methods and two metrics." in text


def test_without_the_surrogate_there_are_no_differences(tmp_path):
    _, params = small(tmp_path, ("grad_cam", "rise"))
    assert "No paired differences: the surrogate has no scores." in Page(rendered(tmp_path, params)).text


def test_what_was_not_timed_is_named(tmp_path):
    folder, params = small(tmp_path)
    (folder / "benchmarks.json").unlink()
    for path in (folder / "throughput").iterdir():
        path.unlink()
    text = Page(rendered(tmp_path, params)).text
    assert "No throughput: no method was timed." in text
    assert "the growth of the cost were not timed here: make benchmark does." in text


def test_200_classes_give_a_page_of_the_same_size(tmp_path):
    sizes = []
    for classes in (CLASSES[:2], CLASSES):
        root = tmp_path / str(len(classes))
        root.mkdir()
        params = result_tree.write_params(root, ["parts"])
        result_tree.write_results(root / "results/parts", images=40, classes=classes)
        result_tree.write_work(root / "work/parts", images=40, classes=classes)
        gallery.main(params, "parts", root)
        html = rendered(root, params)
        assert classes[1] in Page(html).text
        sizes.append(len(html))
    assert sizes[1] == pytest.approx(sizes[0], rel=0.05)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_scores_that_are_no_numbers_are_dashes_or_infinite_and_nothing_breaks(tmp_path, value):
    folder, params = small(tmp_path, ("surrogate", "grad_cam", "rise"))
    rows = artifacts.read_rows(folder / "scores/rise.parquet").assign(value=value)
    artifacts.write_rows(folder / "scores/rise.parquet", rows)
    words = Page(rendered(tmp_path, params)).text.lower().split()
    assert "nan" not in words and "inf" not in words and "rise" in words
