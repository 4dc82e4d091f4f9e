"""The page as a reader meets it: whole, incomplete, tiny and hostile."""

import re

import numpy as np
import pytest

from bench import artifacts
from bench.metrics import _regions
from reports import gallery, glossary
from tests.reports import result_tree
from tests.reports.reading import HOSTILE, Page, region, rendered, small


def test_page_parses_and_needs_nothing_from_the_network(whole):
    page = Page(whole[2])
    for tag, attributes in page.tags:
        for name in ("src", "data", "poster", "srcset", "action", "xlink:href"):
            assert re.match("data:|#|$", attributes.get(name) or ""), (tag, name)
        assert tag not in ("image", "use") or re.match("data:|#", attributes.get("href", "#"))
        assert tag not in ("link", "iframe", "object", "embed", "base")
    assert not re.search(r"url\((?!#)|@import|fetch\(|XMLHttpRequest", whole[2])
    assert len(whole[2]) < 10_000_000


def test_ids_are_unique_and_links_within_the_page_lead_somewhere(whole):
    page = Page(whole[2])
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for link in page.all("a"):
        assert not link["href"].startswith("#") or link["href"][1:] in ids


def test_every_picture_has_an_alternative_text(whole):
    page = Page(whole[2])
    tiles = [one for one in page.all("svg") if (one.get("class") or "").startswith("tile")]
    assert len(tiles) == 2 * (1 + len(result_tree.EXPLAINERS)) + 3 * 4, "first images, and cases of four methods"
    assert all(figure["aria-label"] for figure in page.all("svg"))
    assert page.all("img") == []


def test_every_layer_that_tiles_share_is_on_the_page_once(whole):
    page = Page(whole[2])
    shared = [one["id"] for one in page.all("image") if "id" in one]
    used = [one["href"] for one in page.all("use") if "-layer-" in one.get("href", "")]
    assert set(used) == {f"#{name}" for name in shared}
    assert len(used) > 2 * len(shared)


def test_first_screen_names_hardware_figure_and_tally(whole):
    text = Page(whole[2]).text
    assert "of 5 claims, 2 reproduced, 1 not reproduced, 1 inconclusive, 1 not testable here." in text
    assert "cpu · An Example CPU, 2 threads · timed in fp32 at 32 px" in text
    ledger = Page(region(whole[2], "Claims and verdicts")).text
    assert "+0.130 (+0.080 to +0.180) insertion: surrogate minus grad_cam" in ledger
    assert whole[2].index("Up and to the right is better") < whole[2].index('id="claims"')


def test_the_throughput_suite_is_shown_where_it_was_run(whole):
    text = Page(whole[2]).text
    assert "RISE transcription 1 100 310 3.10 200 2.00" in text
    assert "RISE 1.97" in text
    assert "No GPU was at hand: all of these are CPU timings." in text
    assert "needs 87.0 forward passes and takes 1.43 times as long" in text


def test_sizes_of_training_and_timing_are_told_where_they_differ(whole, tmp_path):
    _, params = small(tmp_path, image_size=96, timing_size=224)
    words = "It was trained at 96 px and timed at 224 px, so it would take more images at 96 px."
    assert words in Page(rendered(tmp_path, params)).text
    assert "both reckoned from × forward pass" in Page(whole[2]).text and "It was trained at" not in Page(whole[2]).text


def test_steps_of_the_front_are_explained_where_there_are_any(whole, tmp_path):
    _, params = small(tmp_path, ("grad_cam", "rise"))
    assert "intervals; grey steps: Pareto front of the methods." in Page(rendered(tmp_path, params)).text
    assert "Bars: 95 % intervals." in Page(whole[2]).text, "the surrogate is the fastest and the best"


def test_best_median_and_worst_cases_are_told_with_their_rule(whole):
    text = Page(whole[2]).text
    assert "By each method’s own Insertion AUC over all 12 evaluation images" in text
    cases = text[text.index("Best, median and worst of each method") :]
    assert cases.count("Best :") == cases.count("Worst :") == 4
    assert "attention is left out: it is not among the methods, or was not trained" in text


def test_page_states_the_figures(whole):
    text = Page(whole[2]).text
    means = {e: result_tree.scores("parts", e, 12).groupby("metric")["value"].mean() for e in result_tree.EXPLAINERS}
    for explainer in result_tree.EXPLAINERS:
        assert f"{means[explainer]['insertion']:.3f}" in text
    assert "A control has a better mean than a method on 4 of 6 metrics" in text
    assert "Every number comes from one training seed" in text
    assert "parts, 2 classes · resnet18, 92.0 % top-1 · 12 evaluation images · cpu" in text


def test_explainers_and_metrics_keep_the_order_of_the_params(tmp_path):
    names = ("surrogate", "rise", "score_cam", "grad_cam", "sobel", "centre")
    folder, params = small(tmp_path, names)
    told = artifacts.read_json(folder / "metrics.json")
    artifacts.write_json(folder / "metrics.json", dict(reversed(told.items())))
    html = rendered(tmp_path, params)
    table = html[html.index('aria-label="Accuracy of') :]
    rows = re.findall(r'<th scope="row">(.*?)</th>', table[: table.index("</table>")])
    assert rows == [glossary.title(name) for name in names]
    assert re.findall(r"Telling energy|Insertion AUC", table)[:2] == ["Telling energy", "Insertion AUC"]


def test_metric_that_the_glossary_does_not_know_has_its_own_title_and_direction(tmp_path):
    folder, params = small(tmp_path)
    for name in ("surrogate", "grad_cam"):
        rows = artifacts.read_rows(folder / f"scores/{name}.parquet").replace({"metric": {"insertion": "novelty"}})
        artifacts.write_rows(folder / f"scores/{name}.parquet", rows)
    artifacts.write_json(folder / "metrics.json", {"novelty": {"title": "Novel <thing>", "better": "lower"}})
    text = Page(rendered(tmp_path, params)).text
    assert "Novel <thing>" in text and "lower is better" in text
    assert "Novel <thing> ↓ ▼ worse +" in text


def test_committed_results_are_labelled_and_have_no_gallery(whole):
    text = Page(whole[2]).text
    assert "committed reference" in text
    assert "computed on cpu (An Example CPU, 2 threads) and were" in text
    assert "a committed reference holds numbers, not pictures" in text


def test_results_of_the_validation_split_are_labelled(tmp_path):
    folder, params = small(tmp_path)
    told = artifacts.read_json(folder / "settings.json")
    assert "validation split" not in Page(rendered(tmp_path, params)).text
    artifacts.write_json(folder / "settings.json", told | {"evaluation_split": "val"})
    artifacts.write_json(folder / "teacher.json", artifacts.read_json(folder / "teacher.json") | {"top1": {"val": 0.7}})
    text = Page(rendered(tmp_path, params)).text
    assert text.count("validation split") > 3
    assert "figures to choose settings by, not to report" in text
    assert "70.0 % top-1" in text and "validation images" in text and "KL, validation" in text


def test_networks_without_a_validation_split_have_a_dash(tmp_path):
    folder, params = small(tmp_path)
    for name, key in (("teacher.json", "top1"), ("fits/surrogate.json", "agreement")):
        artifacts.write_json(folder / name, artifacts.read_json(folder / name) | {key: {"val": None, "test": 0.92}})
    text = Page(rendered(tmp_path, params)).text
    assert "92.0 % top-1" in text and text.count("– 0.920") >= 2
    artifacts.write_json(
        folder / "teacher.json", artifacts.read_json(folder / "teacher.json") | {"top1": {"test": None}}
    )
    assert "nan" not in Page(rendered(tmp_path, params)).text.lower().split()


def test_same_results_give_the_same_page(tmp_path):
    _, params = small(tmp_path)
    assert rendered(tmp_path, params) == rendered(tmp_path, params)


def test_missing_explainer_is_named_and_the_rest_is_shown(tmp_path):
    folder, params = small(tmp_path, ("surrogate", "grad_cam", "rise"))
    for name in ("scores/rise.parquet", "throughput/rise.json", "fits/rise.json"):
        (folder / name).unlink()
    text = Page(rendered(tmp_path, params)).text
    assert "scores/rise.parquet (not found)" in text
    assert "minus RISE" not in text and "minus Grad-CAM" in text
    scores = result_tree.scores("parts", "surrogate", 12).groupby("metric")["value"].mean()
    assert f"{scores['insertion']:.3f}" in text


@pytest.mark.parametrize("content", [b"", b"{", b"PAR1"])
def test_broken_files_are_named(tmp_path, content):
    folder, params = small(tmp_path)
    for name in (
        "scores/grad_cam.parquet",
        "teacher.json",
        "curves/surrogate.csv",
        "throughput/surrogate.json",
    ):
        (folder / name).write_bytes(content)
    text = Page(rendered(tmp_path, params)).text
    assert "scores/grad_cam.parquet (unreadable" in text
    assert "teacher.json (unreadable" in text
    assert "throughput/surrogate.json (unreadable" in text


def test_experiment_without_results_says_so(tmp_path):
    text = Page(rendered(tmp_path, result_tree.write_params(tmp_path, ["parts"], ["gone"]))).text
    assert "settings.json (not found)" in text
    assert "could not be read" in text


def test_no_experiment_at_all(tmp_path):
    assert "No experiment is chosen" in Page(rendered(tmp_path, result_tree.write_params(tmp_path, []))).text


def test_one_image_has_means_and_no_intervals(tmp_path):
    _, params = small(tmp_path, images=1)
    text = Page(rendered(tmp_path, params)).text
    assert "1 evaluation image " in text
    assert "too few images" in text
    assert "nan" not in text.lower().split()


def test_objects_that_fill_the_frame_leave_a_dash_and_a_reason(tmp_path):
    folder, params = small(tmp_path, metrics=("insertion", "pointing"))
    for name in ("surrogate", "grad_cam"):
        rows = artifacts.read_rows(folder / f"scores/{name}.parquet")
        rows.loc[rows["metric"] == "pointing", "value"] = np.nan
        artifacts.write_rows(folder / f"scores/{name}.parquet", rows)
    text = Page(rendered(tmp_path, params)).text
    assert "Not defined on these images: Pointing game; why ." in text
    assert "Pointing game is not defined on any of these images. Needs an annotated object" in text
    assert f"covers at most {_regions.FULL:.0%}".replace("%", " %") in text
    assert "– not defined" in text
    assert "– not scored" in text, "metrics.json names metrics without rows"
    assert "missing" not in text[text.index("Accuracy") :]


def test_metric_that_applies_to_no_image_is_a_dash(tmp_path):
    folder, params = small(tmp_path)
    for name in ("surrogate", "grad_cam"):
        rows = artifacts.read_rows(folder / f"scores/{name}.parquet")
        rows.loc[rows["metric"] == "telling_energy", "value"] = np.nan
        artifacts.write_rows(folder / f"scores/{name}.parquet", rows)
    page = rendered(tmp_path, params)
    assert "nan" not in Page(page).text.lower().split()
    accuracy = artifacts.read_rows(tmp_path / "report/accuracy.csv").set_index(["explainer", "metric"])["n"]
    assert accuracy["surrogate", "telling_energy"] == 0 < accuracy["surrogate", "insertion"]


def test_hostile_names_are_shown_as_text(tmp_path):
    _, params = small(tmp_path, classes=HOSTILE, title=HOSTILE[0])
    result_tree.write_work(tmp_path / "work/parts", classes=HOSTILE)
    result_tree.write_params(tmp_path, ["parts"], title=HOSTILE[0], gallery_images=3)
    gallery.main(params, "parts", tmp_path)
    html = rendered(tmp_path, params)
    page = Page(html)
    assert len(page.all("script")) == 1
    for name in HOSTILE:
        assert name in page.text
    assert "<script>alert" not in html
